"""What the decree says to each Anlass, as a letter quotes it.

Promises: the number is that of the rule's row for this Anlass and kind of sender; the sentence is the decree's own,
shortened only where […] stands. A test holds every piece against the text of the decree.
Fails: not at all; without an Anlass of the table there is no number and no sentence.
"""

from __future__ import annotations

from typing import Final

from routing.erlass.tabelle import ERLASS_2022

TITLE: Final = "des Gemeinsamen Runderlasses vom 29. April 2022 (MBl. NRW. 2022 S. 585)"

SENTENCES: Final[dict[str, str]] = {
    "2.1 Satz 1": (
        "Die Polizeibehörde unterrichtet unverzüglich, das heißt mit Eingang der Strafanzeige bei der "
        "sachbearbeitenden Dienststelle, die für die verdächtige ausländische Person nach Ausländerzentralregister "
        "aktenführende Ausländerbehörde über die Einleitung eines Ermittlungsverfahrens nach § 87 Absatz 4 des "
        "Aufenthaltsgesetzes […] sowie über Erkenntnisse nach § 87 Absatz 2 des Aufenthaltsgesetzes."
    ),
    "2.2 Satz 1": (
        "Die Staatsanwaltschaft unterrichtet die Ausländerbehörde entsprechend in den Fällen, in denen die Einleitung "
        "eines Ermittlungsverfahrens unmittelbar durch die Staatsanwaltschaft oder durch Zoll-, Finanz- oder "
        "Polizeibehörden außerhalb Nordrhein-Westfalens erfolgt, […]"
    ),
    "2.2 Satz 2": ("Satz 1 gilt entsprechend für die Einleitung eines Auslieferungsverfahrens gegen einen Ausländer"),
    "2.3": (
        "Nummer 2.1 Satz 1 gilt gemäß § 87 Absatz 4 Satz 2 des Aufenthaltsgesetzes entsprechend für den Erlass und "
        "die Aufhebung eines Haftbefehls."
    ),
    "2.5 Satz 1": (
        "Ist ein strafrechtliches Ermittlungsverfahren gegen eine ausländische Person eingeleitet oder die "
        "öffentliche Klage erhoben, ersucht die Ausländerbehörde, wenn sie eine Ausweisung oder Abschiebung "
        "beabsichtigt und der Abschiebung keine langfristigen Abschiebungshindernisse entgegenstehen, die "
        "Staatsanwaltschaft mittels des vorgesehenen Vordrucks oder in besonders eilbedürftigen Ausnahmefällen "
        "telefonisch um ihr Einvernehmen (§ 72 Absatz 4 Aufenthaltsgesetz)."
    ),
    "2.5 Satz 5": (
        "Die Staatsanwaltschaft teilt ihre Entscheidung der Ausländerbehörde mittels des entsprechenden Vordrucks mit."
    ),
    "2.6": (
        "Im Falle des erteilten Einvernehmens unterrichtet die Ausländerbehörde die Staatsanwaltschaft unverzüglich "
        "über die erfolgte Durchführung oder die Nichtdurchführung der Abschiebung."
    ),
    "2.7": (
        "Die Ausländerbehörde informiert die Staatsanwaltschaft unverzüglich über einen Zuständigkeitswechsel nach "
        "Übermittlung eines Ersuchens nach Nummer 2.5. Sie teilt der Staatsanwaltschaft mit, wenn das Ersuchen nicht "
        "mehr aufrechterhalten wird, weil aufenthaltsbeendende Maßnahmen nicht mehr beabsichtigt sind."
    ),
    "2.8 Satz 1": (
        "Vor einer Entscheidung über die Erteilung, die Verlängerung oder den Widerruf eines Aufenthaltstitels nach "
        "§ 25 Absatz 4a oder 4b des Aufenthaltsgesetzes und die Festlegung, Aufhebung oder Verkürzung einer "
        "Ausreisefrist nach § 59 Absatz 7 des Aufenthaltsgesetzes ist die […] zuständige Staatsanwaltschaft oder das "
        "mit ihm befasste Strafgericht zu beteiligen, […]"
    ),
    "3.1": (
        "Die Justizvollzugsanstalt […] teilt […] der für diese Person zuständigen Ausländerbehörde den Antritt der "
        "Untersuchungshaft, die Verlegung in eine andere Justizvollzugsanstalt oder die Entlassung aus der "
        "Untersuchungshaft mit."
    ),
    "3.3": (
        "Nach Eingang der Mitteilung über den Antritt der Untersuchungshaft prüft die zuständige Ausländerbehörde "
        "umgehend aufenthaltsbeendende Maßnahmen. Kommen solche in Betracht, informiert sie unverzüglich die "
        "ermittlungsführende Staatsanwaltschaft über das Ergebnis ihrer Prüfung."
    ),
    "3.4 Satz 1": (
        "Die Staatsanwaltschaft unterrichtet in diesen Fällen die nach Aktenlage zuständige Ausländerbehörde, sobald "
        "sie beabsichtigt, die Aufhebung eines Haftbefehls oder die Verschonung vom Vollzug der Untersuchungshaft zu "
        "beantragen (§ 120 Absatz 3 StPO)."
    ),
    "3.4 Satz 2": (
        "In sonstigen Fällen informiert die Staatsanwaltschaft die nach Aktenlage zuständige Ausländerbehörde "
        "unverzüglich, sobald sie von der Entlassung des Beschuldigten Kenntnis erlangt."
    ),
    "3.4 Satz 3": (
        "Liegen bei der Staatsanwaltschaft Erkenntnisse darüber vor, dass das Gericht beabsichtigt, einen "
        "Beschuldigten aus der Untersuchungshaft zu entlassen, teilt sie dies der nach Aktenlage zuständigen "
        "Ausländerbehörde ebenfalls unverzüglich mit."
    ),
    "4.1 Satz 1": (
        "Die Staatsanwaltschaft teilt nach § 87 Absatz 4 des Aufenthaltsgesetzes der nach Aktenlage zuständigen "
        "Ausländerbehörde die Einstellung des Ermittlungsverfahrens sowie den Antrag auf Erlass eines Strafbefehls "
        "mit."
    ),
    "4.1 Satz 2": (
        "Gleiches gilt für die Erhebung der öffentlichen Klage sowie den Erlass und die Aufhebung eines Haftbefehls."
    ),
    "4.2 Satz 1": (
        "Die Staatsanwaltschaft teilt der nach Aktenlage zuständigen Ausländerbehörde unverzüglich den Termin der "
        "Hauptverhandlung mit, sofern sie gemäß Nummer 2.5 über die beabsichtigte Ausweisung oder Abschiebung "
        "unterrichtet wurde."
    ),
    "4.2 Satz 3": (
        "Im Anschluss an die Hauptverhandlung unterrichtet sie die Ausländerbehörde über das Ergebnis der "
        "Hauptverhandlung."
    ),
    "5.1": (
        "Die Staatsanwaltschaft oder […] der Vollstreckungsleiter als Vollstreckungsbehörde teilt der nach Aktenlage "
        "zuständigen Ausländerbehörde gemäß § 87 Absatz 4 Satz 1 des Aufenthaltsgesetzes unmittelbar die gerichtliche "
        "Erledigung des Strafverfahrens mit und übersendet ihr im Falle einer Verurteilung nach Vorliegen das "
        "rechtskräftige Urteil nebst Gründen."
    ),
    "5.2": (
        "Die Staatsanwaltschaft oder in Verfahren nach dem Jugendgerichtsgesetz der Vollstreckungsleiter als "
        "Vollstreckungsbehörde teilt der zuständigen Ausländerbehörde […] unverzüglich den Widerruf einer "
        "Strafaussetzung zur Bewährung sowie den Widerruf der Zurückstellung der Strafvollstreckung mit."
    ),
    "5.3": (
        "Die Justizvollzugsanstalt, die eine ausländische Person in die Strafhaft aufnimmt, teilt […] der für diese "
        "Person zuständigen Ausländerbehörde den Antritt der Strafhaft, die Verlegung in eine andere "
        "Justizvollzugsanstalt sowie den vorgesehenen und den festgesetzten Termin für die Entlassung aus der "
        "Strafhaft mit. […] Auf Fälle der Auslieferungshaft ist Satz 1 entsprechend anwendbar."
    ),
    "5.5": (
        "Die Justizvollzugsanstalten gewähren zur Vorbereitung aufenthaltsbeendender Maßnahmen der Ausländerbehörde "
        "Akteneinsicht in die Gefangenenpersonalakte, soweit die Erteilung einer Auskunft einen unvertretbaren "
        "Aufwand erfordert oder nach Darlegung der Ausländerbehörde für die Erfüllung der Aufgabe nicht ausreicht."
    ),
    "5.6 Satz 1": (
        "Die Ausländerbehörde prüft die Möglichkeit der Überstellung oder der Abschiebung, teilt das Ergebnis ihrer "
        "Prüfung umgehend, jedoch spätestens einen Monat vor dem Halbstrafenzeitpunkt der Vollstreckungsbehörde mit "
        "und regt gegebenenfalls eine Maßnahme nach § 456a StPO an."
    ),
    "5.6 Satz 2": (
        "Die Staatsanwaltschaft oder in Verfahren nach dem Jugendgerichtsgesetz der Vollstreckungsleiter als "
        "Vollstreckungsbehörde prüft, ob die Voraussetzungen für ein Absehen von der weiteren Vollstreckung vorliegen "
        "und trifft die Entscheidung nach § 456a StPO so frühzeitig, dass die […] notwendigen Vorbereitungen […] "
        "fristgemäß getroffen werden können."
    ),
    "6": (
        "Auf das Bestehen weiterer Mitteilungspflichten zwischen Justiz-, Polizei- und Ausländerbehörden […] wird "
        "hingewiesen."
    ),
    "§ 20 EGGVG": "",
}
"""Base form of a number (`Regel.zeile`) to its sentence. The berichtigung stands in no number of the decree."""

