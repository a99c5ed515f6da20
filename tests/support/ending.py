"""Ends that are waited for, each with a bound: processes, events, and the connections of a test's event loop.

What a test leaves open warns when it is collected as garbage, which is in the middle of another test. So each test's
loop is looked at when the test is over, and the one that left a connection open is the one that fails.
"""

from __future__ import annotations

import asyncio
import subprocess
from typing import Any

WAIT_S = 30.0
"""Far more than anything takes that is waited for here, also on a machine with other work."""
END_S = 60.0
"""A gateway finishes what is under way before it ends; the demo ends two of them."""
PAUSE_S = 0.005


async def happens(event: asyncio.Event, what: str) -> None:
    """Wait for an event; `what` says what did not happen."""
    try:
        await asyncio.wait_for(event.wait(), WAIT_S)
    except TimeoutError:
        raise AssertionError(f"did not happen within {WAIT_S:.0f} s: {what}") from None


def ended(process: subprocess.Popen[Any], what: str) -> int:
    """The exit status of a process that was told to end; one that does not is killed, and the test fails."""
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"did not end within {END_S:.0f} s, and was killed: {what}") from None


async def connections_end() -> None:
    """Wait until each connection of the running loop is closed; what is not then is ended, and the test fails."""
    for _ in range(int(WAIT_S / PAUSE_S)):
        if not (left := _open()):
            return
        await asyncio.sleep(PAUSE_S)
    names = [f"{each.get_extra_info('sockname')} to {each.get_extra_info('peername')}" for each in left]
    for each in left:
        each.abort()
    await asyncio.sleep(PAUSE_S)
    raise AssertionError(f"connections left open: {'; '.join(names)}")


def _open() -> list[asyncio.Transport]:
    known = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]  # asyncio tells it nowhere else
    return [each for each in known.values() if each.get_extra_info("socket").fileno() != -1]
