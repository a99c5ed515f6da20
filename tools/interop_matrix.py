"""The matrix of the interoperation tests as Markdown: peer, feature, direction, and what the test showed.

Usage: `python -m tools.interop_matrix` prints the table of `tests/interop/matrix.json`; `--write` first takes over what
the tests have shown since `.venv-interop/results` was emptied, and renews the table in `tests/interop/README.md`.

Promises: the same results give the same text; a cell without a test stays empty, it never says that something passed.
Fails: `SystemExit` where there is nothing to take over, `ValueError` where a mark in the README is missing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
MATRIX: Final = ROOT / "tests" / "interop" / "matrix.json"
README: Final = ROOT / "tests" / "interop" / "README.md"
RESULTS: Final = ROOT / ".venv-interop" / "results"
BEGIN: Final = "<!-- made: interop -->\n"
END: Final = "<!-- end: interop -->"
WAYS: Final = ("to the peer", "from the peer")
WORDS: Final = {"passed": "✓", "refused by the peer": "peer refuses", "refused by us": "we refuse", "not offered": "–"}
LEGEND: Final = (
    "Each cell: what we wrote and the peer read / what the peer wrote and we read. ✓ passed · *peer refuses* and "
    "*we refuse*: shown by a test · – the peer does not offer it · empty: does not apply, or is not tried."
)

Row = dict[str, Any]


def table(rows: Iterable[Row]) -> str:
    """The matrix as Markdown, with its notes below."""
    found = sorted(rows, key=_place)
    peers = list(dict.fromkeys(row["peer"] for row in sorted(found, key=lambda row: (row["peer_order"], row["peer"]))))
    cells = {(row["feature"], row["peer"], row["way"]): row for row in found}
    notes: dict[str, int] = {}
    lines = [f"| | {' | '.join(peers)} |", f"| --- |{' --- |' * len(peers)}"]
    for feature in dict.fromkeys(row["feature"] for row in found):
        shown = [[_cell(cells.get((feature, peer, way)), notes) for way in WAYS] for peer in peers]
        lines.append(f"| {feature} | " + " | ".join(" / ".join(each) if any(each) else "" for each in shown) + " |")
    numbered = [f"{number}. {note}" for note, number in notes.items()]
    return "\n".join([LEGEND, "", *lines, "", *numbered])


def _cell(row: Row | None, notes: dict[str, int]) -> str:
    if row is None:
        return ""
    word = WORDS[row["result"]]
    if not row["note"]:
        return word
    return f"{word} ({notes.setdefault(row['note'], len(notes) + 1)})"


def _place(row: Row) -> tuple[int, int, int]:
    return row["order"], row["peer_order"], WAYS.index(row["way"])


def committed() -> list[Row]:
    """The rows of `matrix.json`."""
    rows: list[Row] = json.loads(MATRIX.read_text("utf-8"))
    return rows


def take_over() -> None:
    """Write `matrix.json` and the table in the README anew from what the tests have shown."""
    rows = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    if not rows:
        sys.exit("nothing to take over: run the tests in tests/interop first")
    lines = [json.dumps(row, ensure_ascii=False) for row in sorted(rows, key=_place)]
    MATRIX.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
    README.write_text(renewed(README.read_text("utf-8"), rows), "utf-8")


def renewed(text: str, rows: Iterable[Row]) -> str:
    """`text` with its table made anew.

    Raises:
        ValueError: a mark is missing.
    """
    start = text.index(BEGIN) + len(BEGIN)
    return f"{text[:start]}{table(rows)}\n{text[text.index(END, start) :]}"


def main(arguments: list[str]) -> None:
    """Print the table, with `--write` after taking over what the tests have shown."""
    if arguments == ["--write"]:
        take_over()
    print(table(committed()))


if __name__ == "__main__":
    main(sys.argv[1:])
