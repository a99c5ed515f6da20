"""Any element as entries of a page: the part that guarantees that nothing is lost.

Promises: every text and every attribute below an element becomes part of an entry, whether its schema is known or not;
what somebody else has already put on the page, and named in `shown`, is left out. Names of authorities and
municipalities come from the directory, everything else from the message or the fixed tables.
Fails: not at all; `gateway.render.build` bounds the size beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from lxml import etree

from gateway.render import words
from gateway.render.codes import CODES
from gateway.render.labels import attribute_label, code_label, label_of
from gateway.render.page import Entry, Field, Group, Table, Value
from gateway.render.visible import visible
from routing.verzeichnis import Verzeichnis

TRANSPARENT: Final = frozenset(
    {"beteiligter", "geburt", "informationen", "natuerlichePerson", "verfahrensdaten", "vollerName"}
)
"""Elements whose heading would say nothing: what they hold stands directly in what they stand in."""
TABULAR: Final = frozenset({"verfahren", "weiterleitendeStelle"})
"""Elements that make a table even if there is only one."""
MAX_COLUMNS: Final = 4
"""More columns are not readable on a phone or on paper."""
EMPTY: Final = "(ohne Inhalt)"
TEXT: Final = "Text"
CODE: Final = "Code"
LIST_VERSION: Final = "Version der Codeliste"
KEY_UNKNOWN: Final = "nicht im Verzeichnis"

_SAME: Final = frozenset(
    label_of(name)
    for name in (
        "aktenzeichen.freitext",
        "bezeichnung.aktuell",
        "ort",
        "ref.beteiligtennummer",
        "ref.instanznummer",
        "ref.rollennummer",
        "ref.sgo",
    )
)
"""Labels that add nothing where they stand alone under another heading."""
_CODE_ATTRIBUTES: Final = frozenset({"listURI", "listVersionID"})


def name_of(element: etree._Element) -> str:
    """Local name of an element."""
    return etree.QName(element).localname


def text_of(element: etree._Element) -> str:
    """Direct text of an element, pieces between its children included."""
    pieces = [element.text or "", *(child.tail or "" for child in element)]
    return "\n".join(piece.strip() for piece in pieces if piece.strip())


def children(element: etree._Element) -> list[etree._Element]:
    """Child elements, without comments."""
    return list(element.iterchildren("*"))


@dataclass(slots=True)
class Describer:
    """Turns elements of one message into entries."""

    directory: Verzeichnis
    titles: Mapping[str, str]
    """Root name and number to the title of a kind of message."""
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(element, text) of a reference to what it points to: (`ref.rollennummer`, `1`) to the person's name."""
    shown: set[etree._Element] = field(default_factory=set)
    """Elements that stand on the page already, with everything below them."""

    def take(self, element: etree._Element) -> tuple[Entry, ...]:
        """Entries of one element, which from then on counts as shown."""
        return self.neighbours(name_of(element), [element])

    def below(self, element: etree._Element) -> tuple[Entry, ...]:
        """Everything in an element that is not yet shown: attributes, text, children."""
        made: list[Entry] = [*self._attributes(element), *self._own_text(element)]
        remaining = (child for child in children(element) if child not in self.shown)
        for name, run in groupby(remaining, key=name_of):
            made.extend(self._run(name, list(run)))
        return tuple(made)

    def neighbours(self, name: str, run: list[etree._Element]) -> tuple[Entry, ...]:
        """Entries of neighbours that have the same name; from then on they count as shown."""
        made = tuple(self._run(name, run)) if run else ()
        self.shown.update(run)
        return made

    def value(self, element: etree._Element) -> Value:
        """A leaf or a code as people read it."""
        return self._code(element) if _is_code(element) else self._plain(name_of(element), text_of(element))

    def authority(self, key: str, note: str = "") -> Value:
        """An authority by its name, with its key beside it."""
        found = self.directory.behoerden.get(key)
        return Value(found.name, note or key) if found else Value(visible(key), note or KEY_UNKNOWN)

    def _run(self, name: str, run: list[etree._Element]) -> Iterator[Entry]:
        """Entries of neighbours that have the same name."""
        if all(_is_leaf(element) for element in run):
            parent = run[0].getparent()
            label = code_label(name) if _is_code(run[0]) else label_of(name, "" if parent is None else name_of(parent))
            yield Field(visible(label), tuple(self.value(element) for element in run))
        elif name.startswith("auswahl_") or name in TRANSPARENT:
            for element in run:
                yield from self.below(element)
        elif _is_table(name, run):
            yield self._table(name, run)
        else:
            for number, element in enumerate(run, 1):
                yield self._group(_label(name) + (f" {number}" if len(run) > 1 else ""), element)

    def _group(self, title: str, element: etree._Element) -> Entry:
        entries = self.below(element)
        if not entries:
            return Field(title, (Value(EMPTY),))
        only = entries[0]
        if len(entries) == 1 and isinstance(only, Field) and only.label in _SAME:
            return Field(title, only.values)
        return Group(title, entries)

    def _table(self, name: str, run: Iterable[etree._Element]) -> Table:
        rows = [{name_of(child): self.value(child) for child in children(element)} for element in run]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        empty = Value("–")
        cells = tuple(tuple(row.get(column, empty) for column in columns) for row in rows)
        return Table(_label(name), tuple(_label(column) for column in columns), cells)

    def _attributes(self, element: etree._Element) -> Iterator[Field]:
        for name, raw in element.attrib.items():
            local = etree.QName(str(name)).localname
            yield Field(visible(attribute_label(local)), (Value(visible(str(raw)) or EMPTY),))

    def _own_text(self, element: etree._Element) -> Iterator[Field]:
        text = text_of(element)
        if text:
            yield Field(TEXT, (self._plain(name_of(element), text),))

    def _plain(self, name: str, raw: str) -> Value:
        if not raw:
            return Value(EMPTY)
        if (name, raw) in self.names:
            return Value(self.names[name, raw], f"{label_of(name).removeprefix('Verweis auf ')} {visible(raw)}")
        if raw in words.WORDS.get(name, {}):
            return Value(words.WORDS[name][raw])
        if name in words.AUTHORITIES and raw in self.directory.behoerden:
            return self.authority(raw)
        if name in words.MUNICIPALITIES and raw in self.directory.gemeinden:
            return Value(self.directory.gemeinden[raw].name, f"AGS {raw}")
        if name == "wurzel" and raw in self.titles:
            return Value(self.titles[raw], raw)
        return Value(visible(_formatted(name, raw)))

    def _code(self, element: etree._Element) -> Value:
        """A code by its word, with the code, its list and its version beside it."""
        name, parts = name_of(element), {name_of(child): text_of(child) for child in children(element)}
        code = parts["code"]
        key = f"{words.CODE_PREFIXES[name]}{code}" if name in words.CODE_PREFIXES else ""
        found = self.directory.behoerden.get(key)
        word = parts.get("name") or (found.name if found else CODES.get(name, {}).get(code))
        if name == "nachrichtentyp":
            word = word or self.titles.get(code)
        notes = [
            f"{CODE} {code}" if word else "",
            element.get("listURI") or "",
            f"{LIST_VERSION} {element.get('listVersionID')}" if element.get("listVersionID") else "",
        ]
        return Value(visible(word or code) or EMPTY, visible(", ".join(note for note in notes if note)))


