"""One table between XML and Sachverhalt, read in both directions (contracts.md section 4, "Facts").

`fachdaten/auswahl_anlass` holds one child, named after its Anlass; that child's children are one to one the keys of the
Sachverhalt, in its order. `ROOTS` says which root carries which Anlass, `FACTS` which element carries which key.

Promises: pure; what is written is read back as an equal Sachverhalt; the sender comes from the head, and a known
Ausländerbehörde that the head names as recipient becomes `bekannte_abh`.
Fails: `Invalid` (422) for facts that the XSD let pass and the Sachverhalt does not; `ValueError` on writing for an
Anlass without a root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lxml import etree

from gateway.check.place import child, local, xpath_of
from gateway.errors import Befund, Invalid
from gateway.message import Familie, Kopf
from routing.sachverhalt import ANLAESSE, KeinSachverhalt, Sachverhalt

NAMESPACES: Mapping[str, str] = {"justiz": "urn:de:nrw:strafausl:1", "ausl": "urn:de:nrw:auslstraf:1"}
"""Namespace of each of our own families."""


class Converter(NamedTuple):
    """How one value is written and read."""

    to_xml: Callable[[Any], str]
    from_xml: Callable[[str], Any]


TEXT = Converter(str, str)
"""Texts, keys, AGS and days are in XML what they are in JSON; the Sachverhalt checks their form."""
BOOLEAN = Converter(lambda value: "true" if value else "false", lambda text: text.strip() in ("true", "1"))


class Fact(NamedTuple):
    """One key of the Sachverhalt and the element that carries it."""

    key: str
    element: str
    converter: Converter | None
    """None where the element has children instead of a value."""
    parts: tuple[Fact, ...] = ()
    repeats: bool = False


def camel(key: str) -> str:
    """The element name of a key: `neue_abh` → `neueAbh`, `erkenntnis_87_abs_2` → `erkenntnis87Abs2`."""
    first, *rest = key.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _text(*keys: str) -> tuple[Fact, ...]:
    return tuple(Fact(key, camel(key), TEXT) for key in keys)


def _boolean(*keys: str) -> tuple[Fact, ...]:
    return tuple(Fact(key, camel(key), BOOLEAN) for key in keys)


def _group(key: str, *parts: Fact, repeats: bool = False) -> tuple[Fact, ...]:
    return (Fact(key, camel(key), None, parts, repeats),)


FACTS: tuple[Fact, ...] = (
    *_text("stand"),
    *_group("azr", *_boolean("abgefragt"), *_text("aktenfuehrende_abh")),
    *_text("bekannte_abh", "tatort_ags", "wohnsitz_ags", "aufenthaltsort_ags"),
    *_group("auflage", *_text("ags", "art")),
    *_group("aufnahmeeinrichtung", *_text("ags"), *_boolean("land_nrw"), *_text("art")),
    *_text("haftanstalt"),
    *_group("verfahren", *_text("staatsanwaltschaft", "gericht", "aktenzeichen"), repeats=True),
    *_text("vollstreckungsbehoerde", "befasste_polizei", "ersuchende_abh", "neue_abh", "empfaenger", "rechtsgrundlage"),
    *_text("eingeleitet_durch"),
    *_group("bereits_unterrichtet", *_text("abh", "durch", "am"), *_boolean("aktenkundig")),
    *_boolean("unterrichtet_nach_2_5", "pruefergebnis_nach_3_3", "massnahmen_kommen_in_betracht"),
    *_boolean("ausnahme_87_abs_5_nr_1", "langfristige_abschiebungshindernisse", "gefaehrdet_untersuchungszweck"),
    *_boolean("eilbeduerftig", "jgg_verfahren", "unionsbuerger"),
    *_text("massnahme", "bestehen_auf"),
    *_text("halbstrafenzeitpunkt", "entlassung_am", "eingang_strafanzeige", "telefonisch_am"),
)
"""Every key but `anlass` (the element that holds them) and `absender` (the head), in the order of the XSDs."""


class Root(NamedTuple):
    """One root element that carries facts."""

    familie: Familie
    name: str
    """Local name, number included."""
    anlaesse: tuple[str, ...]

    @property
    def nummer(self) -> str:
        """The message number."""
        return self.name.rpartition(".")[2]


def _from_to(first: str, last: str) -> tuple[str, ...]:
    """The Anlässe between two, both included, in the decree's order."""
    return ANLAESSE[ANLAESSE.index(first) : ANLAESSE.index(last) + 1]


