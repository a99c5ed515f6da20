"""A page as a PDF in A4: text that can be searched and copied, bookmarks, no active content.

Promises: the same message gives the same bytes; every character shows, as itself or as a mark such as [U+4E2D] where
the embedded font has no shape for it; all of DIN 91379 shows as itself.
Fails: `TooLarge` for a message beyond the limits of a page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fpdf import FPDF, FontFace
from fpdf.enums import MethodReturnValue, TableCellFillMode
from fpdf.fonts import TTFFont
from lxml import etree

from gateway.errors import TooLarge
from gateway.render import resources
from gateway.render.build import build_page
from gateway.render.page import Choice, Entry, Field, Group, Page, Party, Table, Value
from gateway.render.visible import drawable
from routing.verzeichnis import Verzeichnis

MAX_CHARACTERS: Final = 150_000
"""Characters in a PDF, labels included: some seventy sheets and seconds of work, a dozen at worst; HTML takes more."""

LEFT, RIGHT, TOP, BOTTOM = 25.0, 20.0, 20.0, 20.0
"""Margins in mm, as on a letter."""
LABEL: Final = 58.0
"""Width in mm of the labels' column."""
INDENT: Final = 4.0
"""Indent in mm of a group inside a section."""
MAX_INDENT: Final = 24.0
"""Deeper groups stay here: some width is left for the values."""
BODY, SMALL, HEADING, TITLE = 9.5, 7.5, 11.5, 14.0
LINE: Final = 4.8
"""Height in mm of a line of body text."""
KEEP: Final = 3 * LINE
"""Room in mm that must be left under a heading or a first line; otherwise a new sheet."""
INK, SOFT, RULE, BAR, PAPER = 20, 90, 170, 235, 255
"""Greys."""
FAMILY: Final = "page"
MATH: Final = "math"

_DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})")


def render_pdf(root: etree._Element, directory: Verzeichnis) -> bytes:
    """A message as a PDF.

    Args:
        root: the root element, as the hardened parser of the intake gave it.
        directory: for the names of authorities and municipalities.

    Raises:
        TooLarge: the message has more than a PDF can show.
    """
    return draw_pdf(build_page(root, directory, resources.titles(), resources.decree()))


def draw_pdf(page: Page) -> bytes:
    """A page as a PDF."""
    if sum(map(len, page.texts())) > MAX_CHARACTERS:
        raise TooLarge(f"Die Nachricht hat mehr als {MAX_CHARACTERS} Zeichen; das ist zu viel für ein PDF.")
    with resources.font_files() as fonts, closing(_Sheet(page, fonts)) as sheet:
        sheet.letter_head()
        for section in page.sections:
            sheet.section(section)
        return bytes(sheet.output())


