"""Killed at every point of the way: the table is whole, the books count right, and the short matrix loses nothing."""

import ast
import uuid
from pathlib import Path

import pytest
from crash import matrix, soak
from crash.books import Books, Count, Given
from crash.postgres import Server, serving
from crash.scenes import SCENES
from crash.sites import ROOT, sites
from crash.table import BY_A_WORKER, ON_THE_WAY, SHORT, is_off_the_way

SENDS = {"ClientSession", "aiosmtplib"}
"""Whoever names one of these may send by itself."""
MAY_SEND = {
    "cli/api_http.py": "an agency's side",
    "connector.py": "connections, for whoever sends",
    "demo/api.py": "an agency's side",
    "demo/play.py": "an agency's side",
    "send/http.py": "`post`: its callers are sites",
    "send/mail.py": "`send`: its callers are sites",
    "trust/http.py": "asks for revocation: no message passes",
}
"""Modules outside `service/`, which hands sessions on to these."""


def test_every_durable_step_and_network_effect_has_its_crash_point() -> None:
    """A new one: name the scene that passes it in tests/support/crash/table.py, or why no message does."""
    found = set(sites())
    without = {site for site in found - ON_THE_WAY.keys() if not is_off_the_way(site)}
    gone = {site for site in ON_THE_WAY if site not in found}
    both = {site for site in ON_THE_WAY if is_off_the_way(site)}
    assert (without, gone, both) == (set(), set(), set())


def test_nobody_else_sends() -> None:
    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        nodes = list(ast.walk(ast.parse(path.read_text())))
        named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        named |= {node.id for node in nodes if isinstance(node, ast.Name)}
        if named & SENDS and not name.startswith("service/"):
            assert name in MAY_SEND, f"{name}: is a message sent there?"


def test_the_table_names_scenes_that_there_are_and_uses_them_all() -> None:
    used = {play.scene for plays in ON_THE_WAY.values() for play in plays}
    assert used == set(SCENES)
    assert BY_A_WORKER.keys() <= ON_THE_WAY.keys()
    assert set(BY_A_WORKER.values()) <= used
    for chosen in SHORT.values():
        assert all(site in ON_THE_WAY and moment in matrix.MOMENTS for site, moment in chosen)


def test_the_books_see_what_was_lost_came_twice_and_has_no_message() -> None:
    books, n1 = Books(), str(uuid.uuid4())
    books.expect(n1, "haft", "abh:1")
    assert (books.count([], []).lost, books.count([], []).twice) == (1, 0)
    assert books.takes("abh:1", "<1@x>", b"sealed", b"<haft>" + n1.encode())
    assert not books.takes("abh:1", "<1@x>", b"sealed", b"<haft>" + n1.encode()), (
        "the same Message-ID has no second effect"
    )
    assert not books.count([], [])
    assert books.takes("abh:2", "<1@x>", b"sealed", b"<haft>" + n1.encode()), "another addressee"
    assert not books.count([], [])
    assert books.takes("abh:1", "<2@x>", b"sealed anew", b"<haft>" + n1.encode())
    assert books.count([], []).twice == 1
    books.takes("abh:1", "<2@x>", b"other bytes", b"<haft>" + n1.encode())
    assert books.count([], []).twice == 2
    assert books.count([Given("api", "n2", None)], ["m"]).details[-2:] == (
        "orphan: Given(what='api', notice='n2', message=None)",
        "open: m",
    )


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database", matrix.DATABASES)
async def test_killed_on_the_way_nothing_is_lost_and_nothing_comes_twice(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = Server(request.getfixturevalue("postgres_server")) if database == "postgres" else None
    cases = matrix.short(database)
    lines = [line async for line in matrix.run(cases, tmp_path, server)]
    assert [f"{line} {line.count.details}" for line in lines if not line.good] == []
    assert len(lines) == len(cases)


@pytest.mark.timeout(400)
async def test_two_gateways_on_one_database_lose_nothing_whatever_breaks(tmp_path: Path) -> None:
    """The beginning of `make crash SOAK=10000`."""
    with serving() as server:
        done = await soak.run(60, tmp_path, server)
    assert (done.count.details, done.restarts) == ((), 1)
    assert done.count == Count()
