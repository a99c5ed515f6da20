"""Real databases for the store's tests: a SQLite file, and a PostgreSQL server that this session starts and stops."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import uuid_utils

from gateway.store import Database, Do, open_database
from gateway.store.steps import do

NOW = 1_790_000_000_000_000


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gateway.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await open_database(url)
    yield opened
    await opened.close()


Raw = Callable[[str], Any]


@pytest.fixture
def raw(url: str) -> Raw:
    """Runs SQL behind the gateway's back."""

    async def run(sql: str) -> list[tuple[Any, ...]]:
        if url.startswith("sqlite"):
            connection = sqlite3.connect(url.removeprefix("sqlite:///"))
            rows = connection.execute(sql).fetchall()
            connection.commit()
            connection.close()
            return rows
        server = await asyncpg.connect(url)
        records = await server.fetch(sql)
        await server.close()
        return [tuple(record) for record in records]

    return run


class Make:
    """Statements for rows of invented data."""

    now = NOW

    @staticmethod
    def id() -> str:
        return str(uuid_utils.uuid7())

    def message(self, key: str, **over: Any) -> Do:
        values = {
            "id": key,
            "herkunft": "api",
            "absender": "gds:R8088",
            "eigene_id": self.id(),
            "fremde_id": None,
            "familie": "justiz",
            "wurzel": "nachricht.strafausl.haft.9900002",
            "version": "1.0.0",
            "nummer": "9900002",
            "anlass": "antritt",
            "test": 0,
            "vorrang": 0,
            "status": "angenommen",
            "entscheidung": "{}",
            "fingerprint": "00",
            "answer": b"{}",
            "aktenzeichen_index": None,
            "azr_index": None,
            "gateway_id": None,
            "bezug_id": None,
            "eingang": NOW,
        }
        return do("insert_message", **(values | over))

    def delivery(self, key: str, message_id: str, **over: Any) -> Do:
        values = {
            "id": key,
            "message_id": message_id,
            "empfaenger": "abh:05315000",
            "partner_id": "koeln",
            "weg": "as2",
            "status": "wartet",
            "vorrang": 0,
            "created": NOW,
            "next_at": NOW,
            "deadline_at": None,
        }
        return do("insert_delivery", **(values | over))

    def event(self, **over: Any) -> Do:
        values = {
            "id": self.id(),
            "at": NOW,
            "art": "angenommen",
            "message_id": None,
            "delivery_id": None,
            "akteur": "gw:nrw",
            "detail": None,
        }
        return do("insert_event", **(values | over))

    def inbound(self, key: str, **over: Any) -> Do:
        values = {
            "id": key,
            "as2_from": "hub",
            "as2_to": "edge",
            "wire_id": "<1@hub>",
            "raw_sha256": "00",
            "raw_content": self.id(),
            "received": NOW,
            "async_url": None,
            "lease_until": NOW + 1,
            "weg": "as2",
        }
        return do("insert_inbound", **(values | over))

    def partner(self, key: str) -> Do:
        return do("put_partner", id=key, agreement="{}", now=NOW)


@pytest.fixture
def make() -> Make:
    return Make()
