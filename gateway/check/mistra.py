"""The official MiStra notice (0500900) as a Sachverhalt, by mapping data (contracts.md section 4, official XJustiz).

The mapping is a TOML file: the packaged one, or the operator's (`[schemata] zuordnung`), for the values of the code
lists are published in the XRepository only. Keys:

- `name`, `fassung`: for people; `wurzel`: the root that it reads.
- `[[regel]]`, in order, the first that holds names the Anlass: `anlass`; conditions, all of which must hold: `art` and
  `sonstiger_anlass` (codes of `auswahl_anlass`), `erledigungsart` (codes), `vorhanden` and `fehlt` (elements of
  `fachdaten`); `weil`: why this is certain, for people.
- `[[anlass]]`, for `mistra_convert`: `anlass`; `art` or `sonstiger_anlass` (the code written); `entscheider`
  (`absender` or `gericht`: who decides, where a decision is written); `orte` (element of ours to element there).

Promises: pure; a message that no rule fits has no facts, and nothing is guessed: the AZR-Nummer does not say that the
register was asked, and a named authority is `bekannte_abh` by the rule for all official messages.
Fails: `ValueError` (German) for a mapping that cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lxml import etree

from gateway.check.place import child, named, text
from gateway.message import Kopf
from routing.sachverhalt import ANLAESSE

MITTEILUNG = "nachricht.straf.mistra.mitteilung.0500900"
PLACES = frozenset(
    {
        "darlegungSachverhalt",
        "entscheidung/datum",
        "datumDerErstenEntscheidung",
        "datumDerRechtskraft",
        "vollstreckungZurueckgestelltBis",
    }
)
"""Elements of the official `fachdaten` that can hold a detail of ours."""
ELEMENTS = frozenset(
    {
        *("azr-Nr", "astral-ID", "erledigungsart", "darlegungSachverhalt", "tatzeit", "entscheidung"),
        *("datumDerErstenEntscheidung", "datumDerRechtskraft", "anordnungsinhalt"),
        *("vollstreckungZurueckgestelltBis", "datumAbschiebung"),
    }
)
"""Elements of the official `fachdaten` whose presence can be a condition."""

Entscheider = Literal["absender", "gericht"]


@dataclass(frozen=True, slots=True)
class Leseregel:
    """When the official message reports an Anlass."""

    anlass: str
    art: frozenset[str] = frozenset()
    sonstiger_anlass: frozenset[str] = frozenset()
    erledigungsart: frozenset[str] = frozenset()
    vorhanden: frozenset[str] = frozenset()
    fehlt: frozenset[str] = frozenset()
    weil: str = ""


@dataclass(frozen=True, slots=True)
class Schreibregel:
    """How the official message reports an Anlass."""

    anlass: str
    art: str | None = None
    sonstiger_anlass: str | None = None
    entscheider: Entscheider = "absender"
    orte: Mapping[str, str] = field(default_factory=dict)
    """Element of ours, a path from the element of the Anlass, to element of the official `fachdaten`."""


@dataclass(frozen=True, slots=True)
class Zuordnung:
    """One mapping."""

    name: str
    wurzel: str
    fassung: str
    regeln: tuple[Leseregel, ...]
    schreibregeln: Mapping[str, Schreibregel]

    @classmethod
    def from_toml(cls, data: Mapping[str, Any]) -> Zuordnung:
        """Read a mapping strictly.

        Raises:
            ValueError: an unknown key, Anlass or place, a wrong type, or a rule without a condition; in German.
        """
        _only(data, {"name", "wurzel", "fassung", "regel", "anlass"}, "Zuordnung")
        if data.get("wurzel") != MITTEILUNG:
            raise ValueError(f"wurzel muss {MITTEILUNG} sein")
        writing = [_writing(entry) for entry in data.get("anlass", [])]
        return cls(
            name=_text(data, "name"),
            wurzel=MITTEILUNG,
            fassung=_text(data, "fassung"),
            regeln=tuple(_reading(entry) for entry in data.get("regel", [])),
            schreibregeln={rule.anlass: rule for rule in writing},
        )

    def facts(self, root: etree._Element, kopf: Kopf) -> Mapping[str, Any] | None:
        """Facts of an official MiStra notice, without its sender; None where no rule fits.

        Args:
            root: the message, accepted by its XSD.
            kopf: its head, with the recipient that counts.
        """
        official = child(root, "fachdaten")
        rule = next((rule for rule in self.regeln if _fits(rule, official)), None)
        if rule is None:
            return None
        values: dict[str, Any] = {"anlass": rule.anlass}
        police = _police(root, kopf) if rule.anlass == "ausgang_des_verfahrens_482" else None
        return {**values, "befasste_polizei": police} if police else values


def _police(root: etree._Element, kopf: Kopf) -> str | None:
    """The Polizei that dealt with the case: the recipient, else the one that the proceedings name."""
    if kopf.empfaenger is not None and kopf.empfaenger.startswith("pol:"):
        return kopf.empfaenger
    instances = [
        node for step in named(root, "auswahl_instanzbehoerde") for node in step.iterchildren("{*}polizeibehoerde")
    ]
    codes = {code for node in instances if (code := text(node, "code"))}
    return f"pol:{codes.pop()}" if len(codes) == 1 else None


def _fits(rule: Leseregel, official: etree._Element | None) -> bool:
    """Whether every condition of a rule holds."""
    wanted = (
        (rule.art, ("auswahl_anlass", "artDerMistra", "code")),
        (rule.sonstiger_anlass, ("auswahl_anlass", "sonstigeAnlaesse", "code")),
        (rule.erledigungsart, ("erledigungsart", "code")),
    )
    return (
        all(text(official, *path) in codes for codes, path in wanted if codes)
        and all(child(official, name) is not None for name in rule.vorhanden)
        and all(child(official, name) is None for name in rule.fehlt)
    )


def _reading(entry: Mapping[str, Any]) -> Leseregel:
    """One `[[regel]]`."""
    codes = ("art", "sonstiger_anlass", "erledigungsart")
    _only(entry, {"anlass", "weil", "vorhanden", "fehlt", *codes}, "regel")
    sets = {name: _texts(entry, name) for name in (*codes, "vorhanden", "fehlt")}
    if not (sets["art"] or sets["sonstiger_anlass"]):
        raise ValueError("eine regel braucht art oder sonstiger_anlass: die Daten allein nennen keinen Anlass")
    unknown = sorted((sets["vorhanden"] | sets["fehlt"]) - ELEMENTS)
    if unknown:
        raise ValueError(f"unbekanntes Element {unknown[0]}; es gibt {', '.join(sorted(ELEMENTS))}")
    return Leseregel(anlass=_anlass(entry), weil=_text(entry, "weil", ""), **sets)


def _writing(entry: Mapping[str, Any]) -> Schreibregel:
    """One `[[anlass]]`."""
    _only(entry, {"anlass", "art", "sonstiger_anlass", "entscheider", "orte"}, "anlass")
    art, other = _text(entry, "art", "") or None, _text(entry, "sonstiger_anlass", "") or None
    if (art is None) == (other is None):
        raise ValueError("ein anlass braucht genau eines von art und sonstiger_anlass")
    places = entry.get("orte", {})
    if not isinstance(places, Mapping) or not set(places.values()) <= PLACES:
        raise ValueError(f"orte führt in ein unbekanntes Element; es gibt {', '.join(sorted(PLACES))}")
    decider = entry.get("entscheider", "absender")
    if decider not in ("absender", "gericht"):
        raise ValueError("entscheider ist absender oder gericht")
    return Schreibregel(_anlass(entry), art, other, decider, dict(places))


def _anlass(entry: Mapping[str, Any]) -> str:
    """The Anlass of an entry."""
    anlass = _text(entry, "anlass")
    if anlass not in ANLAESSE:
        raise ValueError(f"unbekannter Anlass {anlass}")
    return anlass


def _only(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    """Refuse keys that are not known: a misspelt condition would make a rule fit too much."""
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ValueError(f"unbekannter Schlüssel {unknown[0]} in {where}")


def _text(entry: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A text of an entry."""
    value = entry.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} fehlt oder ist kein Text")  # noqa: TRY004 - one kind of error for a mapping
    return value


def _texts(entry: Mapping[str, Any], key: str) -> frozenset[str]:
    """A list of texts, empty where it is missing; an empty list in the file is a mistake."""
    value: Sequence[Any] | None = entry.get(key)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} muss eine Liste von Texten sein")
    return frozenset(value)
