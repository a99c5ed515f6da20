"""Number 4 of the decree: duties after the investigation has ended.

Promises: one pure function a number; each says which sentence it implements.
Fails: not at all.
"""

from __future__ import annotations

from typing import Final

from routing.entscheidung import Folge, Grund
from routing.erlass.lage import STA, Entbehrlich, Lage, Offen, Regel, Ziel, an_aktenlage, mit


def nr_4_1_satz_1(lage: Lage) -> Ziel | Offen:
    """Discontinuation, or application for a Strafbefehl.

    Source: „Die Staatsanwaltschaft teilt […] der nach Aktenlage zuständigen Ausländerbehörde die Einstellung des
    Ermittlungsverfahrens sowie den Antrag auf Erlass eines Strafbefehls mit.“
    """
    return an_aktenlage(lage, "4.1 Satz 1", "Die Einstellung oder der Antrag auf Erlass eines Strafbefehls")


def nr_4_1_satz_2(lage: Lage) -> Ziel | Offen:
    """Indictment and arrest warrants, notified by the StA.

    Source: „Gleiches gilt für die Erhebung der öffentlichen Klage sowie den Erlass und die Aufhebung eines
    Haftbefehls.“
    """
    return an_aktenlage(lage, "4.1 Satz 2", "Die Anklage oder der Haftbefehl")


def unterrichtet(lage: Lage) -> bool:
    """The ABH has told the StA of an intended removal under 2.5, and not withdrawn it."""
    return bool(lage.sachverhalt.unterrichtet_nach_2_5) or lage.vorgang.offenes_ersuchen


def _vorab(lage: Lage, nummer: str) -> Entbehrlich | None:
    if unterrichtet(lage):
        return None
    text = (
        "Die Staatsanwaltschaft wurde nicht nach Nummer 2.5 über eine beabsichtigte Ausweisung oder "
        "Abschiebung unterrichtet."
    )
    return Entbehrlich(nummer, (Grund(nummer, text),))


def nr_4_2_satz_1_vorab(lage: Lage) -> Entbehrlich | None:
    """Source: „sofern sie gemäß Nummer 2.5 über die beabsichtigte Ausweisung oder Abschiebung unterrichtet wurde“."""
    return _vorab(lage, "4.2 Satz 1")


def nr_4_2_satz_1(lage: Lage) -> Ziel | Offen:
    """The date of the Hauptverhandlung; its result becomes an open duty.

    Source: „Die Staatsanwaltschaft teilt der nach Aktenlage zuständigen Ausländerbehörde unverzüglich den Termin der
    Hauptverhandlung mit“.
    """
    folge = Folge(
        "pflicht", "4.2 Satz 3", "Das Ergebnis der Hauptverhandlung ist mitzuteilen.", lage.sachverhalt.absender
    )
    return an_aktenlage(lage, "4.2 Satz 1", "Der Termin der Hauptverhandlung", folgen=[folge])


LESART_SATZ_3: Final = Grund(
    "4.2 Satz 3",
    "Satz 3 schließt an Satz 1 an und setzt wie dieser eine Unterrichtung nach Nummer 2.5 voraus.",
    auslegung=True,
)


def nr_4_2_satz_3_vorab(lage: Lage) -> Entbehrlich | None:
    """The same condition; the sentence itself has none (Auslegung)."""
    ergebnis = _vorab(lage, "4.2 Satz 3")
    return ergebnis and Entbehrlich(ergebnis.nummer, (*ergebnis.gruende, LESART_SATZ_3))


def nr_4_2_satz_3(lage: Lage) -> Ziel | Offen:
    """The result of the Hauptverhandlung.

    Source: „Im Anschluss an die Hauptverhandlung unterrichtet sie die Ausländerbehörde über das Ergebnis der
    Hauptverhandlung.“
    """
    folge = Folge(
        "erledigt", "4.2 Satz 3", "Das Ergebnis der Hauptverhandlung ist mitgeteilt.", lage.sachverhalt.absender
    )
    ergebnis = an_aktenlage(lage, "4.2 Satz 3", "Das Ergebnis der Hauptverhandlung", folgen=[folge])
    return mit(ergebnis, gruende=[LESART_SATZ_3])


REGELN: Final = (
    Regel("4.1 Satz 1", ("verfahren_eingestellt", "strafbefehl_beantragt"), STA, nr_4_1_satz_1),
    Regel("4.1 Satz 2", ("anklage_erhoben", "haftbefehl_erlassen", "haftbefehl_aufgehoben"), STA, nr_4_1_satz_2),
    Regel("4.2 Satz 1", ("hauptverhandlung_termin",), STA, nr_4_2_satz_1, nr_4_2_satz_1_vorab),
    Regel("4.2 Satz 3", ("hauptverhandlung_ergebnis",), STA, nr_4_2_satz_3, nr_4_2_satz_3_vorab),
)
"""The rows of chapter 4, in the order of the table."""
