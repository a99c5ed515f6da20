"""The English catalogue of findings: what schema, rules and facts demand of a message; and the words inside sentences.

Words as in `english_texts.py`, whose other half this is.

Promises: pure data, held complete by a test; `{}` stands for what a sentence takes in, in the same order unless
numbered.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FINDINGS: Final[Mapping[str, str]] = {
    # schema
    "Die Nachricht entspricht nicht ihrem Schema; gezeigt werden die ersten {} Fehler.": (
        "The message does not conform to its schema; the first {} errors are shown."
    ),
    "Die Nachricht entspricht nicht ihrem Schema: {}.": "The message does not conform to its schema: {}.",
    "{} entspricht nicht seinem Schema (Regel {}).": "{} does not conform to its schema (rule {}).",
    "„{}“ entspricht nicht seinem Schema.": "“{}” does not conform to its schema.",
    "{} entspricht nicht seinem Schema.": "{} does not conform to its schema.",
    "Das Element entspricht nicht seinem Schema.": "The element does not conform to its schema.",
    "Der Inhalt von „{}“ entspricht nicht seinem Schema.": "The content of “{}” does not conform to its schema.",
    "In „{}“ fehlt ein Element.{}": "An element is missing in “{}”.{}",
    "„{}“ ist in „{}“ an dieser Stelle nicht vorgesehen.{}": "“{}” is not allowed at this place in “{}”.{}",
    "{} hat keinen zugelassenen Wert. Erlaubt: {}.": "{} has a value that is not admitted. Allowed: {}.",
    "{} hat nicht die verlangte Form oder enthält nicht zugelassene Zeichen.{}": (
        "{} does not have the form that is required, or holds characters that are not admitted.{}"
    ),
    "{} hat nicht den verlangten Typ.{}": "{} does not have the type that is required.{}",
    "{} muss {} {} Zeichen lang sein.": "{} must be {} {} characters long.",
    "{} muss {} {} sein.": "{} must be {} {}.",
    "{} muss den Wert „{}“ haben.": "{} must have the value “{}”.",
    "An „{}“ fehlt {}.": "“{}” lacks {}.",
    "An „{}“ ist {} nicht vorgesehen.": "“{}” may not have {}.",
    "In „{}“ darf zwischen den Elementen kein Text stehen.": "No text may stand between the elements of “{}”.",
    "„{}“ darf nicht mit xsi:nil leer bleiben.": "“{}” may not be left empty by xsi:nil.",
    "Ein Verweis (ref.…) nennt eine Nummer, die in der Nachricht nicht vergeben ist.": (
        "A reference (ref.…) names a number that the message does not assign."
    ),
    "Eine Nummer, die eindeutig sein muss, fehlt oder ist zweimal vergeben.": (
        "A number that must be unique is missing or assigned twice."
    ),
    # rules beyond the schema
    "Die Nachricht verletzt {}.": "The message violates {}.",
    "Die AZR-Nummer besteht aus JJMMTT und sechs weiteren Ziffern.": (
        "The AZR-Nummer consists of YYMMDD and six more digits."
    ),
    "Ein Dateiname darf keinen Pfad enthalten.": "A file name may hold no path.",
    "Ein Dateiname darf mit Endung höchstens {} Zeichen haben.": (
        "A file name may have at most {} characters, extension included."
    ),
    "Ein Dateiname hat die Form Name_UUID.Endung; der Name besteht aus Buchstaben, Ziffern, _ und -.": (
        "A file name has the form Name_UUID.extension; the name consists of letters, digits, _ and -."
    ),
    "Zwei Dateinamen unterscheiden sich nur in Groß- und Kleinschreibung.": (
        "Two file names differ in upper and lower case alone."
    ),
    "Diese Datei wird genannt, ist aber nicht beigefügt.": "This file is named, but not attached.",
    "Die beigefügte Datei {} wird in der Nachricht nicht genannt.": (
        "The attached file {} is not named in the message."
    ),
    "Die Datei {} ist mehrfach beigefügt.": "The file {} is attached more than once.",
    "Der Verweis „{}“ nennt kein vorhandenes Element „{}“.": "The reference “{}” names no element “{}” that is there.",
    "Kommunikationspartner und Block „behoerde“ nennen Verschiedenes.": (
        "The partner and the block “behoerde” beside it name different authorities."
    ),
    "Eine Antwort, Ergänzung oder Berichtigung muss ihre Nachricht in fremdeNachrichtenID nennen.": (
        "An answer, supplement or correction must name its message in fremdeNachrichtenID."
    ),
    # facts
    "Die Angaben sind kein Sachverhalt.": "What is stated is no Sachverhalt (facts of a notice).",
    "Ein Sachverhalt ist ein JSON-Objekt.": "A Sachverhalt is a JSON object.",
    "„{}“ ist kein Schlüssel eines Sachverhalts.": "“{}” is no key of a Sachverhalt.",
    "„{}“ fehlt.": "“{}” is missing.",
    "„{}“ muss ein Objekt sein.": "“{}” must be an object.",
    "„{}“ muss eine Liste sein.": "“{}” must be a list.",
    "„{}“ muss true oder false sein.": "“{}” must be true or false.",
    "„{}“ muss ein Datum in der Form JJJJ-MM-TT sein.": "“{}” must be a day in the form YYYY-MM-DD.",
    "„{}“ muss {} sein.": "“{}” must be {}.",
    "Dieser Anlass gehört nicht in diese Nachricht.": "This Anlass does not belong into this message.",
    "Empfänger im Kopf und bekannte Ausländerbehörde im Sachverhalt widersprechen sich.": (
        "The recipient in the head and the known Ausländerbehörde in the facts contradict each other."
    ),
    # what the numbers of the decree demand
    "Ein Haftbefehl kann nicht vor seinem Erlass aufgehoben sein; bitte die beiden Tage prüfen.": (
        "A Haftbefehl cannot be lifted before it was issued; please check both days."
    ),
    "Das Ersuchen muss die eigene Telefaxnummer nennen (erreichbarkeit/telefax).": (
        "The Ersuchen must state your own telefax number (erreichbarkeit/telefax)."
    ),
    "Die Telefaxnummer ist keine Rufnummer; erwartet werden Vorwahl und Nummer, etwa 0221 000-1235.": (
        "The telefax number is no telephone number; expected are area code and number, such as 0221 000-1235."
    ),
    "Das Ersuchen muss die AZR-Nummer nennen (fachdaten/azrNummer).": (
        "The Ersuchen must state the AZR-Nummer (fachdaten/azrNummer)."
    ),
    "Das Ersuchen muss die beabsichtigte Maßnahme nennen: ausweisung oder abschiebung (massnahme).": (
        "The Ersuchen must state the intended measure: ausweisung or abschiebung (massnahme)."
    ),
    "Das Ersuchen muss alle Informationen enthalten, auf die es für die Entscheidung ankommt.": (
        "The Ersuchen must hold all information that matters for the decision."
    ),
    "Ein telefonisches Ersuchen wird nachgetragen; sein Tag liegt nicht voraus.": (
        "An Ersuchen by telephone is recorded afterwards; its day does not lie ahead."
    ),
    "Wer eilbeduerftig auf true setzt, muss die besondere Eilbedürftigkeit in eilbeduerftigWeil begründen.": (
        "Who sets eilbeduerftig to true must give the reason for the urgency in eilbeduerftigWeil."
    ),
    "Ein Grund zur Eile steht da, eilbeduerftig aber nicht auf true; bitte setzen oder den Grund streichen.": (
        "There is a reason for urgency, but eilbeduerftig is not true; please set it, or remove the reason."
    ),
    "Mitgeteilt wird die erfolgte Durchführung; ihr Tag darf nicht nach dem Tag der Nachricht liegen.": (
        "What is told is that it was carried out; its day may not lie after the day of the message."
    ),
    "Die Mitteilung muss die neue Ausländerbehörde nennen (neueAbh).": (
        "The notice must name the new Ausländerbehörde (neueAbh)."
    ),
    "Die neue Ausländerbehörde ist der Absender selbst; zu nennen ist die Behörde, die zuständig geworden ist.": (
        "The new Ausländerbehörde is the sender itself; name the authority that has become competent."
    ),
    "Zu einer Verurteilung gehört das rechtskräftige Urteil mit Gründen: als Dokument beifügen und in urteil nennen, "
    "oder mit urteilFolgt sagen, dass es folgt.": (
        "A conviction comes with the final judgment and its reasons: attach it as a document and name it in urteil, or "
        "say by urteilFolgt that it follows."
    ),
    "Bei Freiheitsentziehung ist der Zeitpunkt zu nennen, von dem an eine Maßnahme nach § 456a StPO in Betracht kommt "
    "(massnahme456aAb), oder mit massnahme456aFolgt zu sagen, dass er folgt; sonst ohneFreiheitsentziehung setzen.": (
        "With a custodial sentence, state from when on a measure under § 456a StPO may be considered "
        "(massnahme456aAb), or say by massnahme456aFolgt that it follows; else set ohneFreiheitsentziehung."
    ),
    "Das Urteil ist noch nicht rechtskräftig: der Tag der Rechtskraft liegt nach dem Tag der Nachricht.": (
        "The judgment is not final yet: the day on which it becomes final lies after the day of the message."
    ),
    "Nachzureichen ist das Urteil (urteil) oder der Zeitpunkt nach § 456a StPO (massnahme456aAb).": (
        "To be supplied is the judgment (urteil), or the time under § 456a StPO (massnahme456aAb)."
    ),
    "Der bisherige und der neue Entlassungstermin sind gleich; mitgeteilt wird eine Änderung.": (
        "The old and the new day of release are the same; what is told is a change."
    ),
    "Das Ersuchen muss sagen, welche aufenthaltsbeendende Maßnahme die Einsicht vorbereitet (zweck).": (
        "The Ersuchen must say which measure ending the residence the inspection prepares (zweck)."
    ),
    "Das Ersuchen muss darlegen, warum eine Auskunft nicht genügt (auskunftGenuegtNichtWeil), oder sagen, wann die "
    "Anstalt einen unvertretbaren Aufwand mitgeteilt hat (unvertretbarerAufwandMitgeteiltAm).": (
        "The Ersuchen must explain why information does not suffice (auskunftGenuegtNichtWeil), or say when the prison "
        "told of an unreasonable effort (unvertretbarerAufwandMitgeteiltAm)."
    ),
    "Die Mitteilung der Anstalt über den Aufwand kann nicht nach dem Ersuchen liegen.": (
        "The prison's word about the effort cannot come after the Ersuchen."
    ),
    "„nachrichtentyp“ nennt eine andere Nachricht als das Wurzelelement; hier gehört {} hin.": (
        "“nachrichtentyp” names another message than the root element; here belongs {}."
    ),
    "Ein Fehler muss seine Nachricht nennen: fremdeNachrichtenID oder bezug mit der Prüfsumme des XML.": (
        "An error must name its message: fremdeNachrichtenID, or bezug with the digest of the XML."
    ),
    "Ein Nachweis über einen Misserfolg muss mindestens einen Grund nennen (grund).": (
        "Evidence of a failure must name at least one reason (grund)."
    ),
}

FRAGMENTS: Final[Mapping[str, str]] = {
    "Der Inhalt": "The body",
    "Der Teil „{}“": "The part “{}”",
    "Das Attribut „{}“ von „{}“": "The attribute “{}” of “{}”",
    "Ein Element": "An element",
    "das Attribut „{}“": "the attribute “{}”",
    "ein Attribut": "an attribute",
    "ein weiteres": "another",
    "{} und {} weitere": "{} and {} more",
    "keine": "none",
    "derzeit keine": "none at present",
    "ab {}": "from {}",
    "ab {} bis {}": "from {} to {}",
    "ein Fehler": "one error",
    "{} Fehler": "{} errors",
    "eine fachliche Regel": "one rule",
    "{} fachliche Regeln": "{} rules",
    "mindestens": "at least",
    "höchstens": "at most",
    "genau": "exactly",
    "größer als": "greater than",
    "kleiner als": "less than",
    " Erwartet wird: {}.": " Expected: {}.",
    " Erwartet wird vorher oder stattdessen: {}.": " Expected before it or instead: {}.",
    " Bitte entfernen oder verschieben.": " Please remove or move it.",
    " Verlangt wird: {}": " Required, in the schema's words: {}",
    " Verlangt wird das Muster „{}“.": " Required is the pattern “{}”.",
    " Verlangt wird {}.": " Required is {}.",
    "ein Behördenschlüssel wie abh:05315000": "an authority key such as abh:05315000",
    "ein Gemeindeschlüssel (AGS) mit 8 Ziffern": "a municipality's key (AGS) of 8 digits",
    "einer der Werte {}": "one of the values {}",
    "einer der Anlässe, die der Erlass kennt": "one of the Anlässe that the decree knows",
    "ein Datum in der Form JJJJ-MM-TT": "a day in the form YYYY-MM-DD",
    "ein Zeitpunkt in der Form JJJJ-MM-TTThh:mm:ss mit Zeitzone": (
        "a moment in the form YYYY-MM-DDThh:mm:ss with its time zone"
    ),
    "true oder false": "true or false",
    "eine ganze Zahl": "a whole number",
    "eine ganze Zahl ab 0": "a whole number from 0 on",
    "eine ganze Zahl ab 1": "a whole number from 1 on",
    "eine Zahl": "a number",
    # what our own schemas say of their types
    "Ein kurzer Text ohne Zeilenumbruch.": "A short text without line breaks.",
    "Name einer Stelle, einer Firma oder eines Produkts.": "Name of an office, a company or a product.",
    "Name einer Behörde, wie sie ihn führt; anders als eine Bezeichnung auch mit Gedankenstrich. Eine Zeile.": (
        "Name of an authority as it bears it; unlike a Bezeichnung it may hold a dash. One line."
    ),
    "Text des Absenders zur Sache, auch mehrzeilig. Was länger ist, gehört in eine Datei.": (
        "The sender's text on the matter, several lines allowed. What is longer belongs into a file."
    ),
    "Begründung oder Meldung in freier Form. Sie nimmt auch Zeichen auf, die DIN 91379 nicht kennt, etwa den "
    "Gedankenstrich.": "A reason or report in free form. It may hold characters beyond DIN 91379, such as the dash.",
    "Nummer innerhalb der Nachricht, auf die ein Verweis zeigt: Rollen-, Beteiligten-, Instanznummer.": (
        "A number within the message that references point to: of a role, a participant, an instance."
    ),
    "Eine Ausländerbehörde oder Zentrale Ausländerbehörde.": "An Ausländerbehörde or Zentrale Ausländerbehörde.",
    "Ein Gericht oder eine Staatsanwaltschaft.": "A court or a Staatsanwaltschaft.",
    "Eine Polizeibehörde.": "A police authority.",
    "Eine Justizvollzugsanstalt oder Einrichtung des Maßregelvollzugs.": (
        "A prison or an institution of the Maßregelvollzug."
    ),
    "Eine Stelle, für die es keinen amtlichen Code gibt.": "An office that has no official code.",
    "Amtlicher Gemeindeschlüssel, acht Ziffern.": "Official key of a municipality, eight digits.",
    "Kalendertag ohne Zeitzone, JJJJ-MM-TT.": "Day without time zone, YYYY-MM-DD.",
    "Datum, von dem Tag oder Monat fehlen dürfen.": "A date whose day or month may be missing.",
    "Tag und Uhrzeit; die Zeitzone soll dabeistehen.": "Day and time; the time zone should be there, too.",
    "Eine Aussage, die nur zutreffen oder fehlen kann.": "A statement that can only be true or be missing.",
    "SHA-256 in 64 kleinen Hexadezimalziffern.": "SHA-256 in 64 lower-case hexadecimal digits.",
    "Nummer im Ausländerzentralregister: Jahr, Monat, Tag, sechs weitere Ziffern.": (
        "Number in the Ausländerzentralregister: year, month, day, six more digits."
    ),
    "Name_UUID.Endung, höchstens 90 Zeichen: Buchstaben, Ziffern, Unterstrich, Bindestrich; Punkte nur vor den "
    "Endungen. Der Name trifft auf genau eine mitgesandte Datei zu.": (
        "Name_UUID.extension, at most 90 characters: letters, digits, underscore, hyphen; dots before extensions only. "
        "The name is that of exactly one attached file."
    ),
    "Name einer Datei in einer fremden Nachricht, so wie er dort steht; nie ein Pfad.": (
        "Name of a file in somebody else's message, as it stands there; never a path."
    ),
    "Version des Standards. Unter 1 bleibt jede Nachricht nach diesem Schema gültig.": (
        "Version of the standard. Within 1 each message by this schema stays valid."
    ),
    "Name des Wurzelelements mit der Nummer der Nachricht.": "Name of the root element with the message's number.",
    "DIN 91379, Datentyp A: Namen natürlicher Personen.": "DIN 91379, data type A: names of natural persons.",
    "DIN 91379, Datentyp B: sonstige Namen, etwa von Straßen und Orten.": (
        "DIN 91379, data type B: other names, such as of streets and places."
    ),
    "DIN 91379, Datentyp C: Texte in lateinischer Schrift, auch mehrzeilig.": (
        "DIN 91379, data type C: texts in Latin script, several lines allowed."
    ),
    "DIN 91379, Datentyp D: Namen von juristischen Personen und Produkten, auch mit griechischen Buchstaben.": (
        "DIN 91379, data type D: names of legal persons and products, Greek letters allowed."
    ),
    "DIN 91379, Datentyp E: Texte auch mit griechischen und kyrillischen Buchstaben.": (
        "DIN 91379, data type E: texts, Greek and Cyrillic letters allowed."
    ),
    "Kurzes Wort aus Kleinbuchstaben, Ziffern und Unterstrich, wie die Ereignisse des Gateways es nennen.": (
        "A short word of lower-case letters, digits and underscore, as the gateway's events name it."
    ),
}
"""Words and half-sentences that stand inside sentences; the last are the documentation of types in our own schemas."""
