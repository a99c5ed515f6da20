"""What a service manager hears of this process: ready, still alive, stopping (sd_notify(3)).

Promises: one datagram each, to the socket that the service manager names; nothing where it names none, and nobody waits
for it. Whoever hangs does not say that it lives.
Fails: not at all; a manager that is gone is told nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable


def notify(state: str) -> None:
    """Tell one state, such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # in Linux' abstract namespace
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.setblocking(False)
        out.sendto(state.encode(), address)


def interval_s() -> float | None:
    """How often the manager wants to hear that this process lives: twice in the time that it waits; None for never."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    if not wanted.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(wanted) / 2_000_000 or None


async def alive(hanging: Callable[[], list[str]]) -> None:
    """Say again and again that this process lives, unless something in it hangs; runs until it is cancelled."""
    pause = interval_s()
    while pause is not None:
        if not hanging():
            notify("WATCHDOG=1")
        await asyncio.sleep(pause)
