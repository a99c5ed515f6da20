"""The two forms of number 2.5: which entry stands in which numbered section.

Promises: values and pure functions; what a form has no section for stays for the general sections of the page.
Source: number 2.5 of the decree asks for a form for the Ersuchen and one for the decision, and names what the first
must hold: Erreichbarkeit with Telefax, AZR-Nummer, all relevant information, and why it is urgent.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from lxml import etree

from gateway.render import words
from gateway.render.describe import Describer, children, name_of, text_of
from gateway.render.labels import label_of
from gateway.render.page import Choice, Entry, Group

PERSON: Final = "*person"
"""Stands in a section for what the page says about the person."""
REST: Final = "*rest"
"""Stands for everything of the Anlass that no section has named."""


class Section(NamedTuple):
    """One numbered section and the elements of the Anlass that stand in it."""

    title: str
    elements: tuple[str, ...]


Form = tuple[Section, ...]

FORMS: Final[Mapping[str, Form]] = {
    "einvernehmenErsuchen": (
        Section("Erreichbarkeit der Ausländerbehörde", ("erreichbarkeit",)),
        Section("Betroffene Person", (PERSON,)),
        Section("Strafverfahren", ("verfahren", "telefonischAm")),
        Section("Beabsichtigte Maßnahme", ("massnahme", "langfristigeAbschiebungshindernisse")),
        Section("Eilbedürftigkeit", ("eilbeduerftig", "eilbeduerftigWeil")),
        Section("Relevante Informationen", ("informationen",)),
        Section("Weitere Angaben", (REST,)),
    ),
    "einvernehmenEntscheidung": (
        Section("Ersuchen der Ausländerbehörde", ("ersuchendeAbh",)),
        Section("Betroffene Person", (PERSON,)),
        Section("Strafverfahren", ("verfahren",)),
        Section("Entscheidung", ("auswahl_entscheidung",)),
        Section("Weitere Angaben", (REST,)),
    ),
}
"""Element of the Anlass to its form."""

OPTIONS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "massnahme": tuple(words.WORDS["massnahme"].items()),
    "eilbeduerftig": (("true", "ja"), ("false", "nein")),
}
"""Elements whose value ticks a box: value and its text."""
OPEN: Final = frozenset({"erreichbarkeit"})
"""Elements that a section holds alone: what is in them stands directly in the section."""
BRANCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "auswahl_entscheidung": ("einvernehmenErteilt", "einvernehmenVersagt"),
}
"""Elements in which the child that is there ticks a box."""


def fill(form: Form, anlass: etree._Element, describe: Describer, person: tuple[Entry, ...]) -> Iterator[Group]:
    """The sections of a form, numbered, without those that stay empty.

    Args:
        form: which element stands where.
        anlass: the element of the Anlass; what a section shows counts as shown.
        describe: turns elements into entries.
        person: what the page says about the person.
    """
    number = 0
    for section in form:
        entries = tuple(_entries(section, anlass, describe, person))
        if entries:
            number += 1
            yield Group(f"{number}. {section.title}", entries)


def _entries(
    section: Section, anlass: etree._Element, describe: Describer, person: tuple[Entry, ...]
) -> Iterator[Entry]:
    for name in section.elements:
        if name == PERSON:
            yield from person
        elif name == REST:
            yield from describe.below(anlass)
            describe.shown.add(anlass)
        else:
            yield from _named(anlass, name, describe)


def _named(anlass: etree._Element, name: str, describe: Describer) -> Iterator[Entry]:
    """Entries of all elements of one name in the Anlass."""
    found = [child for child in children(anlass) if name_of(child) == name and child not in describe.shown]
    for element in found:
        yield from _boxes(element)
        if name in OPTIONS and _ticked(element):
            describe.shown.add(element)
    for element in found:
        if name in BRANCHES and _branch(element):
            yield from describe.below(children(element)[0])
            describe.shown.add(element)
    for element in found:
        if name in OPEN:
            yield from describe.below(element)
            describe.shown.add(element)
    yield from describe.neighbours(name, [element for element in found if element not in describe.shown])


def _boxes(element: etree._Element) -> Iterator[Choice]:
    name = name_of(element)
    if name in OPTIONS and _ticked(element):
        yield Choice(label_of(name), tuple((text, text_of(element) == value) for value, text in OPTIONS[name]))
    elif name in BRANCHES and _branch(element):
        chosen = name_of(children(element)[0])
        yield Choice(label_of(name), tuple((label_of(branch), branch == chosen) for branch in BRANCHES[name]))


def _ticked(element: etree._Element) -> bool:
    """Whether exactly one box takes all that the element says."""
    known = {value for value, _ in OPTIONS[name_of(element)]}
    return text_of(element) in known and not element.attrib and not children(element)


def _branch(element: etree._Element) -> bool:
    """Whether the element holds exactly one known branch and nothing else."""
    inner = children(element)
    return (
        len(inner) == 1
        and name_of(inner[0]) in BRANCHES[name_of(element)]
        and not element.attrib
        and not text_of(element)
    )
