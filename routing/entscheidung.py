"""The answer of the rules, with its reasons: what requirements.md section 3 calls the Entscheidung.

Promises: immutable values; `as_json` gives exactly the keys of the contract. Texts are German sentences for the staff
of authorities; they name keys, numbers and names of authorities, never a person.
Fails: not at all.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Final, Literal

Ausgang = Literal["zustellen", "zurueckgestellt", "entbehrlich", "klaerung", "unzulaessig"]
"""Every outcome that a notice can have; each notice has exactly one."""

MIT_EMPFAENGERN: Final[frozenset[Ausgang]] = frozenset({"zustellen", "zurueckgestellt"})
"""Outcomes that name recipients; the others never do (2a.1)."""

FolgeArt = Literal[
    "pflicht", "bedingte_pflicht", "erledigt", "weiterleitung", "feststellung", "ruecknahme", "nachholung", "klaerung"
]
"""What follows: a duty that opens (or opens if the message says so), a duty that ends, a forward that may be due,
an ABH that is now established, an Ersuchen that no longer counts, a withheld notice to be made up for, a recipient
to find."""


@dataclass(frozen=True, slots=True)
class Grund:
    """One reason: the sentence of the decree (or ordinance) and what it means here."""

    nummer: str
    text: str
    auslegung: bool = False
    """The text leaves it open; this is how the gateway reads it."""

    def as_json(self) -> dict[str, Any]:
        """The reason as a JSON object."""
        return {"nummer": self.nummer, "text": self.text, "auslegung": self.auslegung}


@dataclass(frozen=True, slots=True)
class Hinweis:
    """Something that a person should know; it changes no outcome."""

    text: str
    vorschlag: str | None = None
    """Key of an authority that the person may want to consider."""

    def as_json(self) -> dict[str, Any]:
        """The hint as a JSON object."""
        return {"text": self.text, "vorschlag": self.vorschlag}


@dataclass(frozen=True, slots=True)
class Frist:
    """A deadline that the decree sets."""

    nummer: str
    faellig_am: datetime.date
    pflichtig: str | None
    """Key of the authority that must act; None while it is not known."""
    text: str

    def as_json(self) -> dict[str, Any]:
        """The deadline as a JSON object."""
        return {
            "nummer": self.nummer,
            "faellig_am": self.faellig_am.isoformat(),
            "pflichtig": self.pflichtig,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Folge:
    """What follows from the decision: it binds one authority (`pflichtig`) or concerns one (`empfaenger`)."""

    art: FolgeArt
    nummer: str
    text: str
    pflichtig: str | None = None
    empfaenger: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The consequence as a JSON object: with `pflichtig` where an authority is bound, else with `empfaenger`."""
        wer = ("empfaenger", self.empfaenger) if self.pflichtig is None else ("pflichtig", self.pflichtig)
        return {"art": self.art, "nummer": self.nummer, wer[0]: wer[1], "text": self.text}


@dataclass(frozen=True, slots=True)
class Entscheidung:
    """Outcome, recipients, the sentence that decided, reasons, hints, deadlines, consequences, versions."""

    entscheidung: Ausgang
    nummer: str
    begruendung: tuple[Grund, ...]
    empfaenger: tuple[str, ...] = ()
    vorlaeufig: bool = False
    """The recipient may have to forward (3.2 Satz 2, 5.4 Satz 2)."""
    vorrang: bool = False
    """Ahead of ordinary traffic."""
    hinweise: tuple[Hinweis, ...] = ()
    fristen: tuple[Frist, ...] = ()
    folgen: tuple[Folge, ...] = ()
    regelwerk: tuple[tuple[str, str], ...] = ()
    """Name and version of each set of rules that was applied."""

    def as_json(self) -> dict[str, Any]:
        """The decision as the JSON object of requirements.md section 3."""
        return {
            "entscheidung": self.entscheidung,
            "empfaenger": list(self.empfaenger),
            "nummer": self.nummer,
            "vorlaeufig": self.vorlaeufig,
            "vorrang": self.vorrang,
            "begruendung": [grund.as_json() for grund in self.begruendung],
            "hinweise": [hinweis.as_json() for hinweis in self.hinweise],
            "fristen": [frist.as_json() for frist in self.fristen],
            "folgen": [folge.as_json() for folge in self.folgen],
            "regelwerk": [{"name": name, "fassung": fassung} for name, fassung in self.regelwerk],
        }