class _Sheet(FPDF):
    """Draws a page from top to bottom."""

    def __init__(self, page: Page, fonts: Mapping[str, Path]) -> None:
        super().__init__(format="A4")
        self.page_value = page
        self.set_margins(LEFT, TOP, RIGHT)
        self.set_auto_page_break(True, BOTTOM)
        for style in ("", "B"):
            self.add_font(FAMILY, style, fonts[style])
            self.add_font(MATH, style, fonts[MATH])
        self.set_fallback_fonts([MATH], exact_match=False)
        self.glyphs = {code for font in self.fonts.values() if isinstance(font, TTFFont) for code in font.cmap}
        self.indent = 0.0
        self.set_display_mode("default")
        self.set_lang("de-DE")
        self.set_title(self.shown(page.title))
        self.set_creator("Nachrichtengateway")
        self.set_creation_date(_created(page))
        self.alias_nb_pages()
        self.add_page()

    def close(self) -> None:
        """Let go of the font files, which the library reads piece by piece and leaves open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def shown(self, text: str) -> str:
        """`text` with a mark where no font has a shape."""
        return drawable(text, self.glyphs)

    def written(self, text: str) -> str:
        """`text` as it goes into the next cells: shaped only where marks must find their letter, which costs four times
        as much.
        """
        shown = self.shown(text)
        marked = any(unicodedata.combining(character) for character in shown)
        if marked != bool(self.text_shaping):
            self.set_text_shaping(marked)
        return shown

    def footer(self) -> None:
        """Foot of each sheet: what this is, and which sheet of how many."""
        self.set_y(-BOTTOM + 6)
        with self._look(SMALL, SOFT):
            width = self.epw / 2
            self.cell(width + 25, LINE, " ".join(self.page_value.footer))
            self.cell(width - 25, LINE, f"Seite {self.page_no()} von {{nb}}", align="R")

    def letter_head(self) -> None:
        """Parties, reference line, subject and the sentence of the decree."""
        page = self.page_value
        if page.test is not None:
            with self._look(BODY, INK, "B"):
                text = f"{page.test.label}: {page.test.values[0].text}"
                self.multi_cell(0, LINE + 2, self.written(text), border=1, new_x="LMARGIN", new_y="NEXT")
            self.ln(LINE)
        self._side_by_side(page.sender, page.recipient)
        self._rule_line()
        for entry in page.reference:
            self._field(entry)
        self._rule_line()
        self.ln(2)
        self._paragraph(page.title, TITLE, INK, "B")
        if page.subject:
            self._paragraph(page.subject, HEADING, INK, "B")
        for text in (page.rule, page.sentence):
            if text:
                self._paragraph(text, SMALL + 0.5, SOFT)
        self.ln(2)

    def section(self, section: Group) -> None:
        """One section with its heading and bookmark."""
        self.ln(2)
        self._room(2 * KEEP)
        self.start_section(self.shown(section.title))
        form = self.page_value.form
        self.set_fill_color(BAR)
        with self._look(HEADING, INK, "B"):
            self.multi_cell(0, LINE + 2, self.written(section.title), fill=form, new_x="LMARGIN", new_y="NEXT")
        self.set_fill_color(PAPER)
        if not form:
            self._rule_line()
        self.ln(1)
        for entry in section.entries:
            self._entry(entry)

    def _entry(self, entry: Entry) -> None:
        match entry:
            case Field():
                self._field(entry)
            case Choice():
                self._choice(entry)
            case Table():
                self._table(entry)
            case Group():
                self._group(entry)

    def _field(self, entry: Field) -> None:
        """A label on the left and its values on the right."""

        def values() -> None:
            for value in entry.values:
                self._value(value)

        self._labelled(entry.label, values)

    def _choice(self, entry: Choice) -> None:
        """Boxes, one to a line, of which some are crossed."""

        def boxes() -> None:
            for text, ticked in entry.options:
                self._room(LINE)
                x, y, size = self.l_margin + 0.5, self.get_y() + 0.9, LINE - 1.8
                self.rect(x, y, size, size)
                if ticked:
                    self.line(x, y, x + size, y + size)
                    self.line(x, y + size, x + size, y)
                self.set_x(x + size + 1.5)
                spoken = f"{text} ({'angekreuzt' if ticked else 'nicht angekreuzt'})"
                with self._look(BODY, INK, "B" if ticked else ""):
                    self.multi_cell(0, LINE, self.written(spoken), new_x="LMARGIN", new_y="NEXT", align="L")

        self._labelled(entry.label, boxes)

    def _group(self, entry: Group) -> None:
        self._room(KEEP)
        self.ln(1)
        self._paragraph(entry.title, BODY, INK, "B")
        with self._indented():
            for inner in entry.entries:
                self._entry(inner)
        self.ln(1)

    def _table(self, entry: Table) -> None:
        self._room(KEEP + LINE)
        self.ln(1)
        self._paragraph(entry.caption, BODY, SOFT)
        self.set_draw_color(RULE)
        self.written("".join(cell.text + cell.note for row in entry.rows for cell in row))
        look = FontFace(emphasis="BOLD", color=INK)
        with (
            self._look(SMALL + 1, INK),
            self.table(
                headings_style=look,
                line_height=LINE - 0.6,
                text_align="LEFT",
                align="LEFT",
                width=self.epw,
                padding=0.8,
                cell_fill_mode=TableCellFillMode.NONE,
            ) as table,
        ):
            heading = table.row()
            for name in entry.head:
                heading.cell(self.shown(name))
            for row in entry.rows:
                line = table.row()
                for cell in row:
                    line.cell(self.shown("\n".join(part for part in (cell.text, cell.note) if part)))
        self.set_draw_color(INK)
        self.ln(2)

    def _value(self, value: Value) -> None:
        with self._look(BODY, INK):
            self.multi_cell(0, LINE, self.written(value.text), new_x="LMARGIN", new_y="NEXT", align="L")
        if value.note:
            with self._look(SMALL, SOFT):
                self.multi_cell(0, LINE - 1.2, self.written(value.note), new_x="LMARGIN", new_y="NEXT", align="L")

    def _labelled(self, label: str, draw: Callable[[], None]) -> None:
        """Draw a label, and beside it whatever `draw` draws; go on below the longer of the two."""
        width = LABEL - self.indent
        with self._look(BODY, SOFT):
            lines = self.multi_cell(
                width - 3, LINE, self.written(label), align="L", dry_run=True, output=MethodReturnValue.LINES
            )
            self._room(LINE * len(lines) if isinstance(lines, list) else KEEP)
            top, sheet = self.get_y(), self.page
            self.multi_cell(width - 3, LINE, self.written(label), align="L", new_x="LMARGIN", new_y="NEXT")
            below = self.get_y()
        self.set_y(top)
        with self._indented(width):
            draw()
        if self.page == sheet:
            self.set_y(max(below, self.get_y()))
        self.set_x(self.l_margin)

    def _side_by_side(self, left: Party, right: Party) -> None:
        top, ends = self.get_y(), []
        margin, half = self.l_margin, self.epw / 2
        for number, party in enumerate((left, right)):
            self.set_left_margin(margin + number * half)
            self.set_right_margin(RIGHT + (1 - number) * half + (4 if number == 0 else 0))
            self.set_y(top)
            self._paragraph(party.label, SMALL, SOFT)
            self._paragraph(party.name.text, BODY + 1, INK, "B")
            if party.name.note:
                self._paragraph(party.name.note, SMALL, SOFT)
            ends.append(self.get_y())
        self.set_left_margin(margin)
        self.set_right_margin(RIGHT)
        self.set_y(max(ends) + 3)

    def _paragraph(self, text: str, size: float, grey: int, style: str = "") -> None:
        with self._look(size, grey, style):
            self.multi_cell(0, size * 0.5, self.written(text), new_x="LMARGIN", new_y="NEXT", align="L")

    def _rule_line(self) -> None:
        self.set_draw_color(RULE)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.set_draw_color(INK)
        self.ln(1)

    def _room(self, height: float) -> None:
        """Begin a new sheet unless `height` is left on this one."""
        if self.get_y() + height > self.h - BOTTOM:
            self.add_page()

    @contextmanager
    def _indented(self, by: float = INDENT) -> Iterator[None]:
        """The left margin further right."""
        before = self.l_margin, self.indent
        step = by if by != INDENT else min(INDENT, MAX_INDENT - self.indent)
        self.set_left_margin(self.l_margin + step)
        self.indent += step
        self.set_x(self.l_margin)
        try:
            yield
        finally:
            self.indent = before[1]
            self.set_left_margin(before[0])
            self.set_x(before[0])

    @contextmanager
    def _look(self, size: float, grey: int, style: str = "") -> Iterator[None]:
        """Size, colour and weight for a while."""
        self.set_font(FAMILY, style, size)
        self.set_text_color(grey)
        yield
        self.set_font(FAMILY, "", BODY)
        self.set_text_color(INK)


def _created(page: Page) -> datetime:
    """The day of the message as that of the PDF, so that the same message gives the same bytes."""
    for entry in page.reference:
        found = _DATE.match(entry.values[0].text) if entry.label == "Datum" else None
        if found:
            day, month, year = map(int, found.groups())
            try:
                return datetime(year, month, day, tzinfo=UTC)
            except ValueError:
                break
    return datetime(1970, 1, 1, tzinfo=UTC)
