"""Why a message breaks its schema, in German: line, XPath, a sentence that says how to mend it.

Promises: pure; `xmlschema` is asked only after libxml2 has refused. Texts hold names of elements and attributes and
what the schema demands (allowed values, lengths, forms), never a value that the message contains. At most
`MAX_FINDINGS`.
Fails: not for any message; an empty list means that `xmlschema` found nothing, which the caller reports as an alarm.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import xmlschema
from lxml import etree
from xmlschema.exceptions import XMLSchemaException
from xmlschema.validators import (
    XMLSchemaChildrenValidationError,
    XMLSchemaValidationError,
    XsdAttribute,
    XsdAttributeGroup,
    XsdElement,
    XsdEnumerationFacets,
    XsdGroup,
    XsdLengthFacet,
    XsdMaxExclusiveFacet,
    XsdMaxInclusiveFacet,
    XsdMaxLengthFacet,
    XsdMinExclusiveFacet,
    XsdMinInclusiveFacet,
    XsdMinLengthFacet,
    XsdPatternFacets,
)

from gateway.check.place import xpath_of
from gateway.errors import Befund

MAX_FINDINGS = 50
"""Findings in one answer (design.md section 3): whoever has more has one cause for most of them."""
MAX_PATTERN = 120
"""Characters of a pattern that a sentence shows."""
MAX_DOCUMENTATION = 250
"""Characters of a type's documentation that a sentence shows."""
MAX_LISTED = 12
"""Allowed values or elements that a sentence lists."""
Schema = xmlschema.XMLSchema10


def load(xsd: Path) -> Schema:
    """The schema as `xmlschema` sees it; nothing remote, nothing outside its folder tree."""
    return Schema(str(xsd), allow="local", defuse="always", use_fallback=False)


def findings(schema: Schema, root: etree._Element) -> list[Befund]:
    """What is wrong with a message, in document order, without duplicates."""
    source: Any = root  # lxml's elements have what xmlschema asks of an element, but not its declared type
    errors = schema.iter_errors(source, use_location_hints=False)
    found: dict[tuple[str | None, ...], Befund] = {}
    with contextlib.suppress(XMLSchemaException):  # it can stumble over hostile xsi:type; what was found still counts
        for error in itertools.islice(errors, 4 * MAX_FINDINGS):
            finding = _finding(error)
            found.setdefault(_same(finding), finding)
            if len(found) >= MAX_FINDINGS:
                break
    return list(found.values())


def _same(finding: Befund) -> tuple[str | None, ...]:
    """What makes two findings one: a restricted type complains about one value once for each of its ancestors."""
    if finding.code.startswith("wert_"):
        return finding.xpath, "wert", finding.text.partition("“")[0]
    return finding.xpath, finding.text


def _finding(error: XMLSchemaValidationError) -> Befund:
    """One error of `xmlschema` as a finding."""
    code, text = _sentence(error)
    element: Any = error.elem
    if isinstance(error, XMLSchemaChildrenValidationError) and error.invalid_child is not None:
        element = error.invalid_child
    if not isinstance(element, etree._Element):
        return Befund(code, text)
    return Befund(code, text, zeile=element.sourceline, xpath=xpath_of(element))


def _sentence(error: XMLSchemaValidationError) -> tuple[str, str]:
    """Code and sentence for one error, by its kind."""
    if isinstance(error, XMLSchemaChildrenValidationError):
        return _children(error)
    if _IDENTITY.search(error.reason or ""):
        return _identity(error)
    for kind, sentence in _KINDS:
        if isinstance(error.validator, kind):
            return sentence(error)
    return "schema", "Das Element entspricht nicht seinem Schema."


def _name(qualified: str | None) -> str:
    """The local part of a name."""
    return (qualified or "").rpartition("}")[2].rpartition(":")[2]


def _names(particles: Iterable[Any]) -> str:
    """Names of elements that the schema would take, for a sentence."""
    names = list(dict.fromkeys(_name(getattr(particle, "name", None)) or "ein weiteres" for particle in particles))
    return _listed(names)


