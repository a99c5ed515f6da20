"""The look at what a test leaves open (`ending`) sees it, and says which connection."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import ending
import pytest


async def test_a_connection_left_open_is_named_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "WAIT_S", 0.05)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(AssertionError, match=f"connections left open: .* to .*{port}"):
            await ending.connections_end()
        await ending.connections_end()
        assert writer.transport.is_closing()


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "END_S", 0.05)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with pytest.raises(AssertionError, match=r"was killed: an idler"):
        ending.ended(process, "an idler")
    assert process.returncode == -9


async def test_an_event_that_does_not_happen_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "WAIT_S", 0.05)
    with pytest.raises(AssertionError, match=r"nothing at all"):
        await ending.happens(asyncio.Event(), "nothing at all")
