"""Number 6 of the decree, further duties, and corrections under § 20 EGGVG.

Promises: one pure function a row; each says which sentence it implements.
Fails: not at all.
"""

from __future__ import annotations

from typing import Final

from routing.entscheidung import Grund, Hinweis
from routing.erlass.anstalt import an_bekannte_abh
from routing.erlass.lage import (
    GERICHT,
    JVA,
    POLIZEI,
    STA,
    Lage,
    Offen,
    Regel,
    Ziel,
    an_aktenlage,
    fehlt,
    nur_hinweise,
    ziel,
)
from routing.verzeichnis import BAMF

EGGVG: Final = "§ 20 EGGVG"


def erkenntnis(lage: Lage) -> Ziel | Offen:
    """Knowledge under § 87 Abs. 2 AufenthG (MiStra 42 Abs. 2)."""
    return an_aktenlage(lage, "6", "Die Erkenntnis nach § 87 Abs. 2 AufenthG (Nummer 42 Abs. 2 MiStra)")


def ausgang_482(lage: Lage) -> Ziel | Offen:
    """Source: „wie zum Beispiel nach § 482 StPO (Nummer 11 MiStra)“."""
    polizei = lage.sachverhalt.befasste_polizei
    if polizei is None:
        return fehlt("6", "befasste_polizei", "Die Polizeibehörde, die mit der Sache befasst war,")
    text = f"Der Ausgang des Verfahrens geht an die befasste Polizeibehörde (§ 482 StPO): {lage.nenne(polizei)}."
    return ziel("6", [(polizei, POLIZEI)], Grund("6", text))


def asyl(_: Lage) -> Ziel:
    """Source: „§ 8 Absatz 1a des Asylgesetzes […] (Nummer 42a MiStra)“."""
    text = "Die Mitteilung nach § 8 Abs. 1a AsylG geht an das Bundesamt für Migration und Flüchtlinge."
    return ziel("6", [(BAMF, frozenset({"bamf"}))], Grund("6", text))


def vollzug(lage: Lage) -> Ziel | Offen:
    """Source: „oder der Vollzugsgeschäftsordnung Nordrhein-Westfalen“; to the known ABH, without a district rule."""
    bekannt = lage.sachverhalt.bekannte_abh
    if bekannt is None:
        return fehlt("6", "bekannte_abh", "Die zuständige Ausländerbehörde", *nur_hinweise(lage, None))
    return an_bekannte_abh(lage, "6", bekannt)


def weitere_mitteilung(lage: Lage) -> Ziel | Offen:
    """Any other duty: the list of number 6 is open, so recipient and legal basis must be named.

    Source: „Auf das Bestehen weiterer Mitteilungspflichten zwischen Justiz-, Polizei- und Ausländerbehörden wie zum
    Beispiel […] wird hingewiesen.“
    """
    empfaenger, grundlage = lage.sachverhalt.empfaenger, lage.sachverhalt.rechtsgrundlage
    if empfaenger is None:
        return fehlt("6", "empfaenger", "Der Empfänger einer weiteren Mitteilung")
    if grundlage is None:
        hinweis = Hinweis(f"Als Empfänger ist {lage.nenne(empfaenger)} genannt.", empfaenger)
        return fehlt("6", "rechtsgrundlage", "Die Rechtsgrundlage einer weiteren Mitteilung", hinweis)
    text = f"Der Absender nennt Empfänger und Rechtsgrundlage ({grundlage}): {lage.nenne(empfaenger)}."
    return ziel("6", [(empfaenger, None)], Grund("6", text))


def berichtigung(lage: Lage) -> Ziel | Offen:
    """A correction goes to everybody who was informed of the notice that it corrects, forwards included."""
    unterrichtete = [key for key in lage.vorgang.bezug_empfaenger if key != lage.sachverhalt.absender]
    if not unterrichtete:
        text = "Es ist nicht festzustellen, wer von der berichtigten Mitteilung unterrichtet wurde."
        return Offen(EGGVG, (Grund(EGGVG, text),))
    text = "Die Berichtigung geht an alle, die von der berichtigten Mitteilung unterrichtet wurden."
    return ziel(EGGVG, [(key, None) for key in unterrichtete], Grund(EGGVG, text))


def eigene_mitteilung(lage: Lage) -> bool:
    """Only the sender of a notice corrects it; while the notice is unknown, anybody may, and it goes to Klärung."""
    return lage.vorgang.bezug_absender in (None, lage.sachverhalt.absender)


REGELN: Final = (
    Regel("6", ("erkenntnis_87_abs_2",), STA | GERICHT, erkenntnis),
    Regel("6", ("ausgang_des_verfahrens_482",), STA, ausgang_482),
    Regel("6", ("asyl_mitteilung_8_1a",), STA | GERICHT, asyl),
    Regel("6", ("vollzugsmitteilung",), JVA, vollzug),
    Regel("6", ("weitere_mitteilung",), None, weitere_mitteilung),
    Regel(EGGVG, ("berichtigung",), None, berichtigung, darf=eigene_mitteilung),
)
"""The rows of number 6 and of § 20 EGGVG, in the order of the table."""
