"""A gateway's context on each database, without listeners: what the log and evidence need."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from gatewayworld import Site

from gateway.config import Config
from gateway.pki_issue import DevelopmentCa
from gateway.service.context import Context, close_context, open_context


@pytest.fixture(scope="session")
def ca() -> DevelopmentCa:
    return DevelopmentCa.create()


@pytest.fixture
def site(tmp_path: Path, ca: DevelopmentCa) -> Site:
    found = Site(tmp_path / "hub", ca)
    found.init("gw:nrw")
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def config(request: pytest.FixtureRequest, site: Site) -> Config:
    if request.param == "postgres":
        site.settings["store"] = {"url": request.getfixturevalue("postgres_url")}
    return site.config()


@pytest.fixture
async def ctx(config: Config) -> AsyncIterator[Context]:
    found = await open_context(config)
    yield found
    await close_context(found)


Raw = Callable[..., Awaitable[list[tuple[Any, ...]]]]


@pytest.fixture
def raw(config: Config) -> Raw:
    """Runs SQL behind the gateway's back."""
    url = config.store.url

    def in_file(*statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as connection, connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
        return rows

    async def run(*statements: str) -> list[tuple[Any, ...]]:
        if url.startswith("sqlite"):  # in a thread: a gateway commits on this loop
            return await asyncio.to_thread(in_file, *statements)
        rows: list[tuple[Any, ...]] = []
        server = await asyncpg.connect(url)
        for statement in statements:
            rows = [tuple(record) for record in await server.fetch(statement)]
        await server.close()
        return rows

    return run
