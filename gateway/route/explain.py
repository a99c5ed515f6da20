"""A decision as German prose, for people on the command line.

Promises: says everything that the JSON says; a pure function of the decision and the directory.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from routing.entscheidung import Entscheidung, Folge
from routing.verzeichnis import Verzeichnis

AUSGANG: Final = {
    "zustellen": "Die Mitteilung wird zugestellt",
    "zurueckgestellt": "Die Mitteilung wird zurückgestellt",
    "entbehrlich": "Die Mitteilung ist entbehrlich",
    "klaerung": "Die Mitteilung geht in die Klärung",
    "unzulaessig": "Die Mitteilung ist unzulässig",
}

FOLGE: Final = {
    "pflicht": "Neue Pflicht",
    "bedingte_pflicht": "Pflicht, wenn die Nachricht es ergibt",
    "erledigt": "Erledigt",
    "weiterleitung": "Weiterleitung",
    "feststellung": "Festgestellt",
    "ruecknahme": "Rücknahme",
    "nachholung": "Nachzuholen",
    "klaerung": "Zu klären",
}


def explain(entscheidung: Entscheidung, verzeichnis: Verzeichnis) -> str:
    """The decision as a text of several lines.

    Args:
        entscheidung: what `routing.entscheide` gave.
        verzeichnis: for the names of authorities.
    """
    return "\n".join(_zeilen(entscheidung, verzeichnis))


def _nummer(nummer: str) -> str:
    """How a number stands in a sentence: `Nummer 3.1`, but `§ 20 EGGVG`."""
    return nummer if nummer.startswith("§") else f"Nummer {nummer}"


def _name(key: str, verzeichnis: Verzeichnis) -> str:
    behoerde = verzeichnis.behoerden.get(key)
    return f"{behoerde.name} ({key})" if behoerde else key


def _zeilen(entscheidung: Entscheidung, verzeichnis: Verzeichnis) -> Iterator[str]:
    zusatz = "".join(
        text
        for gilt, text in ((entscheidung.vorlaeufig, ", vorläufig"), (entscheidung.vorrang, ", mit Vorrang"))
        if gilt
    )
    yield f"{AUSGANG[entscheidung.entscheidung]} ({_nummer(entscheidung.nummer)}{zusatz})."
    yield from _liste(
        "Empfänger, sobald freigegeben:" if entscheidung.entscheidung == "zurueckgestellt" else "Empfänger:",
        (_name(key, verzeichnis) for key in entscheidung.empfaenger),
    )
    yield from _liste(
        "Begründung:",
        (
            f"{_nummer(grund.nummer)}: {grund.text}{' (Auslegung)' if grund.auslegung else ''}"
            for grund in entscheidung.begruendung
        ),
    )
    yield from _liste("Hinweise:", (hinweis.text for hinweis in entscheidung.hinweise))
    yield from _liste(
        "Fristen:",
        (
            f"{frist.faellig_am:%d.%m.%Y} ({_nummer(frist.nummer)}): {frist.text}"
            + (f" Pflichtig: {_name(frist.pflichtig, verzeichnis)}." if frist.pflichtig else "")
            for frist in entscheidung.fristen
        ),
    )
    yield from _liste("Folgen:", (_folge(folge, verzeichnis) for folge in entscheidung.folgen))
    fassungen = "; ".join(f"{name}, Fassung {fassung}" for name, fassung in entscheidung.regelwerk)
    yield f"Regelwerk: {fassungen or 'keine gültige Fassung'}."


def _folge(folge: Folge, verzeichnis: Verzeichnis) -> str:
    wer = folge.pflichtig or folge.empfaenger
    name = f", {_name(wer, verzeichnis)}" if wer else ""
    return f"{FOLGE[folge.art]} ({_nummer(folge.nummer)}{name}): {folge.text}"


def _liste(kopf: str, punkte: Iterable[str]) -> Iterator[str]:
    """A heading and its points; nothing if there is no point."""
    alle = list(punkte)
    if alle:
        yield kopf
        yield from (f"  - {punkt}" for punkt in alle)