WITHOUT_ANLASS: Final[dict[str, tuple[str, str]]] = {
    "9900020": (
        "3.2 oder 5.4, jeweils Satz 2",
        "Sofern diese Ausländerbehörde nicht selbst gemäß § 14 der Verordnung über Zuständigkeiten im "
        "Ausländerwesen […] zuständig ist, leitet sie die Mitteilung unverzüglich an die hiernach zuständige "
        "Ausländerbehörde weiter.",
    ),
    "9900021": (
        "3.2 oder 5.4, jeweils Satz 3",
        "Zugleich informiert die Ausländerbehörde, in deren Bezirk sich die Justizvollzugsanstalt befindet, die "
        "Justizvollzugsanstalt über die zuständige Ausländerbehörde.",
    ),
}
"""Number of a message that holds no Anlass, to the number of the decree and its sentence."""


def rule_of(anlass: str | None, kind: str | None) -> tuple[str, str]:
    """Number and sentence of the decree for a notice.

    Args:
        anlass: key of the Anlass, `untersuchungshaft_antritt`.
        kind: kind of the sender in the directory, if it is known there.
    """
    rows = [row for row in ERLASS_2022 if anlass in row.anlaesse]
    fitting = [row for row in rows if kind and row.absender and kind in row.absender]
    row = next(iter(fitting or rows), None)
    return (row.zeile, SENTENCES.get(row.zeile, "")) if row else ("", "")
