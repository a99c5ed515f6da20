"""Our `mitteilung` (9900001) as the official MiStra notice (0500900 of XJustiz 4.0.0), and back.

What both can say goes over unchanged. What the official message cannot say is not lost either: the facts go as the
part `sachverhalt`, which the gateway takes beside any official message; what a number demands beyond the facts and the
official message has no place for comes back as `einzelheiten`, which the way back takes again.

Promises: pure; the official XML is valid under the official XSD as long as the texts keep to its characters (datatype
C of DIN 91379); what is left out is named by place. Test traffic is never converted: the official head cannot mark it.
Fails: `Malformed` and `TooLarge` for what is no XML that we take; `Invalid`: another root (`wurzel_unbekannt`), test
traffic (`testverkehr`), an Anlass without a counterpart (`kein_gegenstueck`), an official message whose Anlass, sender
or person is not certain (`anlass_unklar`, `absender_unbekannt`, `person_unklar`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from gateway.check import intake
from gateway.check.compose import BESCHULDIGTER, VERSION
from gateway.check.compose_any import Detail, Details, write_details
from gateway.check.facts import FACTS, ROOT_OF, anlass_element, facts_from_xml, facts_to_xml
from gateway.check.head import head_of, text_key
from gateway.check.mistra import MITTEILUNG, Schreibregel, Zuordnung
from gateway.check.mistra_grammar import JUSTIZ, XJUSTIZ, to_official, to_own
from gateway.check.official import official_facts
from gateway.check.place import child, local, named, text
from gateway.errors import Befund, Invalid
from gateway.message import Kopf
from routing.sachverhalt import Sachverhalt
from routing.verzeichnis import Verzeichnis

OWN_ROOT = ROOT_OF["verfahren_erledigt"].name
XJUSTIZ_VERSION = "4.0.0"
LIST_VERSION = "1.0"
"""listVersionID of straf.mistra.art and straf.mistra.anlass; the lists themselves were not found."""
COURT_LIST_VERSION = "3.7"
BETWEEN = "\n\n"
"""What stands between several texts of ours in the one official text."""
DETAIL_ORDER = (
    *("tatvorwurf", "erkenntnis", "ersuchenderStaat", "eingeleitetAm", "haftbefehlVom", "aufgehobenAm"),
    *(
        "eingestelltAm",
        "eingestelltNach",
        "beantragtAm",
        "erhobenAm",
        "termin",
        "terminsort",
        "verhandeltAm",
        "ergebnis",
    ),
    *("erledigtAm", "auswahl_erledigung", "rechtskraftAm", "auswahl_urteil", "auswahl_rechtsfolge"),
    *("auswahl_nachgereicht", "urteil", "massnahme456aAb", "widerrufenAm", "erlaeuterung"),
)
"""What the numbers of this root demand, in the order of our XSD."""
_FACT_ELEMENTS = frozenset(fact.element for fact in FACTS)


@dataclass(frozen=True, slots=True)
class Amtlich:
    """The official notice and what it cannot say."""

    xml: bytes
    sachverhalt: Mapping[str, Any]
    """The facts, for the part `sachverhalt`."""
    einzelheiten: Details
    """What the number demands beyond them and has no place there; for the way back."""
    rollennummer: str
    """Whom the notice is about; the official message does not point to one person."""
    nicht_sagbar: tuple[str, ...]
    """Other places of our message that are left out (XPath)."""


@dataclass(frozen=True, slots=True)
class Mitteilung:
    """Our notice, and what of the official one it cannot say."""

    xml: bytes
    nicht_sagbar: tuple[str, ...]
    """Places of the official message that are left out (XPath)."""


def to_mistra(own: bytes, mapping: Zuordnung, directory: Verzeichnis) -> Amtlich:
    """Convert a notice of ours.

    Args:
        own: a `mitteilung` that the checker accepted.
        mapping: which Anlass is which code, and what goes where.
        directory: for the head.

    Raises:
        Malformed, TooLarge, Invalid: see the top of this file.
    """
    root = _root(own, OWN_ROOT)
    kopf = head_of(root, "justiz", directory)
    if kopf.test:
        raise _refused(
            "testverkehr", "Testverkehr wird nicht umgesetzt: der amtliche Kopf kann ihn nicht kennzeichnen."
        )
    facts = facts_from_xml(root, kopf)
    assert facts is not None  # this root carries facts
    rule = mapping.schreibregeln.get(facts.anlass)
    if rule is None:
        raise _refused("kein_gegenstueck", f"Die Zuordnung nennt für den Anlass {facts.anlass} keinen amtlichen Code.")
    lost: list[str] = []
    made = etree.Element(f"{{{XJUSTIZ}}}{MITTEILUNG}", nsmap={"x": XJUSTIZ})
    head = _below(made, "nachrichtenkopf")
    head.set("xjustizVersion", XJUSTIZ_VERSION)
    head.extend(_official_parts(child(root, "nachrichtenkopf"), lost))
    for name in ("grunddaten", "schriftgutobjekte"):
        made.extend(_official_parts(root, lost, name))
    rest = _tree(anlass_element(root))
    _write_official(_below(made, "fachdaten"), rule, _Sayer(facts, kopf, rest))
    person = text(root, "fachdaten", "betroffenePerson", "ref.rollennummer") or ""
    return Amtlich(_bytes(made), facts.as_json(), rest, person, tuple(lost))


def from_mistra(
    official: bytes,
    mapping: Zuordnung,
    directory: Verzeichnis,
    *,
    sachverhalt: Mapping[str, Any] | None = None,
    einzelheiten: Details | None = None,
    rollennummer: str | None = None,
) -> Mitteilung:
    """Convert an official notice.

    Args:
        official: a 0500900 that its XSD accepted.
        mapping: what names the Anlass, and what goes where.
        directory: for partners that are named by free text.
        sachverhalt: the part of that name; without it, the mapping must find the Anlass.
        einzelheiten: what our number demands and the official message cannot say.
        rollennummer: whom it is about, where that is not the one Beschuldigter.

    Returns:
        Our message; valid under our XSD if message and `einzelheiten` together say what the number demands.

    Raises:
        Malformed, TooLarge, Invalid: see the top of this file.
        Forbidden: `sachverhalt.absender` is not the sender of the XML.
    """
    root = _root(official, MITTEILUNG)
    kopf = head_of(root, "xjustiz", directory)
    kopf, facts = official_facts(kopf, sachverhalt, None, functools.partial(mapping.facts, root))
    if ROOT_OF[facts.anlass].name != OWN_ROOT:
        raise _refused("anlass_unklar", "Die Nachricht nennt keinen Anlass, den unsere Mitteilung trägt.")
    lost: list[str] = []
    made = etree.Element(f"{{{JUSTIZ}}}{OWN_ROOT}", nsmap={"s": JUSTIZ})
    convert = functools.partial(to_own, lost=lost, resolve=functools.partial(text_key, directory=directory))
    head = etree.SubElement(made, f"{{{JUSTIZ}}}nachrichtenkopf", version=VERSION)
    head.extend(part for node in _head(child(root, "nachrichtenkopf")) if (part := convert(node)) is not None)
    for name in ("grunddaten", "schriftgutobjekte"):
        node = child(root, name)
        part = convert(node) if node is not None else None
        if part is not None:
            made.append(part)
    _number(made)
    person = rollennummer or _person(made)
    _write_own(made, facts, kopf, person, _details(root, mapping.schreibregeln.get(facts.anlass), einzelheiten or {}))
    return Mitteilung(_bytes(made), tuple(lost))


def _root(xml: bytes, name: str) -> etree._Element:
    """The parsed message, if it is the one that is meant."""
    document = intake.parse(xml)
    if document.wurzel != name:
        raise _refused("wurzel_unbekannt", f"Umgesetzt wird nur {name}.")
    return document.root


def _refused(code: str, sentence: str) -> Invalid:
    return Invalid(sentence, Befund(code, sentence), code=code)


def _below(parent: etree._Element, name: str) -> etree._Element:
    """A new official child."""
    return etree.SubElement(parent, f"{{{XJUSTIZ}}}{name}")


def _bytes(root: etree._Element) -> bytes:
    etree.cleanup_namespaces(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _official_parts(parent: etree._Element | None, lost: list[str], name: str = "*") -> list[etree._Element]:
    """Children in the official grammar."""
    nodes = parent.iterchildren("{*}" + name) if parent is not None else ()
    return [part for node in nodes if (part := to_official(node, lost)) is not None]


def _head(head: etree._Element | None) -> list[etree._Element]:
    """The parts of a head."""
    return list(head.iterchildren("*")) if head is not None else []


# --- what a number demands beyond the facts -------------------------------------------------------------------------


def _tree(element: etree._Element | None) -> dict[str, Detail]:
    """What an element holds besides facts, as names and values; repeated elements become lists."""
    found: dict[str, list[Detail]] = {}
    for node in element.iterchildren("*") if element is not None else ():
        if local(node) not in _FACT_ELEMENTS:
            found.setdefault(local(node), []).append(_value(node))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _value(node: etree._Element) -> Detail:
    """One element as a value: a code, a text, or its children."""
    code = text(node, "code")
    if code is not None:
        return code
    return _tree(node) if len(node) or not text(node) else (node.text or "")


@dataclass(slots=True)
class _Sayer:
    """Takes out of the details what the official message says; the rest stays."""

    facts: Sachverhalt
    kopf: Kopf
    rest: dict[str, Detail]

    def take(self, path: str) -> str | None:
        """The text at a path, taken out; None if there is none."""
        *parents, last = path.split("/")
        holder: Any = self.rest
        for name in parents:
            holder = holder.get(name) if isinstance(holder, Mapping) else None
        if not isinstance(holder, dict) or last not in holder:
            return None
        value = holder.pop(last)
        return BETWEEN.join(value) if isinstance(value, list) else value

    def decider(self, rule: Schreibregel) -> tuple[str, str] | None:
        """Who decided, and under which Aktenzeichen; None where that is no authority of GDS.Gerichte or not known."""
        if rule.entscheider == "absender":
            key, number = self.kopf.absender, self.kopf.aktenzeichen
        else:
            case = next((case for case in self.facts.verfahren if case.gericht), None)
            key, number = (case.gericht, case.aktenzeichen) if case else (None, None)
        return (key.removeprefix("gds:"), number) if key and number and key.startswith("gds:") else None


def _write_official(official: etree._Element, rule: Schreibregel, sayer: _Sayer) -> None:
    """The official `fachdaten`, in the order of the official XSD."""
    choice = _below(official, "auswahl_anlass")
    _add_code(choice, "artDerMistra" if rule.art else "sonstigeAnlaesse", rule.art or rule.sonstiger_anlass or "")
    _add(official, "azr-Nr", sayer.kopf.azr_nummer)
    said = {}
    for path, place in rule.orte.items():
        if place == "entscheidung/datum" and sayer.decider(rule) is None:
            continue
        value = sayer.take(path)
        if value is not None:
            said[place] = value
    _add(official, "darlegungSachverhalt", said.get("darlegungSachverhalt"))
    decider = sayer.decider(rule)
    if decider is not None and "entscheidung/datum" in said:
        decision = _below(official, "entscheidung")
        _add_code(decision, "entscheidendeBehoerde", decider[0], COURT_LIST_VERSION)
        _add(decision, "aktenzeichen", decider[1])
        _add(decision, "datum", said["entscheidung/datum"])
    for name in ("datumDerErstenEntscheidung", "datumDerRechtskraft", "vollstreckungZurueckgestelltBis"):
        _add(official, name, said.get(name))


def _add(parent: etree._Element, name: str, value: str | None) -> None:
    if value is not None:
        _below(parent, name).text = value


def _add_code(parent: etree._Element, name: str, code: str, version: str = LIST_VERSION) -> None:
    element = _below(parent, name)
    element.set("listVersionID", version)
    etree.SubElement(element, "code").text = code


# --- the way back ---------------------------------------------------------------------------------------------------


def _details(root: etree._Element, rule: Schreibregel | None, given: Details) -> dict[str, Detail]:
    """What the official message says of the number's demands, completed by what was given."""
    official = child(root, "fachdaten")
    found: dict[str, Detail] = {}
    for path, place in rule.orte.items() if rule else ():
        value = text(official, *place.split("/"))
        choice, *below = path.split("/")
        if value is None or (below and not _chosen(given, [choice, *below[:-1]])):
            continue
        _put(found, path, value.split(BETWEEN) if path == "tatvorwurf" else value)
    return _merged(found, given)


