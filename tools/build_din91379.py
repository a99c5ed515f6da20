"""Writes the datatypes of DIN 91379 as XSD, once for each of our families, from the norm's code points.

Promises: the same input gives the same bytes; every pattern is deterministic, that is, each character decides alone
where the automaton goes, so that libxml2 and Python's `re` (under `xmlschema`) both judge a text in linear time. The
official way of writing it, `(A|A followed by a mark|...)*`, makes libxml2 keep a way back for every letter.
Fails: `SystemExit` 1 with `--check` where a file differs from what would be written.

Source: DIN 91379:2022-08. The datatypes A to E grow from one another: A names of natural persons, B other names,
C further texts in Latin letters, D legal persons and products (adds Greek), E everything (adds Cyrillic).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"

TARGETS = {
    SCHEMAS / "justiz/1.0/din91379.xsd": ("urn:de:nrw:strafausl:1", "qualified"),
    SCHEMAS / "ausl/1.0/din91379.xsd": ("urn:de:nrw:auslstraf:1", "unqualified"),
}

NAMES = """
    0020 0027 002C-002E 0041-005A 0060-007A 007E 00A8 00B4 00B7 00C0-00D6 00D8-00F6 00F8-017E 0187-0188 018F 0197
    01A0-01A1 01AF-01B0 01B7 01CD-01DC 01DE-01DF 01E2-01F0 01F4-01F5 01F8-01FF 0212-0213 0218-021B 021E-021F 0227-0233
    0259 0268 0292 02B9-02BA 02BE-02BF 02C8 02CC 1E02-1E03 1E06-1E07 1E0A-1E11 1E17 1E1C-1E2B 1E2F-1E37 1E3A-1E3B
    1E40-1E49 1E52-1E5B 1E5E-1E63 1E6A-1E6F 1E80-1E87 1E8C-1E97 1E9E 1EA0-1EF9 2019 2021
"""
"""Latin letters, and what stands between them in names of persons."""
SIGNS = """
    0021-0026 0028-002B 002F-0040 005B-005F 007B-007D 00A1-00A3 00A5 00A7 00A9-00AC 00AE-00B3 00B5-00B6 00B9-00BB 00BF
    00D7 00F7 20AC
"""
"""Digits, punctuation, currency and the like, for every other name."""
MORE_SIGNS = "00A4 00A6 00B8 00BC-00BE"
LAYOUT = "0009-000A 000D 00A0"
"""Tab, line ends, no-break space: in texts (C, E), never in names."""
GREEK = """
    0192 02B0 02B3 02C6 02DC 02E2 0386 0388-038A 038C 038E-03A1 03A3-03CE 1D48 1D57 2018 201A 201C-201E 2020 2026 2030
    2032-2033 2039-203A 2070 2074-2079 207F-2089 2122 221E 2264-2265
"""
"""Greek letters, typographic signs, superscripts and subscripts."""
CYRILLIC = "040D 0410-042A 042C 042E-044A 044C 044E-044F 045D"

SEQUENCES = """
    A:030B C:0300,0304,0306,0308,0315,0323,0326,0328+0306 D:0302 F:0300,0304 G:0300 H:0304,0326,0331 J:0301,030C
    K:0300,0302,0304,0307,0315,031B,0326,035F+0048,035F+0068 L:0302,0325,0325+0304,0326 M:0300,0302,0306,0310
    N:0302,0304,0306,0326 P:0300,0304,0315,0323 R:0306,0325,0325+0304 S:0300,0304,031B+0304,0331
    T:0300,0304,0308,0315,031B U:0307 Z:0300,0304,0306,0308,0327
    a:030B c:0300,0304,0306,0308,0315,0323,0326,0328+0306 d:0302 f:0300,0304 g:0300 h:0304,0326 j:0301
    k:0300,0302,0304,0307,0315,031B,0326,035F+0068 l:0302,0325,0325+0304,0326 m:0300,0302,0306,0310
    n:0302,0304,0306,0326 p:0300,0304,0315,0323 r:0306,0325,0325+0304 s:0300,0304,031B+0304,0331
    t:0300,0304,0315,031B u:0307 z:0300,0304,0306,0308,0327
    00C7:0306 00DB:0304 00E7:0306 00FB:0304 00FF:0301 010C:0315,0323 010D:0315,0323 0113:030D 012A:0301 012B:0301
    014D:030D 017D:0326,0327 017E:0326,0327 1E32:0304 1E33:0304 1E62:0304 1E63:0304 1E6C:0304 1E6D:0304 1EA0:0308
    1EA1:0308 1ECC:0308 1ECD:0308 1EE4:0304,0308 1EE5:0304,0308
