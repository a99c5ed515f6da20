"""The directory's tables as CSV, in the columns of the packaged files. Pure.

Promises: what `written` writes, `read` reads back to the same rows; the table is recognised by its header, whatever the
order of its columns; files saved by a spreadsheet (semicolons, byte order mark) are read. Nothing is guessed: a row
with too few or too many cells, an unknown or missing column, another encoding is refused with its line.
Fails: `CsvRefused`, whose lines are German.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from typing import Final

from gateway.route.overlay import COLUMNS, FILES, Row

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one file: fifty times the largest packaged one."""
MAX_ROWS: Final = 5_000
"""Rows of one file: more than all authorities of the Länder that will ever be needed here."""


class CsvRefused(ValueError):
    """A file that is no table of the directory."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def written(table: str, rows: Iterable[Row]) -> str:
    """Rows as CSV with a header, lines ended by a line feed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS[table], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(content: bytes) -> tuple[str, list[Row]]:
    """The table and its rows.

    Raises:
        CsvRefused: not UTF-8, not CSV, no table of the directory, rows that do not fit the header.
    """
    if len(content) > MAX_BYTES:
        raise CsvRefused(f"Die Datei ist größer als {MAX_BYTES} Bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CsvRefused("Die Datei ist nicht in UTF-8; bitte als „CSV UTF-8“ speichern.") from None
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        table = _table(columns)
        rows = _rows(reader, columns)
    except csv.Error as error:
        raise CsvRefused(f"Zeile {reader.line_num}: kein CSV ({error}).") from None
    return table, rows


def _table(columns: list[str]) -> str:
    """The table of a header."""
    for table, wanted in COLUMNS.items():
        if sorted(columns) == sorted(wanted):
            return table
    nearest = max(COLUMNS, key=lambda table: len(set(COLUMNS[table]) & set(columns)))
    missing = [column for column in COLUMNS[nearest] if column not in columns]
    surplus = sorted({column[:40] for column in columns if column not in COLUMNS[nearest] or columns.count(column) > 1})
    told = [f"es fehlt: {', '.join(missing)}"] if missing else []
    told += [f"zu viel oder doppelt: {', '.join(surplus)}"] if surplus else []
    raise CsvRefused(f"Die Kopfzeile ist die keiner Tabelle; am nächsten ist {FILES[nearest]}, {'; '.join(told)}.")


def _rows(reader: Iterable[list[str]], columns: list[str]) -> list[Row]:
    """The rows below the header; empty lines count for nothing."""
    rows: list[Row] = []
    wrong = []
    for n, cells in enumerate(reader, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            wrong.append(f"Zeile {n}: {len(cells)} Zellen statt {len(columns)}.")
        elif len(rows) >= MAX_ROWS:
            raise CsvRefused(f"Die Datei hat mehr als {MAX_ROWS} Zeilen.")
        else:
            rows.append(dict(zip(columns, map(cell_text, cells), strict=True)))
    if wrong:
        raise CsvRefused(*wrong[:20])
    return rows


def cell_text(text: str) -> str:
    """A cell as it is kept: without spaces around it, composed characters (NFC)."""
    return unicodedata.normalize("NFC", text).strip()
