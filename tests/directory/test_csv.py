"""The tables as CSV: what is written is read back; what is none is refused."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.route.directory_csv import MAX_BYTES, CsvRefused, cell_text, read, written
from gateway.route.overlay import COLUMNS, FILES
from gateway.route.resources import packaged_rows

HEAD = ",".join(COLUMNS["aufnahmeeinrichtung"])
CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(cell_text) | st.sampled_from(
    ['"', ",", ";", "=1+1", "a;b", "„“", '","']
)


@pytest.mark.parametrize("table", COLUMNS)
def test_the_packaged_files_are_read_and_written_to_the_byte(table: str) -> None:
    packaged = files("routing").joinpath("data", FILES[table]).read_bytes()
    found, rows = read(packaged)
    assert found == table
    assert written(table, rows).encode() == packaged
    assert written(table, dict(sorted(packaged_rows()[table].items())).values()).encode() == packaged


@given(
    st.sampled_from(sorted(COLUMNS)).flatmap(
        lambda table: st.tuples(
            st.just(table),
            st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS[table], CELLS)), max_size=4),
        )
    )
)
def test_whatever_is_written_is_read_back(case: tuple[str, list[dict[str, str]]]) -> None:
    table, rows = case
    assert read(written(table, rows).encode()) == (table, [row for row in rows if any(row.values())])


def test_as_a_spreadsheet_saves_it() -> None:
    text = HEAD.replace(",", ";") + '\r\nnrw:x;"EAE; neu";EAE;05315000;;; belegt ;\r\n;;;;;;;\r\n\r\n'
    table, (row,) = read(text.encode("utf-8-sig"))
    assert table == "aufnahmeeinrichtung"
    assert (row["name"], row["konfidenz"]) == ("EAE; neu", "belegt")


def test_columns_may_stand_in_another_order() -> None:
    order = sorted(COLUMNS["aufnahmeeinrichtung"])
    _, (row,) = read((",".join(order) + "\n" + ",".join(order) + "\n").encode())
    assert all(column == cell for column, cell in row.items())


def test_decomposed_characters_are_composed() -> None:
    _, (row,) = read(f"{HEAD}\nnrw:x,Ko\u0308ln,,,,,,\n".encode())
    assert row["name"] == "Köln"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Kopfzeile"),
        (b"\x00\x01", "Kopfzeile"),
        (HEAD.encode() + b"\nnrw:x,K\xf6ln,,,,,,\n", "UTF-8"),
        (HEAD.encode() + b"\nnrw:x,zu wenig\n", "Zeile 2: 2 Zellen statt 8"),
        (HEAD.encode() + b"\n,,,,,,,\nnrw:x,,,,,,,,\n", "Zeile 3: 9 Zellen"),
        (HEAD.encode() + b',telefon\n"', "telefon"),
        (HEAD.encode() + b',key\n"', "key"),
        (HEAD.removesuffix(",quelle").encode() + b"\n", "quelle"),
        (HEAD.encode() + b'\n"nrw:x,,,,,,,\n', "kein CSV"),
        (HEAD.encode() + b'\n"nrw:x"y,,,,,,,\n', "kein CSV"),
        (HEAD.encode() + b"\n" + b"x,,,,,,,\n" * 5_001, "mehr als 5000"),
        (b" " * (MAX_BYTES + 1), "größer"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(CsvRefused) as caught:
        read(content)
    assert any(told in line for line in caught.value.lines)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: HEAD.encode() + b"\n" + tail))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    try:
        table, rows = read(content)
    except CsvRefused:
        return
    assert all(set(row) == set(COLUMNS[table]) for row in rows)
