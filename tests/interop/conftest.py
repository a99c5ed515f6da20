"""Fixtures: keys, peers that run, a hub that runs; and the matrix that the tests write."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from gatewayworld import JVA, Api, Site, calling

from gateway.pki import KeyPair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway, running
from tests.interop import environments, rows
from tests.interop.environments import PEERS, Unavailable
from tests.interop.process import Process


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "interop(row): the row of the interoperation matrix that the test shows")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What `test_matrix` asks for: the rows of all tests that are here."""
    if "INTEROP_ROWS" in os.environ:
        found = [mark.args[0] for item in items for mark in item.iter_markers("interop")]
        Path(os.environ["INTEROP_ROWS"]).write_text(json.dumps(found), "utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.passed:
        for mark in item.iter_markers("interop"):
            rows.shown(mark.args[0])
    return report


@pytest.fixture(autouse=True)
def _stands_in_the_table(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test fails whose row in `matrix.json` says something else; README.md here says how to write that anew."""
    yield
    if "INTEROP_WRITE" not in os.environ:
        for mark in request.node.iter_markers("interop"):
            assert rows.committed().get(rows.key(mark.args[0])) == mark.args[0]


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ca() -> DevelopmentCa:
    return DevelopmentCa.create()


@pytest.fixture(scope="session")
def rsa_pairs(ca: DevelopmentCa) -> dict[str, KeyPair]:
    """RSA keys, since no AS2 peer here has elliptic curves: ours (`hub`) and the peer's (`peer`), one for each use."""
    return {
        f"{owner}_{purpose}": ca.issue(Request(purpose=purpose, name=owner, kind="rsa"))
        for owner in ("hub", "peer")
        for purpose in ("sign", "encrypt")
    }


# --- a hub ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub_site(tmp_path: Path, ca: DevelopmentCa, rsa_pairs: dict[str, KeyPair]) -> Site:
    site = Site(tmp_path / "hub", ca)
    site.init("gw:nrw")
    site.client("jva", JVA)
    for purpose in ("sign", "encrypt"):
        for ending in ("key", "crt"):
            (site.folder / "keys" / f"{purpose}.{ending}").unlink()
        write_pair(rsa_pairs[f"hub_{purpose}"], site.folder / "keys" / purpose)
    return site


@pytest.fixture
async def hub(hub_site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A hub whose workers look often, so that no test waits for them."""
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 0.02)
    monkeypatch.setattr("gateway.service.gateway.TIDY_S", 0.02)
    async with running(hub_site.config()) as gateway:
        yield gateway


@pytest.fixture
async def jva(hub: Gateway, hub_site: Site) -> AsyncIterator[Api]:
    async with calling(hub, hub_site.clients["jva"]) as api:
        yield api


# --- peers ------------------------------------------------------------------------------------------------------------


def _running(command: list[str], folder: Path, log: Path) -> Iterator[Process]:
    with Process(command, folder, log) as process:
        yield process


@pytest.fixture(scope="session")
def pyas2lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    command = _available(lambda: environments.python("pyas2lib"))
    yield from _running([*command, str(PEERS / "pyas2lib_peer.py")], PEERS, tmp_path_factory.mktemp("pyas2lib") / "log")


@pytest.fixture(scope="session")
def endesive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    command = _available(lambda: environments.python("endesive"))
    yield from _running([*command, str(PEERS / "endesive_peer.py")], PEERS, tmp_path_factory.mktemp("endesive") / "log")


@pytest.fixture(scope="session")
def libas2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    command, folder = _available(lambda: environments.node("libas2"))
    yield from _running([*command, str(PEERS / "libas2_peer.js")], folder, tmp_path_factory.mktemp("libas2") / "log")


@pytest.fixture(scope="session")
def bouncycastle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    command = _available(lambda: environments.java("BouncyCastlePeer"))
    yield from _running(command, PEERS, tmp_path_factory.mktemp("bouncycastle") / "log")


def _available(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Unavailable as reason:
        pytest.skip(str(reason))