_HAFT = ("untersuchungshaft_antritt", "untersuchungshaft_verlegung", "untersuchungshaft_entlassung")
_STRAFHAFT = ("strafhaft_antritt", "strafhaft_verlegung", "auslieferungshaft_antritt", "auslieferungshaft_verlegung")
_TERMIN = ("entlassungstermin_vorgesehen", "entlassungstermin_festgesetzt", "entlassungstermin_geaendert")
_EINLEITUNG = _from_to("ermittlungsverfahren_eingeleitet", "haftbefehl_aufgehoben")
_VERFAHREN = _from_to("haftaufhebung_beabsichtigt", "zurueckstellung_strafvollstreckung_widerrufen")
_FOLGE = _from_to("abschiebung_durchgefuehrt", "ersuchen_zurueckgenommen")
_BETEILIGUNG = ("beteiligung_aufenthaltstitel_25", "beteiligung_ausreisefrist_59_7")
_WEITERE = ("ausgang_des_verfahrens_482", "asyl_mitteilung_8_1a", "vollzugsmitteilung", "weitere_mitteilung")

ROOTS: tuple[Root, ...] = (
    Root("justiz", "nachricht.strafausl.mitteilung.9900001", (*_EINLEITUNG, *_VERFAHREN)),
    Root("justiz", "nachricht.strafausl.haft.9900002", (*_HAFT, *_STRAFHAFT, *_TERMIN)),
    Root("ausl", "nachricht.auslstraf.einvernehmenErsuchen.9900003", ("einvernehmen_ersuchen",)),
    Root("justiz", "nachricht.strafausl.einvernehmenEntscheidung.9900004", ("einvernehmen_entscheidung",)),
    Root("ausl", "nachricht.auslstraf.folgemitteilung.9900005", _FOLGE),
    Root("ausl", "nachricht.auslstraf.beteiligung.9900006", _BETEILIGUNG),
    Root("justiz", "nachricht.strafausl.beteiligungAntwort.9900007", ("beteiligung_antwort",)),
    Root(
        "ausl",
        "nachricht.auslstraf.pruefergebnis.9900008",
        ("pruefergebnis_untersuchungshaft", "pruefergebnis_vollstreckung"),
    ),
    Root("justiz", "nachricht.strafausl.entscheidung456a.9900009", ("entscheidung_456a",)),
    Root("ausl", "nachricht.auslstraf.akteneinsichtErsuchen.9900010", ("akteneinsicht_ersuchen",)),
    Root("justiz", "nachricht.strafausl.akteneinsichtAntwort.9900011", ("akteneinsicht_antwort",)),
    Root("justiz", "nachricht.strafausl.weitereMitteilung.9900012", _WEITERE),
    Root("justiz", "nachricht.strafausl.berichtigung.9900013", ("berichtigung",)),
)
"""Every root that carries facts (contracts.md section 4). Roots without facts go to their named addressee."""

ROOT_OF: Mapping[str, Root] = {anlass: root for root in ROOTS for anlass in root.anlaesse}
"""The root that carries an Anlass."""
ELEMENT_OF: Mapping[str, str] = {anlass: camel(anlass) for anlass in ANLAESSE}
ANLASS_OF: Mapping[str, str] = {element: anlass for anlass, element in ELEMENT_OF.items()}


def anlass_element(root: etree._Element) -> etree._Element | None:
    """The element that names the Anlass and holds its facts; None for roots that carry none."""
    choice = child(root, "fachdaten", "auswahl_anlass")
    return next(choice.iterchildren("*"), None) if choice is not None else None


def anlass_of(root: etree._Element) -> str | None:
    """The Anlass that a message of our own states; None for roots that carry none."""
    element = anlass_element(root)
    return ANLASS_OF.get(local(element)) if element is not None else None


