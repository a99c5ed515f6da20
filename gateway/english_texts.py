"""The English catalogue of refusals: the German sentence as the source has it, and the same in English.

Words: Nachricht = message, Mitteilung = notice, Behörde = authority, Betrieb = operator, Verzeichnis = directory, Teil
= part, Eintrag = entry, Zustellung = delivery, Klärung = clearing, zurückgestellt = withheld. Legal terms stay as the
decree writes them (Ausländerbehörde, Staatsanwaltschaft, Ersuchen, Anlass), and names of fields are what they are on
the wire.

Promises: pure data, held complete by a test; `{}` stands for what a sentence takes in, in the same order unless
numbered.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # what a status means
    "Anfrage abgewiesen": "Request refused",
    "Die Anfrage wurde abgewiesen.": "The request was refused.",
    "Nicht lesbar": "Not readable",
    "Die Anfrage ist kein wohlgeformtes XML oder kein vollständiges multipart/form-data.": (
        "The request is no well-formed XML, or no complete multipart/form-data."
    ),
    "Nicht angemeldet": "Not authenticated",
    "Es wurde kein Client-Zertifikat vorgelegt.": "No client certificate was presented.",
    "Nicht erlaubt": "Not permitted",
    "Das Zertifikat ist hierfür nicht zugelassen.": "The certificate is not admitted for this.",
    "Nicht gefunden": "Not found",
    "Unter dieser Adresse gibt es nichts, das Sie sehen dürfen.": (
        "There is nothing at this address that you may see."
    ),
    "Konflikt": "Conflict",
    "Unter dieser Nachrichten-ID liegt bereits eine andere Nachricht vor.": (
        "Another message with this message ID is already here."
    ),
    "Inhalt gelöscht": "Content deleted",
    "Der Inhalt dieser Nachricht ist gelöscht, weil die Aufbewahrungsfrist vorbei ist; die Nachweise sind noch da.": (
        "The content of this message was deleted at the end of its retention; its evidence is still here."
    ),
    "Zu groß": "Too large",
    "Die Anfrage überschreitet eine Größengrenze.": "The request exceeds a limit of size.",
    "Medientyp nicht unterstützt": "Unsupported media type",
    "Der Medientyp der Anfrage wird nicht unterstützt.": "The media type of the request is not supported.",
    "Nachricht ungültig": "Message invalid",
    "Die Nachricht verletzt ihr Schema oder eine fachliche Regel.": (
        "The message violates its schema or a rule beyond it."
    ),
    "Zu viele Anfragen": "Too many requests",
    "Das sind zu viele Anfragen auf einmal; bitte nach der genannten Zeit fortfahren.": (
        "These are too many requests at once; please go on after the time that is named."
    ),
    "Inhalt beschädigt": "Content damaged",
    "Der gespeicherte Inhalt ist beschädigt und wird nicht herausgegeben; bitte den Betrieb verständigen.": (
        "The stored content is damaged and is not given out; please tell the operator."
    ),
    "Vorübergehend nicht verfügbar": "Temporarily unavailable",
    "Das Gateway nimmt gerade nichts an; bitte später erneut senden.": (
        "The gateway takes nothing at the moment; please send again later."
    ),
    "Fehler im Gateway": "Fault in the gateway",
    "Im Gateway ist ein Fehler aufgetreten. Bitte senden Sie die Anfrage später unverändert noch einmal.": (
        "A fault happened in the gateway. Please send the same request again later."
    ),
    "Methode nicht erlaubt": "Method not allowed",
    "Dieser Aufruf ist hier nicht vorgesehen.": "There is no such call here.",
    "Zeitüberschreitung": "Timeout",
    "Die Übertragung stand zu lange still. Bitte senden Sie die Anfrage noch einmal.": (
        "The transfer stood still for too long. Please send the request again."
    ),
    # who calls, and how a request must look
    "Ihr Zertifikat ist an diesem Gateway nicht eingetragen oder außerhalb seines Zeitraums. Wenden Sie sich mit dem "
    "SHA-256-Fingerabdruck des Zertifikats an den Betrieb.": (
        "Your certificate is not registered at this gateway, or not for this day. Contact the operator with the "
        "certificate's SHA-256 fingerprint."
    ),
    "Aufrufe aus Webseiten (Kopfzeile Origin) nimmt diese Schnittstelle nicht an.": (
        "This interface takes no calls from web pages (header Origin)."
    ),
    "Die Kopfzeile Client-Cert ist an dieser Adresse nicht zugelassen.": (
        "The header Client-Cert is not admitted at this address."
    ),
    "Senden Sie den Inhalt ohne Content-Encoding.": "Send the body without Content-Encoding.",
    "Erwartet wird application/json.": "Expected is application/json.",
    "Erwartet wird application/pkcs7-signature (DER).": "Expected is application/pkcs7-signature (DER).",
    "{} ist kein gültiges JSON in UTF-8.": "{} is no valid JSON in UTF-8.",
    "{} muss ein JSON-Objekt sein.": "{} must be a JSON object.",
    "{} enthält Zeichen, die in Texten nicht zulässig sind.": "{} holds characters that no text may hold.",
    "{} ist nicht in UTF-8 geschrieben.": "{} is not written in UTF-8.",
    "{} darf höchstens {} Zeichen haben.": "{} may have at most {} characters.",
    "Hier sind höchstens {} Bytes zulässig.": "At most {} bytes are admitted here.",
    "Die Übertragung ist abgebrochen. Senden Sie die Anfrage noch einmal vollständig.": (
        "The transfer broke off. Send the whole request again."
    ),
    "Ihr Zertifikat hat nicht die Rolle „fachverfahren“; es darf nur lesen.": (
        "Your certificate does not have the role “fachverfahren”; it may only read."
    ),
    "Senden Sie application/xml, oder multipart/form-data mit dem Teil „nachricht“ und den Dateien.": (
        "Send application/xml, or multipart/form-data with the part “nachricht” and the files."
    ),
    "Senden Sie die Nachricht in UTF-8 (Content-Type: charset).": "Send the message in UTF-8 (Content-Type: charset).",
    # multipart/form-data
    'Der Name eines Teils ist nicht lesbar. Schreiben Sie name="…" und filename="…" je einmal, in Anführungszeichen, '
    "in UTF-8, ohne Pfad und ohne die Form filename*=.": (
        'The name of a part is not readable. Write name="…" and filename="…" once each, in quotes, in UTF-8, without a '
        "path and without the form filename*=."
    ),
    "Der Inhalt ist kein gültiges multipart/form-data.": "The body is no valid multipart/form-data.",
    "Eine Nachricht darf mit allen Dateien höchstens {} MB haben.": (
        "A message may have at most {} MB with all its files."
    ),
    "Ein Dateiname enthält einen Pfad, unzulässige Zeichen oder Prozentkodierung, oder er ist länger als {} Zeichen. "
    'Senden Sie in filename="…" nur den Namen, wie er in der Nachricht steht, in UTF-8.': (
        "A file name holds a path, characters that are not admitted or percent-encoding, or is longer than {} "
        'characters. Send in filename="…" just the name as the message has it, in UTF-8.'
    ),
    "Ein Teil hat keinen Namen (Content-Disposition: form-data; name=…).": (
        "A part has no name (Content-Disposition: form-data; name=…)."
    ),
    "Der Medientyp einer Datei (Content-Type) ist ungültig.": "The media type of a file (Content-Type) is invalid.",
    "Ein Teil ist mit Content-Transfer-Encoding kodiert. Senden Sie jeden Teil unkodiert.": (
        "A part is encoded by Content-Transfer-Encoding. Send each part as it is."
    ),
    "Der multipart-Trenner (boundary) fehlt oder ist ungültig.": "The multipart boundary is missing or invalid.",
    "Der Inhalt bricht vor dem letzten Trenner ab. Senden Sie die Nachricht noch einmal vollständig.": (
        "The body breaks off before the last delimiter. Send the whole message again."
    ),
    "Der Teil „nachricht“ mit dem XML fehlt.": "The part “nachricht” with the XML is missing.",
    "Zwei Dateien haben denselben Namen.": "Two files have the same name.",
    "Eine Nachricht darf höchstens {} Dateien haben.": "A message may have at most {} files.",
    "Der Teil „{}“ darf höchstens {} Bytes haben.": "The part “{}” may have at most {} bytes.",
    "Ein Teil darf höchstens {} Kopfzeilen mit je {} Bytes haben.": (
        "A part may have at most {} header lines of {} bytes each."
    ),
    "Der Teil „{}“ kommt doppelt vor.": "The part “{}” comes twice.",
    # commands and searches
    "Unbekannte Angabe: „{}“.": "Unknown key: “{}”.",
    "Unbekannte Angabe in der Suche: „{}“.": "Unknown key in the search: “{}”.",
    "Geben Sie den Grund der Weiterleitung an („grund“).": "State the reason of the forward (“grund”).",
    "Geben Sie „an“ und „grund“ an.": "State “an” and “grund”.",
    "„{}“ muss ein nicht leerer Text sein.": "“{}” must be a text that is not empty.",
    "„{}“ muss ein AGS mit acht Ziffern sein.": "“{}” must be an AGS of eight digits.",
    "„{}“ muss ein Text sein.": "“{}” must be a text.",
    "„anzahl“ muss eine Zahl von 1 bis {} sein.": "“anzahl” must be a number from 1 to {}.",
    "„{}“ muss in den Jahren {} bis {} liegen.": "“{}” must lie in the years {} to {}.",
    "„{}“ muss ein Zeitpunkt nach ISO 8601 sein.": "“{}” must be a moment by ISO 8601.",
    "„nach“ ist keine Fortsetzung einer Suche.": "“nach” continues no search.",
    "„nach“ ist keine Fortsetzung dieser Liste.": "“nach” does not continue this list.",
    "Jede Angabe muss ein Text sein.": "Each value must be a text.",
    "Geben Sie azr_nummer, aktenzeichen oder nachrichten_id an.": "State azr_nummer, aktenzeichen or nachrichten_id.",
    "Nennen Sie den Grund („grund“).": "State the reason (“grund”).",
    "Nennen Sie die Weisung des Absenders („grund“).": "State the sender's instruction (“grund”).",
    "Das ist dem Betrieb des Gateways vorbehalten.": "Only the gateway's operators may do this.",
    "Die Nachricht ist nicht zurückgestellt.": "The message is not withheld.",
    "Die Nachricht wartet nicht auf eine Klärung.": "The message does not wait for clearing.",
    "Der Empfänger steht fest; hier hilft „resend“.": "The recipient is settled; use “resend”.",
    "Keine Zustellung dieser Nachricht ist in einem Zustand, der das zulässt.": (
        "No delivery of this message is in a state that permits this."
    ),
    "„an“ ist schon Empfänger oder steht nicht im Verzeichnis.": (
        "“an” is a recipient already, or not in the directory."
    ),
    "Zu dieser Nachricht ist kein Sachverhalt gespeichert.": "No facts are stored for this message.",
    "Die Behörde {} steht nicht im Verzeichnis.": "The authority {} is not in the directory.",
    "Der Zustand der Nachricht hat sich inzwischen geändert.": "The state of the message has changed meanwhile.",
    "Der Zustand der Nachricht hat sich inzwischen geändert. Prüfen Sie, was jetzt gilt, und entscheiden Sie neu.": (
        "The state of the message has changed meanwhile. See what holds now, and decide anew."
    ),
    "Testnachricht: Mit dem Empfänger ist kein Testverkehr vereinbart.": (
        "Test message: no test traffic is agreed with the recipient."
    ),
    "Die Nachricht ist größer, als mit dem Empfänger vereinbart ist.": (
        "The message is larger than agreed with the recipient."
    ),
    # forwarding
    "Nach den Angaben sind Sie selbst zuständig. Nennen Sie die zuständige Behörde („an“) oder den Wohnsitz.": (
        "By what you state you are competent yourself. State the competent authority (“an”) or the residence."
    ),
    "Diese Behörde hat die Mitteilung bereits erhalten.": "This authority has received the notice already.",
    "Die Mitteilung wurde schon {}-mal weitergeleitet. Klären Sie die Zuständigkeit mit dem Betrieb.": (
        "The notice was forwarded {} times already. Settle with the operator who is competent."
    ),
    "Weiterleiten kann nur eine Ausländerbehörde, die Empfängerin der Mitteilung ist.": (
        "Only an Ausländerbehörde that received the notice may forward it."
    ),
    "Weitergeleitet wird am Vermittler, unter der mitgelieferten X-Gateway-Id.": (
        "Forward at the hub, under the X-Gateway-Id that came with the message."
    ),
    "Ein Dezernat gibt es nur bei Ersuchen an eine Staatsanwaltschaft.": (
        "Only an Ersuchen to a Staatsanwaltschaft has a “dezernat”."
    ),
    "„an“ ist keine Ausländerbehörde des Verzeichnisses.": "“an” is no Ausländerbehörde of the directory.",
    "„an“ ist keine Staatsanwaltschaft des Verzeichnisses.": "“an” is no Staatsanwaltschaft of the directory.",
    "Eine Weiterleitung dieser Mitteilung wartet schon auf die Klärung.": (
        "A forward of this notice waits for clearing already."
    ),
    "Nennen Sie das Dezernat oder eine andere Staatsanwaltschaft („an“).": (
        "State “dezernat”, or another Staatsanwaltschaft (“an”)."
    ),
    # sending and collecting
    "Dieses Gateway nimmt nur entgegen. Senden Sie an den Vermittler.": (
        "This gateway only receives. Send to the hub."
    ),
    "Der Absender der Nachricht gehört nicht zu den Behörden Ihres Zertifikats.": (
        "The sender of the message is none of your certificate's authorities."
    ),
    "Unter dieser Nachrichten-ID haben Sie bereits eine andere Nachricht gesendet. Vergeben Sie für jede neue "
    "Nachricht eine neue ID.": "You have sent another message with this message ID. Give each new message a new ID.",
    "Für Ihre Behörde ist kein gültiges Signaturzertifikat hinterlegt. Wenden Sie sich an den Betrieb.": (
        "No valid signature certificate of your authority is registered. Contact the operator."
    ),
    "Die Signatur passt nicht zu diesem Eintrag. Signiert wird die Kennung des Eintrags und, durch einzelne "
    "Leerzeichen getrennt, der SHA-256 jedes Teils in der Reihenfolge von n.": (
        "The signature does not fit this entry. Sign the entry's id and, separated by single spaces, the SHA-256 of "
        "each part in the order of n."
    ),
    "Der Eintrag ist bereits abgeschlossen.": "The entry is closed already.",
    "Die Ereignisse dieser Nachricht erhalten gerade ihren Platz im Protokoll. Fragen Sie in einigen Sekunden noch "
    "einmal.": "The events of this message are getting their place in the log. Ask again in some seconds.",
    # behind a proxy, and before there is a request
    "Die Anfrage ist kein gültiges HTTP/1.1: Anfragezeile, Kopfzeilen, Länge oder Übertragungsart prüfen.": (
        "The request is no valid HTTP/1.1: check request line, header lines, length or transfer coding."
    ),
    "Dieser Zugang ist dem eingetragenen Proxy vorbehalten.": "Only the registered proxy may use this listener.",
    "Die Kopfzeile Client-Cert darf nur einmal vorkommen.": "The header Client-Cert may come only once.",
    "Client-Cert-Chain darf höchstens {} Zertifikate haben.": "Client-Cert-Chain may have at most {} certificates.",
    "Client-Cert und Client-Cert-Chain tragen Zertifikate in DER als Bytefolge „:Base64:“ (RFC 9440).": (
        "Client-Cert and Client-Cert-Chain carry certificates in DER as a byte sequence “:base64:” (RFC 9440)."
    ),
    "Das weitergereichte Zertifikat ist abgelaufen, führt zu keiner zugelassenen CA, ist nicht für TLS-Clients oder "
    "hat einen zu schwachen Schlüssel.": (
        "The certificate that was passed on has expired, leads to no CA that is admitted, is not for TLS clients, or "
        "has a key that is too weak."
    ),
    # the stream of events
    "Ihr Zertifikat steht für keine Behörde; Ereignisse gibt es nur zu Nachrichten einer Behörde.": (
        "Your certificate stands for no authority; there are events only for an authority's messages."
    ),
    "Last-Event-ID ist keine Stelle dieses Ereignisstroms.": "Last-Event-ID is no place in this stream of events.",
    "Bis zu dieser Last-Event-ID reicht das Protokoll nicht, etwa weil es wiederhergestellt wurde. Beginnen Sie ohne "
    "sie neu und gleichen Sie mit der Suche ab.": (
        "The log does not reach this Last-Event-ID, for instance because it was restored. Begin anew without it, and "
        "compare by the search."
    ),
    "Zu diesem Zertifikat sind schon {} Ereignisströme offen.": "{} streams of events are open for this certificate.",
    # XML
    "Die Nachricht enthält kein XML.": "The message holds no XML.",
    "Nach dem Ende des Wurzelelements folgt noch etwas; bitte entfernen.": (
        "Something follows the end of the root element; please remove it."
    ),
    "Start- und End-Tag passen nicht zusammen.": "Start tag and end tag do not match.",
    "Ein Element ist nicht abgeschlossen; das XML ist vermutlich abgeschnitten.": (
        "An element is not closed; the XML is probably cut off."
    ),
    "Ein Attribut steht zweimal an demselben Element.": "An attribute stands twice on one element.",
    "Ein Attributwert steht nicht in Anführungszeichen.": "The value of an attribute is not quoted.",
    "In einem Attributwert steht <; bitte als &lt; schreiben.": (
        "The value of an attribute holds <; please write &lt;."
    ),
    "Hier steht ein Zeichen, das in XML nicht erlaubt ist.": "Here stands a character that XML does not allow.",
    "Eine Zeichenreferenz bezeichnet ein Zeichen, das in XML nicht erlaubt ist.": (
        "A character reference means a character that XML does not allow."
    ),
    "Hier fehlt ein Name; steht ein & oder < im Text, bitte als &amp; oder &lt;.": (
        "A name is missing here; please write & or < in a text as &amp; or &lt;."
    ),
    "Ein & im Text ist als &amp; zu schreiben.": "A & in a text must be written as &amp;.",
    "Ein Namensraum-Präfix ist nicht deklariert.": "A namespace prefix is not declared.",
    "Das XML ist an dieser Stelle nicht wohlgeformt.": "The XML is not well-formed at this place.",
    "Die Nachricht ist kein wohlgeformtes XML.": "The message is no well-formed XML.",
    "Die Nachricht enthält eine DOCTYPE-Deklaration; bitte entfernen.": (
        "The message holds a DOCTYPE declaration; please remove it."
    ),
    "Die Nachricht verwendet eine unbekannte Entität; erlaubt sind nur &amp; &lt; &gt; &apos; &quot;.": (
        "The message uses an unknown entity; only &amp; &lt; &gt; &apos; &quot; are allowed."
    ),
    "Die Nachricht definiert Entitäten; das ist nicht erlaubt.": "The message defines entities; that is not allowed.",
    "Die Nachricht enthält eine Verarbeitungsanweisung (<?…?>); bitte entfernen.": (
        "The message holds a processing instruction (<?…?>); please remove it."
    ),
    "Die Nachricht ist nicht in UTF-8 kodiert; bitte in UTF-8 senden.": (
        "The message is not encoded in UTF-8; please send UTF-8."
    ),
    "Die XML-Deklaration nennt eine andere Kodierung als UTF-8.": (
        "The XML declaration names another encoding than UTF-8."
    ),
    "Es wird XML 1.0 erwartet.": "Expected is XML 1.0.",
    "Hier stehen Bytes, die kein UTF-8 sind; bitte in UTF-8 senden.": (
        "Here stand bytes that are no UTF-8; please send UTF-8."
    ),
    "Die XML-Nachricht ist größer als {} MB; Dokumente bitte als Datei beifügen.": (
        "The XML message is larger than {} MB; please attach documents as files."
    ),
    "Das XML ist tiefer als {} Ebenen geschachtelt.": "The XML is nested deeper than {} levels.",
    "Das XML hat mehr als {} Elemente.": "The XML has more than {} elements.",
    "Das XML hat mehr als {} Attribute.": "The XML has more than {} attributes.",
    "Ein Element hat mehr als {} Attribute.": "An element has more than {} attributes.",
    "Ein Text ist länger als {} Zeichen; lange Inhalte bitte als Datei beifügen.": (
        "A text is longer than {} characters; please attach long content as a file."
    ),
    "Ein Name ist länger als {} Zeichen.": "A name is longer than {} characters.",
    # standards and their versions
    "Version {} gilt {}, heute also nicht. Angenommen wird: {}.": (
        "Version {} is valid {}, so not today. Accepted: {}."
    ),
    "Die Nachricht nennt keine bekannte Version ihres Standards. Angenommen wird: {}.": (
        "The message names no known version of its standard. Accepted: {}."
    ),
    "Der Namensraum des Wurzelelements ist unbekannt. Angenommen werden: {}.": (
        "The namespace of the root element is unknown. Accepted: {}."
    ),
    "Das Wurzelelement ist in diesem Namensraum unbekannt. Angenommen werden: {}.": (
        "The root element is unknown in this namespace. Accepted: {}."
    ),
    "Diese Nachricht trägt Sachverhalt und Empfänger selbst; bitte ohne den Teil {} senden.": (
        "This message carries facts and recipient itself; please send it without the part {}."
    ),
    "Der Teil empfaenger muss ein Behördenschlüssel sein, etwa abh:05315000.": (
        "The part empfaenger must be an authority key, such as abh:05315000."
    ),
    "Der Absender im Nachrichtenkopf ist keine Behörde, die dem Gateway bekannt ist.": (
        "The sender in the message's head is no authority that the gateway knows."
    ),
    "Der Absender im Sachverhalt ist nicht der Absender der Nachricht.": (
        "The sender in the facts is not the sender of the message."
    ),
}
