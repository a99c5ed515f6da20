"""A page as a value: what stands on it, before anybody draws it as HTML or PDF.

Promises: plain immutable values without markup; whoever draws one shows every text of it. `texts` gives them all, so
that a test can hold a page against its message.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Value:
    """One value as people read it."""

    text: str
    note: str = ""
    """What stands beside it in small print: the key of a named authority, the code behind a word."""


@dataclass(frozen=True, slots=True)
class Field:
    """One label and what stands there."""

    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Boxes of a form, of which the message ticks some."""

    label: str
    options: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Several things of one kind."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Several entries under one heading."""

    title: str
    entries: tuple[Entry, ...]


Entry = Field | Choice | Table | Group


@dataclass(frozen=True, slots=True)
class Party:
    """Sender or recipient, as the window of a letter shows it."""

    label: str
    name: Value
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One message as a letter or a form."""

    form: bool
    """Numbered sections and boxes instead of a letter."""
    title: str
    """Of the kind of message; the number of an unknown one."""
    test: Field | None
    sender: Party
    recipient: Party
    reference: tuple[Field, ...]
    """The line of a letter that names file numbers and day."""
    subject: str
    rule: str
    """Number of the decree, or nothing."""
    sentence: str
    """What the decree says there."""
    sections: tuple[Group, ...]
    footer: tuple[str, ...] = field(default=())

    def texts(self) -> Iterator[str]:
        """Every text on the page, in reading order."""
        yield from (self.title, *(_texts(self.test) if self.test else ()))
        for party in (self.sender, self.recipient):
            yield from (party.label, party.name.text, party.name.note)
            for entry in party.entries:
                yield from _texts(entry)
        for entry in self.reference:
            yield from _texts(entry)
        yield from (self.subject, self.rule, self.sentence)
        for section in self.sections:
            yield from _texts(section)
        yield from self.footer


def _texts(entry: Entry) -> Iterator[str]:
    match entry:
        case Field(label, values):
            yield label
            yield from _of(values)
        case Choice(label, options):
            yield label
            yield from (text for text, _ in options)
        case Table(caption, head, rows):
            yield from (caption, *head)
            for row in rows:
                yield from _of(row)
        case Group(title, entries):
            yield title
            for inner in entries:
                yield from _texts(inner)


def _of(values: tuple[Value, ...]) -> Iterator[str]:
    for value in values:
        yield value.text
        yield value.note


def runs(entries: tuple[Entry, ...]) -> Iterator[tuple[bool, list[Entry]]]:
    """Neighbouring entries by whether they go into one list of labels, or stand alone."""
    for plain, run in groupby(entries, key=lambda entry: isinstance(entry, Field | Choice)):
        yield plain, list(run)
