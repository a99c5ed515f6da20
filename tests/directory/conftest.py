"""A gateway's folder with an empty store, the command line, and a store of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.store import Database, open_database

Run = Callable[..., Result]


def invoke(*args: str | Path) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="gateway")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`gateway directory ARGS` where no configuration lies."""
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *args: invoke("directory", *args)


@pytest.fixture
def hub(run: Run, tmp_path: Path) -> Run:
    """`gateway directory ARGS` with a configuration and a store of its own."""
    assert invoke("init", tmp_path / "hub").exit_code == 0
    return lambda *args: invoke("--config", tmp_path / "hub/gateway.toml", "directory", *args)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await open_database(url)
    yield opened
    await opened.close()
