"""Files on their way into staging: what waits in memory is bounded, however many files there are."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.message import StagedFile
from gateway.service.arrival.upload import PENDING_BYTES, Upload
from gateway.store import Database, open_database
from gateway.store.content import CHUNK, CHUNKS_PER_COMMIT, Contents
from gateway.store.database import Do
from gateway.store.keyring import Keyring, PlainKek


@dataclass
class Counting:
    """The real store, which notes how many bytes each step hands over."""

    database: Database
    handed: list[int] = field(default_factory=list)

    async def commit(self, *steps: Do) -> list[Any]:
        self.handed.append(held(steps))
        return await self.database.commit(*steps)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


@dataclass
class Place:
    """What an upload needs of the gateway."""

    content: Contents

    def now(self) -> int:
        return 1


def held(steps: tuple[Do, ...] | list[Do]) -> int:
    return sum(len(value) for step in steps for value in step.args if isinstance(value, bytes))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Counting]:
    database = await open_database(f"sqlite:///{tmp_path}/gateway.db")
    yield Counting(database)
    await database.close()


async def taken(store: Counting, count: int, size: int) -> tuple[Upload, int]:
    """An upload of `count` files, and the most bytes that its complete files held at any time."""
    keyring = await Keyring.open(store, [PlainKek(secrets.token_bytes(32))], 1)  # type: ignore[arg-type]
    upload, most = Upload(Place(Contents(store, keyring))), 0  # type: ignore[arg-type]
    for n in range(count):
        upload.begin(f"{n}.pdf", "application/pdf")
        for at in range(0, size, 65_536):
            await upload.write(bytes([n % 256]) * min(65_536, size - at))
        await upload.end()
        most = max(most, sum(held(file.content.steps) for file in upload.staged()))
    return upload, most


async def refer(store: Counting, files: tuple[StagedFile, ...]) -> None:
    await store.commit(*(step for file in files for step in file.content.steps))


@pytest.mark.parametrize(
    ("count", "size"), [(1000, 20_000), (60, 200_000), (10, CHUNK * CHUNKS_PER_COMMIT), (2, 8_000_000), (3, 0)]
)
async def test_what_waits_is_bounded_whatever_comes(store: Counting, count: int, size: int) -> None:
    upload, most = await taken(store, count, size)
    one_file = CHUNK * (CHUNKS_PER_COMMIT + 1)
    assert most <= PENDING_BYTES
    await refer(store, upload.staged())
    assert max(store.handed) <= PENDING_BYTES + one_file
    assert len(store.handed) <= 2 + count * size // 1_000_000
    for n, file in enumerate(upload.staged()):
        if n in (0, count // 2, count - 1):
            data = await upload._content.read_all(file.content.id, limit=size or 1)
            assert hashlib.sha256(data).hexdigest() == file.sha256
            assert (file.bytes, file.name) == (size, f"{n}.pdf")
    await upload.discard()
    assert await store.database.fetch_one("content", upload.staged()[0].content.id), "what is kept stays"


@pytest.mark.parametrize("size", [10, 2_000_000, 5_000_000])
async def test_what_is_discarded_is_gone(store: Counting, tmp_path: Path, size: int) -> None:
    upload, _ = await taken(store, 3, size)
    upload.begin("half.pdf", "application/pdf")
    await upload.write(bytes(3_000_000))
    await upload.discard()
    for file in upload.staged():
        assert await store.database.fetch_one("content", file.content.id) is None
        assert await store.database.fetch("chunks", file.content.id, 0, 1) == []
    swept = await store.database.commit(Do("sweep_staged", (2, 10)))
    assert swept == [[]]


async def test_discarding_while_the_store_is_away_leaves_it_to_the_sweep(
    store: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    upload, _ = await taken(store, 1, 3_000_000)
    await store.database.close()
    await upload.discard()
    assert "StoreUnavailable" in caplog.text