def _listed(values: list[str]) -> str:
    """Some values, and how many more there are."""
    more = f" und {len(values) - MAX_LISTED} weitere" if len(values) > MAX_LISTED else ""
    return ", ".join(f"„{value}“" for value in values[:MAX_LISTED]) + more


def _children(error: XMLSchemaChildrenValidationError) -> tuple[str, str]:
    """A child is missing, not expected, or comes too often."""
    parent = _tag(error)
    expected = _names(error.expected or [])
    if error.invalid_child is None:
        demanded = f" Erwartet wird: {expected}." if expected else ""
        return "element_fehlt", f"In „{parent}“ fehlt ein Element.{demanded}"
    child = _name(error.invalid_tag)
    mend = f" Erwartet wird vorher oder stattdessen: {expected}." if expected else " Bitte entfernen oder verschieben."
    return "element_unerwartet", f"„{child}“ ist in „{parent}“ an dieser Stelle nicht vorgesehen.{mend}"


def _enumeration(error: XMLSchemaValidationError) -> tuple[str, str]:
    """The value is none of a list."""
    values = [str(value) for value in getattr(error.validator, "enumeration", [])]
    return "wert_nicht_in_liste", f"{_subject(error)} hat keinen zugelassenen Wert. Erlaubt: {_listed(values)}."


def _pattern(error: XMLSchemaValidationError) -> tuple[str, str]:
    """The value does not have its form; the schema's own words say which, else its pattern."""
    meaning = _documentation(getattr(error.validator, "parent", None))
    patterns = [str(pattern) for pattern in getattr(error.validator, "regexps", [])]
    if meaning:
        demanded = f" Verlangt wird: {meaning}"
    elif patterns and len(patterns[0]) <= MAX_PATTERN:
        demanded = f" Verlangt wird das Muster „{patterns[0]}“."
    else:
        demanded = ""
    return (
        "wert_form",
        f"{_subject(error)} hat nicht die verlangte Form oder enthält nicht zugelassene Zeichen.{demanded}",
    )


def _documentation(xsd_type: Any) -> str | None:
    """What the schema says in words about a type, if it is short enough for a sentence."""
    annotation = getattr(xsd_type, "annotation", None)
    notes = [" ".join("".join(note.itertext()).split()) for note in getattr(annotation, "documentation", [])]
    text = " ".join(note for note in notes if note)
    return text if 0 < len(text) <= MAX_DOCUMENTATION else None


def _length(error: XMLSchemaValidationError) -> tuple[str, str]:
    """The value is too short or too long."""
    value = getattr(error.validator, "value", None)
    words: dict[Any, str] = {XsdMinLengthFacet: "mindestens", XsdMaxLengthFacet: "höchstens"}
    word = words.get(type(error.validator), "genau")
    return "wert_laenge", f"{_subject(error)} muss {word} {value} Zeichen lang sein."


def _bound(error: XMLSchemaValidationError) -> tuple[str, str]:
    """The value is too small or too large."""
    lower = isinstance(error.validator, XsdMinInclusiveFacet | XsdMinExclusiveFacet)
    open_end = isinstance(error.validator, XsdMinExclusiveFacet | XsdMaxExclusiveFacet)
    word = ("größer als" if lower else "kleiner als") if open_end else ("mindestens" if lower else "höchstens")
    return "wert_grenze", f"{_subject(error)} muss {word} {getattr(error.validator, 'value', '')} sein."


def _attributes(error: XMLSchemaValidationError) -> tuple[str, str]:
    """An attribute is missing or not allowed."""
    quoted = re.search(r"'(?:\{[^}']*\})?([A-Za-z_][\w.-]*)'", error.reason or "")
    name = f"das Attribut „{quoted[1]}“" if quoted else "ein Attribut"
    if "missing" in (error.reason or ""):
        return "attribut_fehlt", f"An „{_tag(error)}“ fehlt {name}."
    return "attribut_unerwartet", f"An „{_tag(error)}“ ist {name} nicht vorgesehen."