def _label(name: str) -> str:
    return visible(label_of(name))


def _formatted(name: str, raw: str) -> str:
    if name in words.YES_OR_NO:
        return words.BOOLEAN.get(raw, raw)
    if name in words.DAYS:
        return words.day(raw)
    if name in words.TIMES or (label_of(name) == name and words.looks_like_a_day(name)):
        return words.time(raw)
    return raw


def _is_code(element: etree._Element) -> bool:
    """Whether an element is a code of XÖV: one `code`, perhaps a `name`, attributes of the list only."""
    names = [name_of(child) for child in children(element)]
    return (
        names in (["code"], ["code", "name"])
        and not any(len(child) or child.attrib for child in children(element))
        and set(element.attrib) <= _CODE_ATTRIBUTES
        and not text_of(element)
    )


def _is_leaf(element: etree._Element) -> bool:
    return _is_code(element) or (not children(element) and not element.attrib)


def _is_table(name: str, run: list[etree._Element]) -> bool:
    """Whether neighbours are simple and alike enough to be rows."""
    if len(run) < 2 and name not in TABULAR:
        return False
    columns: set[str] = set()
    for element in run:
        inner = children(element)
        names = [name_of(child) for child in inner]
        if element.attrib or text_of(element) or not all(map(_is_leaf, inner)) or len(set(names)) < len(names):
            return False
        columns.update(names)
    return 0 < len(columns) <= MAX_COLUMNS
