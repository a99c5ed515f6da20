"""The measurements themselves, small: what they fill fits the store, what they replay is what was committed, and one
dead and one slow partner stop nobody."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench import scale
from bench.figures import Figure
from bench.floors import record
from bench.lanes import Run, Size
from bench.world import World


def test_a_ratio_is_the_middle_one_of_all_rounds() -> None:
    figure = Figure("x", [2.0, 9.0, 4.0], [1.0, 3.0, 4.0], aim=2.5)
    assert figure.ratio == 2.0
    assert figure.as_json()["ratio_min"] == 1.0
    assert Figure("x", [1.0]).ratio is None


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///gateway.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


async def test_every_call_works_on_a_store_that_was_filled(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "CALLS", 1)
    async with scale.filled(tmp_path / "hub", url, 1_200) as store:
        figures = await scale.compare(store, store, 1, "both")
        assert {figure.name for figure in figures} == {f"both: {name}" for name in store.calls()}
        found = {
            name: await scale.Searching(store.ctx).search(caller, query)
            for name, (caller, query) in store._searches().items()
        }
        empty = {name for name, page in found.items() if not page["eintraege"]}
        assert empty == {
            "Aktenzeichen",
            "AZR-Nummer",
            "status, sender, ever",
            "Anlass that is rare, half a day",
            "number that is rare, half a day",
        } | (empty & {"status, agency, ever", "recipient and status"})
        assert await store.ctx.db.fetch("claimable_lanes", store.ctx.now())


async def test_what_is_replayed_is_what_was_committed(tmp_path: Path) -> None:
    recorded = await record(World(tmp_path), 3)
    assert recorded.replay(tmp_path / "again.db") > 0
    with closing(sqlite3.connect(tmp_path / "again.db")) as again:
        assert again.execute("select count(*) from message").fetchone() == (3,)
        assert again.execute("select count(*) from event where leaf is null").fetchone() == (0,)


async def test_a_dead_and_a_slow_partner_stop_nobody(tmp_path: Path) -> None:
    run = Run(World(tmp_path), Size(partners=5, each=2, sick=4, slow_s=60, rounds=1))
    await run.prepared(sick=True)
    rate, _ = await run.measured()  # the slow one has answered nothing by then
    assert rate > 0
    with closing(sqlite3.connect(tmp_path / "hub" / "gateway.db")) as db:
        arrived: dict[str, Any] = dict(
            db.execute("select partner_id, sum(status = 'zugestellt') from delivery group by partner_id")
        )
    assert arrived["tot"] == arrived["langsam"] == 0
    assert sum(arrived.values()) >= 4  # those whose receipt came before the gateway was stopped