"""
"""Base letter, colon, the combining marks (more than one joined by +) that may follow it. No other mark is allowed."""


class Datatype(NamedTuple):
    """One datatype of the norm: its letter, what it is for, its single code points."""

    letter: str
    use: str
    points: frozenset[int]


def code_points(ranges: str) -> frozenset[int]:
    """Code points of hexadecimal `lo-hi` ranges divided by white space."""
    found: set[int] = set()
    for item in ranges.split():
        low, _, high = item.partition("-")
        found.update(range(int(low, 16), int(high or low, 16) + 1))
    return frozenset(found)


def sequences() -> dict[int, frozenset[str]]:
    """Base letter's code point to the strings of marks that may follow it."""
    table: dict[int, frozenset[str]] = {}
    for item in SEQUENCES.split():
        base, _, marks = item.partition(":")
        point = ord(base) if len(base) == 1 else int(base, 16)
        table[point] = frozenset("".join(chr(int(m, 16)) for m in mark.split("+")) for mark in marks.split(","))
    return table


def datatypes() -> list[Datatype]:
    """The five datatypes, the smallest first."""
    a = code_points(NAMES)
    b = a | code_points(SIGNS)
    c = b | code_points(MORE_SIGNS)
    layout, greek, cyrillic = code_points(LAYOUT), code_points(GREEK), code_points(CYRILLIC)
    return [
        Datatype("A", "Namen natürlicher Personen", a),
        Datatype("B", "sonstige Namen, etwa von Straßen und Orten", b),
        Datatype("C", "Texte in lateinischer Schrift, auch mehrzeilig", c | layout),
        Datatype("D", "Namen von juristischen Personen und Produkten, auch mit griechischen Buchstaben", c | greek),
        Datatype("E", "Texte auch mit griechischen und kyrillischen Buchstaben", c | layout | greek | cyrillic),
    ]


SPECIAL = frozenset("\\[]^-.*+?{}()|")
"""Characters that a pattern escapes. libxml2 misreads a range that begins or ends with one, so each stands alone."""


def _char(point: int) -> str:
    if chr(point) in SPECIAL:
        return "\\" + chr(point)
    return chr(point) if chr(point).isascii() and chr(point).isalnum() else f"&#x{point:04X};"


def char_class(points: Iterable[int]) -> str:
    """XSD character class of the points, neighbours joined to ranges; a class of one point is the point."""
    runs: list[list[int]] = []
    for point in sorted(points):
        if runs and runs[-1][1] == point - 1 and not {chr(point), chr(point - 1)} & SPECIAL:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    if len(runs) == 1 and runs[0][0] == runs[0][1]:
        return _char(runs[0][0])
    return "[" + "".join(_char(lo) if lo == hi else f"{_char(lo)}-{_char(hi)}" for lo, hi in runs) + "]"


def suffix(marks: frozenset[str]) -> str:
    """Deterministic pattern for an optional string of marks: a tree by the first mark."""
    tails: dict[str, set[str]] = {}
    for mark in marks:
        tails.setdefault(mark[0], set()).add(mark[1:])
    ends = char_class(ord(first) for first, rest in tails.items() if rest == {""}) if tails else ""
    branches = [ends] if ends != "[]" else []
    for first, rest in sorted(tails.items()):
        if rest != {""}:
            follow = char_class(ord(tail) for tail in rest if tail)
            branches.append(_char(ord(first)) + follow + ("?" if "" in rest else ""))
    return f"({'|'.join(branches)})?" if len(branches) > 1 or len(branches[0]) > 1 else f"{branches[0]}?"


def pattern(points: frozenset[int], table: Mapping[int, frozenset[str]]) -> str:
    """The whole pattern of one datatype: plain characters, or a base letter with its marks, any number of times."""
    by_marks: dict[frozenset[str], set[int]] = {}
    for base, marks in table.items():
        by_marks.setdefault(marks, set()).add(base)
    groups = sorted((min(bases), char_class(bases) + suffix(marks)) for marks, bases in by_marks.items())
    return "(" + "|".join([char_class(points - table.keys()), *(text for _, text in groups)]) + ")*"


def render(namespace: str, form: str) -> str:
    """The XSD file as text.

    Args:
        namespace: Target namespace of the family.
        form: elementFormDefault of the family; without effect here, since the file declares no elements.
    """
    table = sequences()
    types = "\n".join(
        f"""  <xs:simpleType name="Datentyp{kind.letter}">
    <xs:annotation><xs:documentation>DIN 91379, Datentyp {kind.letter}: {kind.use}.</xs:documentation></xs:annotation>
    <xs:restriction base="xs:string">
      <xs:pattern value="{pattern(kind.points, table)}"/>
    </xs:restriction>
  </xs:simpleType>"""
        for kind in datatypes()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by tools/build_din91379.py from the code points of DIN 91379; change the tool, not this file. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{namespace}"
    targetNamespace="{namespace}" elementFormDefault="{form}" attributeFormDefault="unqualified" version="1.0">
{types}
</xs:schema>
"""


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only compare; the exit code."""
    stale = [path for path, target in TARGETS.items() if _differs(path, render(*target))]
    if "--check" in arguments:
        for path in stale:
            print(f"veraltet: {path.relative_to(SCHEMAS.parent)}")
        return 1 if stale else 0
    for path in stale:
        path.write_text(render(*TARGETS[path]), encoding="utf-8")
    return 0


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