def facts_from_xml(root: etree._Element, kopf: Kopf) -> Sachverhalt | None:
    """Read the facts of a message of our own.

    Args:
        root: a message that its XSD accepted.
        kopf: its head.

    Returns:
        The facts; None for roots that go to their named addressee.

    Raises:
        Invalid: no sender, an Anlass that this root does not carry, a value that a Sachverhalt refuses, or two
            different Ausländerbehörden in head and facts.
    """
    element = anlass_element(root)
    if element is None:
        return None
    anlass = ANLASS_OF.get(local(element))
    if anlass is None or ROOT_OF[anlass].name != kopf.wurzel:
        raise _invalid(element, "anlass_nummer", "Dieser Anlass gehört nicht in diese Nachricht.")
    values = {"anlass": anlass, "absender": kopf.absender, **_read(element, FACTS)}
    return sachverhalt_of(with_recipient(values, kopf.empfaenger, element), element)


def with_recipient(
    values: Mapping[str, Any], empfaenger: str | None, element: etree._Element | None = None
) -> dict[str, Any]:
    """Facts with what the head's recipient adds: an Ausländerbehörde is `bekannte_abh` (contracts.md section 4).

    Raises:
        Invalid: the facts name another known Ausländerbehörde.
    """
    complete = dict(values)
    if empfaenger is None:
        return complete
    if complete.get("anlass") == "weitere_mitteilung":
        complete["empfaenger"] = complete.get("empfaenger") or empfaenger
    elif empfaenger.startswith(("abh:", "zab:")):
        if complete.get("bekannte_abh") not in (None, empfaenger):
            sentence = "Empfänger im Kopf und bekannte Ausländerbehörde im Sachverhalt widersprechen sich."
            raise _invalid(element, "empfaenger_widerspruch", sentence)
        complete["bekannte_abh"] = empfaenger
    return complete


def sachverhalt_of(values: Mapping[str, Any], element: etree._Element | None = None) -> Sachverhalt:
    """A Sachverhalt, or a refusal that names every fault.

    Raises:
        Invalid: code `sachverhalt`.
    """
    try:
        return Sachverhalt.from_json(values)
    except KeinSachverhalt as error:
        line, xpath = (element.sourceline, xpath_of(element)) if element is not None else (None, None)
        findings = [Befund("sachverhalt", fault, zeile=line, xpath=xpath) for fault in error.fehler]
        raise Invalid("Die Angaben sind kein Sachverhalt.", *findings, code="sachverhalt") from None


def facts_to_xml(sachverhalt: Sachverhalt, namespace: str | None) -> etree._Element:
    """The element of the Anlass with its facts, to be put into `auswahl_anlass`.

    Args:
        sachverhalt: the facts.
        namespace: namespace of the elements; None where the family leaves local elements unqualified.
    """
    element = etree.Element(_tag(namespace, ELEMENT_OF[sachverhalt.anlass]))
    _write(element, FACTS, sachverhalt.as_json(), namespace)
    return element


def _tag(namespace: str | None, name: str) -> str:
    return f"{{{namespace}}}{name}" if namespace else name


def _read(element: etree._Element, facts: tuple[Fact, ...]) -> dict[str, Any]:
    """The keys that the children of an element carry; children that are no facts are passed over."""
    children: dict[str, list[etree._Element]] = {}
    for node in element.iterchildren("*"):
        children.setdefault(local(node), []).append(node)
    found: dict[str, Any] = {}
    for fact in facts:
        nodes = children.get(fact.element)
        if not nodes:
            continue
        values = [_read(node, fact.parts) if fact.converter is None else _value(node, fact.converter) for node in nodes]
        found[fact.key] = values if fact.repeats else values[0]
    return found


def _value(node: etree._Element, converter: Converter) -> Any:
    return converter.from_xml(node.text or "")


def _write(element: etree._Element, facts: tuple[Fact, ...], values: Mapping[str, Any], namespace: str | None) -> None:
    """Append one child for each key that is there."""
    for fact in facts:
        if fact.key not in values:
            continue
        value = values[fact.key]
        for item in value if fact.repeats else [value]:
            node = etree.SubElement(element, _tag(namespace, fact.element))
            if fact.converter is None:
                _write(node, fact.parts, item, namespace)
            else:
                node.text = fact.converter.to_xml(item)


def _invalid(element: etree._Element | None, code: str, sentence: str) -> Invalid:
    """A refusal with one finding at an element."""
    line, xpath = (element.sourceline, xpath_of(element)) if element is not None else (None, None)
    return Invalid(sentence, Befund(code, sentence, zeile=line, xpath=xpath), code=code)