def _group(error: XMLSchemaValidationError) -> tuple[str, str]:
    """Text between elements, or a content model that fits nowhere."""
    if "character data" in (error.reason or ""):
        return "text_unerwartet", f"In „{_tag(error)}“ darf zwischen den Elementen kein Text stehen."
    return "schema", f"Der Inhalt von „{_tag(error)}“ entspricht nicht seinem Schema."


def _identity(error: XMLSchemaValidationError) -> tuple[str, str]:
    """A reference leads nowhere, or a number is given twice."""
    if "XsdKeyref(" in (error.reason or ""):
        return "verweis_ungueltig", "Ein Verweis (ref.…) nennt eine Nummer, die in der Nachricht nicht vergeben ist."
    return "schluessel_doppelt", "Eine Nummer, die eindeutig sein muss, fehlt oder ist zweimal vergeben."


def _element(error: XMLSchemaValidationError) -> tuple[str, str]:
    """The element itself: a fixed value, `xsi:nil`, an abstract or unknown type."""
    fixed = getattr(error.validator, "fixed", None)
    if fixed is not None:
        return "wert_fest", f"{_subject(error)} muss den Wert „{fixed}“ haben."
    if "nillable" in (error.reason or ""):
        return "nil_unerlaubt", f"„{_tag(error)}“ darf nicht mit xsi:nil leer bleiben."
    return "schema", f"{_subject(error)} entspricht nicht seinem Schema."


def _value(error: XMLSchemaValidationError) -> tuple[str, str]:
    """The value does not belong to its type."""
    base = getattr(getattr(error.validator, "primitive_type", None), "local_name", None)
    name = getattr(error.validator, "local_name", None) or getattr(error.validator, "__name__", None)
    form = _FORMS.get(str(name)) or _FORMS.get(str(base))
    demanded = f" Verlangt wird {form}." if form else ""
    return "wert_typ", f"{_subject(error)} hat nicht den verlangten Typ.{demanded}"


def _tag(error: XMLSchemaValidationError) -> str:
    """Name of the element that the error is about."""
    return _name(error.elem.tag if error.elem is not None else None)


def _subject(error: XMLSchemaValidationError) -> str:
    """What a sentence about a value begins with: the element, or one of its attributes."""
    stated = re.match(r"attribute (?:\{[^}=]*\})?([A-Za-z_][\w.-]*)=", error.reason or "")
    own = error.validator.local_name if isinstance(error.validator, XsdAttribute) else None
    attribute = stated[1] if stated else own
    return f"Das Attribut „{attribute}“ von „{_tag(error)}“" if attribute else f"„{_tag(error)}“"


_IDENTITY = re.compile(r"\bXsd(Unique|Key|Keyref)\(")
"""How `xmlschema` names a broken identity constraint; it blames the element that holds the field."""
_FORMS = {
    "date": "ein Datum in der Form JJJJ-MM-TT",
    "dateTime": "ein Zeitpunkt in der Form JJJJ-MM-TTThh:mm:ss mit Zeitzone",
    "boolean": "true oder false",
    "integer": "eine ganze Zahl",
    "nonNegativeInteger": "eine ganze Zahl ab 0",
    "positiveInteger": "eine ganze Zahl ab 1",
    "decimal": "eine Zahl",
    "positive_int_validator": "eine ganze Zahl ab 1",
    "non_negative_int_validator": "eine ganze Zahl ab 0",
}
_KINDS: tuple[tuple[Any, Callable[[XMLSchemaValidationError], tuple[str, str]]], ...] = (
    (XsdEnumerationFacets, _enumeration),
    (XsdPatternFacets, _pattern),
    ((XsdLengthFacet, XsdMinLengthFacet, XsdMaxLengthFacet), _length),
    ((XsdMinInclusiveFacet, XsdMinExclusiveFacet, XsdMaxInclusiveFacet, XsdMaxExclusiveFacet), _bound),
    (XsdAttributeGroup, _attributes),
    (XsdGroup, _group),
    ((XsdElement, XsdAttribute), _element),
    (object, _value),
)
"""Which kind of validator complains, and the sentence for it; the last takes what is left: simple types."""