def _chosen(given: Details, path: Sequence[str]) -> bool:
    """Whether what was given goes down a path: the official message does not say which of our choices it is."""
    holder: Any = given
    for name in path:
        holder = holder.get(name) if isinstance(holder, Mapping) else None
    return holder is not None


def _put(tree: dict[str, Any], path: str, value: Detail) -> None:
    """Put a value at a path."""
    *parents, last = path.split("/")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value


def _merged(said: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Detail]:
    """Both trees; what the official message says counts."""
    both = dict(said)
    for name, value in given.items():
        if isinstance(value, Mapping) and isinstance(both.get(name), Mapping):
            both[name] = _merged(both[name], value)
        else:
            both.setdefault(name, value)
    known = [name for name in DETAIL_ORDER if name in both]
    return {name: both[name] for name in [*known, *(name for name in both if name not in known)]}


def _number(made: etree._Element) -> None:
    """Numbers that our grammar demands: each role and each instance has one."""
    for part, number in (("rolle", "rollennummer"), ("instanzdaten", "instanznummer")):
        taken = {value for node in named(made, number) if (value := text(node))}
        for node in named(made, part):
            if child(node, number) is None:
                free = next(str(n) for n in range(1, len(taken) + 2) if str(n) not in taken)
                taken.add(free)
                element = etree.Element(f"{{{JUSTIZ}}}{number}")
                element.text = free
                node.insert(0, element)


