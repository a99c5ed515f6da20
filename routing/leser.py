"""Reads JSON values strictly: form of keys, days and texts, unknown names, wrong types.

Promises: nothing is guessed or converted that the contract does not list; all faults are gathered, none hides another.
No I/O, no clock.
Fails: by `KeinSachverhalt`, whose `fehler` are German sentences without content beyond names of keys.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

FRUEHESTES_JAHR: Final = 1900
"""Earlier days are typing errors: nobody concerned by a notice has dates before it, and deadlines stay computable."""

SCHLUESSEL: Final[Mapping[str, str]] = {
    "abh": r"[0-9]{5}(?:[0-9]{3})?",
    "zab": r"bielefeld|coesfeld|essen|koeln|unna",
    "gds": r"[0-9A-Z]{4,8}",
    "pol": r"[0-9A-Z.\-]{4,40}",
    "mrv": r"[a-z0-9]+(?:-[a-z0-9]+)*",
    "bamf": r"zentrale",
    "nrw": r"[a-z0-9]+(?:-[a-z0-9]+)*",
    "gw": r"[a-z0-9]+(?:[.\-][a-z0-9]+)*",
}
"""Form of an authority key after its prefix (contracts.md section 1): the one rule for facts, configuration and
directory, and the XSDs' `Schluessel` states the same. Form only, not existence. Codes stand as the official lists
write them: GDS.Polizeibehoerden has dots, hyphens and up to 25 characters, GDS.Gerichte may begin with a digit."""
_MUSTER: Final = {praefix: re.compile(muster) for praefix, muster in SCHLUESSEL.items()}
_LAENGE_SCHLUESSEL: Final = 100
"""Longest key: the directory's slugs stay below it, and a longer one only fills logs."""
_LAENGE_NAME: Final = 120
"""An unknown name is repeated up to here: enough to find it, too little to fill an answer."""
_AGS: Final = re.compile(r"[0-9]{8}")
_DATUM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_SURROGAT: Final = re.compile("[\ud800-\udfff]")

T = TypeVar("T")


class KeinSachverhalt(ValueError):
    """Die Angaben sind kein Sachverhalt."""

    def __init__(self, fehler: list[str]) -> None:
        self.fehler = fehler
        super().__init__(" ".join(fehler))


def ist_schluessel(wert: str) -> bool:
    """Whether `wert` has the form of an authority key, `prefix:key` (contracts.md section 1)."""
    praefix, trenner, rest = wert.partition(":")
    muster = _MUSTER.get(praefix)
    return bool(trenner) and muster is not None and len(wert) <= _LAENGE_SCHLUESSEL and bool(muster.fullmatch(rest))


class Leser:
    """Reads JSON values and gathers what is wrong with them."""

    def __init__(self) -> None:
        self.fehler: list[str] = []

    def objekt(self, wert: object, pfad: str, felder: Mapping[str, Lesart]) -> dict[str, Any]:
        """The known, present keys of a JSON object, each converted."""
        if not isinstance(wert, Mapping):
            self.fehler.append(f"„{pfad}“ muss ein Objekt sein." if pfad else "Ein Sachverhalt ist ein JSON-Objekt.")
            return {}
        werte: dict[str, Any] = {}
        for name, inhalt in wert.items():
            voll = f"{pfad}.{name}" if pfad else str(name)
            lesart = felder.get(name)
            if lesart is None:
                lesbar = voll[:_LAENGE_NAME].encode(errors="replace").decode()
                self.fehler.append(f"„{lesbar}“ ist kein Schlüssel eines Sachverhalts.")
            elif inhalt is not None and (gelesen := lesart(self, inhalt, voll)) is not None:
                werte[name] = gelesen
        return werte

    def text(self, wert: object, pfad: str) -> str | None:
        """A text; a blank one counts as missing, one that UTF-8 cannot write (lone surrogates) is refused."""
        if not isinstance(wert, str) or _SURROGAT.search(wert):
            self.fehler.append(f"„{pfad}“ muss ein Text sein.")
            return None
        return wert if wert.strip() else None

    def wahr(self, wert: object, pfad: str) -> bool | None:
        """`true` or `false`, nothing that merely looks like it."""
        if not isinstance(wert, bool):
            self.fehler.append(f"„{pfad}“ muss true oder false sein.")
            return None
        return wert

    def datum(self, wert: object, pfad: str) -> datetime.date | None:
        """A day, `JJJJ-MM-TT`."""
        if isinstance(wert, str) and _DATUM.fullmatch(wert):
            try:
                tag = datetime.date.fromisoformat(wert)
            except ValueError:
                tag = datetime.date.min
            if tag.year >= FRUEHESTES_JAHR:
                return tag
        self.fehler.append(f"„{pfad}“ muss ein Datum in der Form JJJJ-MM-TT sein.")
        return None

    def muster(self, wert: object, pfad: str, passt: Callable[[str], bool], form: str) -> str | None:
        """A text of a given form."""
        if not isinstance(wert, str) or not passt(wert):
            self.fehler.append(f"„{pfad}“ muss {form} sein.")
            return None
        return wert

    def liste(self, wert: object, pfad: str, lies: Lesart) -> tuple[Any, ...] | None:
        """A list, each element read by `lies`."""
        if not isinstance(wert, list | tuple):
            self.fehler.append(f"„{pfad}“ muss eine Liste sein.")
            return None
        return tuple(lies(self, teil, f"{pfad}[{n}]") for n, teil in enumerate(wert))


Lesart = Callable[[Leser, object, str], Any]


def schluessel(leser: Leser, wert: object, pfad: str) -> str | None:
    """An authority key."""
    return leser.muster(wert, pfad, ist_schluessel, "ein Behördenschlüssel wie abh:05315000")


def ags(leser: Leser, wert: object, pfad: str) -> str | None:
    """The key of a municipality."""
    return leser.muster(
        wert, pfad, lambda text: bool(_AGS.fullmatch(text)), "ein Gemeindeschlüssel (AGS) mit 8 Ziffern"
    )


def eins_aus(*werte: str) -> Lesart:
    """One of the listed values."""
    return lambda leser, wert, pfad: leser.muster(wert, pfad, werte.__contains__, "einer der Werte " + ", ".join(werte))


def objekt(klasse: type[T], felder: Mapping[str, Lesart]) -> Callable[[Leser, object, str], T]:
    """A nested object with these keys."""
    return lambda leser, wert, pfad: klasse(**leser.objekt(wert, pfad, felder))
