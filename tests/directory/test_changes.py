"""Changes in a real store of each kind: together or not at all, never lost, each an event."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import clock
from gateway.route.directory_csv import cell_text, read, written
from gateway.route.overlay import COLUMNS, Row, row_faults
from gateway.route.resources import packaged_directory, packaged_rows
from gateway.service.upkeep.directory import (
    Change,
    Directory,
    DirectoryDamaged,
    DirectoryRefused,
    apply,
    corrections,
    differences,
    judge,
)
from gateway.store import Database, open_database

TODAY = date(2026, 11, 22)
NOON = 1_795_345_200_000_000
"""2026-11-22 12:00 in Germany."""
KOELN = "abh:05315000"


def klinik(key: str = "mrv:klinik", **changes: str) -> tuple[str, str, Row]:
    row = dict.fromkeys(COLUMNS["behoerde"], "") | {"key": key, "art": "mrv", "name": f"Klinik {key}"}
    return "behoerde", key, row | changes


def authority(key: str = KOELN, **changes: str) -> tuple[str, str, Row]:
    return "behoerde", key, dict(packaged_rows()["behoerde"][key]) | changes


async def change(
    db: Database, *rows: tuple[str, str, Row | None], ab: date | None = None, bis: date | None = None
) -> int:
    said = await corrections(db)
    wanted = Change(rows, "weil", ab, bis)
    judge(said, wanted, TODAY)
    return await apply(db, said, wanted, "kommandozeile:test", NOON)


async def test_a_change_is_told_to_gateways_that_share_the_store(database: Database) -> None:
    one, other = Directory(database, lambda: NOON), Directory(database, lambda: NOON)
    before = await one.current()
    assert before == packaged_directory() == await other.current()
    assert await change(database, klinik()) == 1
    for gateway in (one, other):
        found = (await gateway.current()).behoerde("mrv:klinik", TODAY)
        assert found is not None
        assert found.name == "Klinik mrv:klinik"
    assert await one.current() is await one.current()


async def test_a_later_day_turns_without_a_further_change(database: Database) -> None:
    at = NOON
    running = Directory(database, lambda: at)
    await change(database, authority(name="Neuer Name"), ab=date(2026, 11, 23), bis=date(2026, 11, 24))
    names = []
    for n in range(4):
        at = NOON + n * 24 * 3600 * clock.SECOND
        names.append((await running.current()).behoerden[KOELN].name)
    old = packaged_directory().behoerden[KOELN].name
    assert names == [old, "Neuer Name", "Neuer Name", old]


async def test_history_is_append_only_and_says_who_and_why(database: Database) -> None:
    await change(database, authority(name="A"))
    await change(database, authority(name="B"))
    await change(database, ("behoerde", KOELN, None))
    rows = await database.fetch("directory_history", "behoerde", KOELN)
    assert [json.loads(row["entry"] or "{}").get("name") for row in rows] == ["A", "B", None]
    assert {(row["changed_by"], row["reason"], row["changed"]) for row in rows} == {
        ("kommandozeile:test", "weil", NOON)
    }
    said = await corrections(database)
    assert [(each.revision, each.row) for each in said.rows] == [(3, None)]
    assert (await Directory(database, lambda: NOON).current()) == packaged_directory()


async def test_each_change_is_an_event_without_its_reason(database: Database, url: str) -> None:
    await change(database, klinik(), klinik("mrv:zwei"))
    (event,) = await events(database)
    assert event["akteur"] == "kommandozeile"
    detail = json.loads(event["detail"])
    assert detail["schluessel"] == ["behoerde/mrv:klinik", "behoerde/mrv:zwei"]
    assert (detail["revision"], detail["zeilen"], len(detail["sha256"])) == (1, 2, 64)
    assert "weil" not in event["detail"]


async def events(database: Database) -> list[Any]:
    if not hasattr(database, "_path"):
        async with database._pool.acquire() as connection:  # type: ignore[attr-defined]
            return list(await connection.fetch("select * from event where art = 'verzeichnis_geaendert'"))
    import sqlite3

    with sqlite3.connect(database._path) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("select * from event where art = 'verzeichnis_geaendert'").fetchall()
    connection.close()
    return found


async def test_two_changes_at_the_same_moment_do_not_both_become_valid_unseen(database: Database) -> None:
    said = await corrections(database)
    wanted = [Change((klinik(f"mrv:k{n}"),), "weil") for n in range(5)]
    done = await asyncio.gather(
        *(apply(database, said, each, "kommandozeile", NOON) for each in wanted), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in done) == ["DirectoryRefused"] * 4 + ["int"]
    assert len((await corrections(database)).rows) == 1
    assert len(await events(database)) == 1


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([klinik(), klinik(key="mrv:kaputt", art="jva")], "art"),
        ([klinik(), authority(gueltig_bis="2026-11-30")], "Ab 01.12.2026"),
        ([klinik(), authority(art="abh", key="abh:05315000", ags="05999999")], "05999999"),
        ([klinik(), klinik()], "zweimal"),
        ([klinik(ags="05999000")], "05999000"),
    ],
)
async def test_all_rows_become_valid_together_or_none(database: Database, rows: list[Any], told: str) -> None:
    with pytest.raises(DirectoryRefused) as caught:
        await change(database, *rows)
    assert any(told in line for line in caught.value.lines)
    assert (await corrections(database)).rows == ()


def test_a_change_needs_a_reason_and_days_in_order() -> None:
    from gateway.service.upkeep.directory import Corrections

    for wanted in (Change((klinik(),), " "), Change((klinik(),), "x", date(2027, 1, 2), date(2027, 1, 1))):
        with pytest.raises(DirectoryRefused):
            judge(Corrections(), wanted, TODAY)


async def test_a_change_that_hides_a_noted_one_says_so(database: Database) -> None:
    await change(database, authority(name="Später"), ab=date(2027, 1, 1))
    said = await corrections(database)
    (found,) = differences(said, Change((authority(name="Sofort"),), "x"), TODAY)
    assert found.hides == date(2027, 1, 1)
    assert [column for column, *_ in found.columns] == ["name"]
    (harmless,) = differences(said, Change((authority(name="Sofort"),), "x", bis=date(2026, 12, 31)), TODAY)
    assert harmless.hides is None


async def test_what_does_not_add_up_replaces_nothing(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    running = Directory(database, lambda: NOON)
    good = await running.current()
    broken = Change((authority(art="zab"),), "an der Prüfung vorbei")
    await apply(database, await corrections(database), broken, "kommandozeile", NOON)
    assert await running.current() is good
    assert "revision 1 does not add up" in caplog.text
    with pytest.raises(DirectoryDamaged, match="gateway directory check"):
        await Directory(database, lambda: NOON).current()


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).map(cell_text)
AUTHORITIES = st.builds(
    lambda n, name, confidence, source, ab: klinik(
        f"mrv:k-{n}", name=name, konfidenz=confidence, quelle=source, gueltig_ab=ab
    ),
    st.integers(0, 9),
    NAMES,
    st.sampled_from(["", "belegt", "Gedächtnis / belegt"]),
    NAMES,
    st.sampled_from(["", "2020-01-01", "2027-03-01"]),
)
TOWNS = st.builds(
    lambda ags, name, basis: (
        "gemeinde",
        ags,
        dict(packaged_rows()["gemeinde"][ags]) | {"name": name, "konfidenz_abh": basis},
    ),
    st.sampled_from(sorted(packaged_rows()["gemeinde"])[:6]),
    NAMES,
    st.sampled_from(["", "belegt"]),
)
CHANGES = st.lists(AUTHORITIES | TOWNS, max_size=6).map(
    lambda rows: list({(t, k): (t, k, r) for t, k, r in rows if not row_faults(t, r)}.values())
)


@given(CHANGES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_import_of_an_export_is_the_identity(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("stores")

    async def journey() -> None:
        first = await open_database(f"sqlite:///{folder}/first.db")
        second = await open_database(f"sqlite:///{folder}/second.db")
        try:
            if rows:
                await change(first, *rows)
            exported = await export(first)
            wanted = Change(tuple(imported(exported)), "Import")
            assert differences(await corrections(first), wanted, TODAY) == []
            changed = {(each.table, each.key) for each in differences(await corrections(second), wanted, TODAY)}
            await change(second, *(row for row in wanted.rows if row[:2] in changed))
            assert await export(second) == exported
            assert await Directory(first, lambda: NOON).current() == await Directory(second, lambda: NOON).current()
        finally:
            await first.close()
            await second.close()

    asyncio.run(journey())


async def export(db: Database) -> list[str]:
    rows = (await corrections(db)).on(TODAY)
    return [written(table, found.values()) for table, found in rows.items()]


def imported(texts: list[str]) -> list[tuple[str, str, Row | None]]:
    tables = [read(text.encode()) for text in texts]
    return [(table, row[COLUMNS[table][0]], row) for table, rows in tables for row in rows]