def _person(made: etree._Element) -> str:
    """Role number of the one person whom the notice is about."""
    people = [node for node in named(made, "beteiligung") if next(node.iter("{*}natuerlichePerson"), None) is not None]
    roles = [role for node in people for role in node.iterchildren("{*}rolle")]
    accused = [role for role in roles if text(role, "rollenbezeichnung", "code") == BESCHULDIGTER]
    certain = accused if len(accused) == 1 else roles if len(roles) == 1 else []
    number = text(certain[0], "rollennummer") if certain else None
    if number is None:
        raise _refused("person_unklar", "Es ist nicht eindeutig, um wen es geht; bitte die Rollennummer angeben.")
    return number


def _write_own(made: etree._Element, facts: Sachverhalt, kopf: Kopf, person: str, details: Details) -> None:
    """Our `fachdaten`."""
    own = etree.SubElement(made, f"{{{JUSTIZ}}}fachdaten")
    write_details(own, {"betroffenePerson": {"ref.rollennummer": person}})
    if kopf.azr_nummer is not None:
        write_details(own, {"azrNummer": kopf.azr_nummer})
    occasion = facts_to_xml(facts, JUSTIZ)
    etree.SubElement(own, f"{{{JUSTIZ}}}auswahl_anlass").append(occasion)
    write_details(occasion, details)
