"""Connections of an HTTP client: what stands behind every client session of ours.

Promises: when the session is closed, each of its sockets is closed, also those that were given up earlier while bytes
lay unsent (a refusal in the middle of an upload) and those whose peer never ends TLS. aiohttp waits for the connections
that it still counts, and leaves these to a loop that may be over.
Fails: never; a connection that does not end within `ENDING_TRIES` is left to the operating system.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import weakref
from collections.abc import Callable
from typing import Any, Final

import aiohttp

ENDING_TRIES: Final = 200
"""Looks at sockets that were told to end; one or two suffice, unless the machine is overloaded."""
ENDING_WAIT_S: Final = 0.01
"""Pause between these looks: all of them together stay at two seconds."""

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""Family, kind, protocol, canonical name, address, as `socket.getaddrinfo` gives them."""


def new_socket(address: AddressInfo) -> socket.socket:
    """A socket for this address, whichever it is."""
    family, kind, protocol, _, _ = address
    return socket.socket(family=family, type=kind, proto=protocol)


class Connector(aiohttp.TCPConnector):
    """A TCP connector that knows its sockets to their end."""

    def __init__(self, make: Callable[[AddressInfo], socket.socket] = new_socket, **options: Any) -> None:
        """As aiohttp's.

        Args:
            make: makes the socket for an address, or raises OSError where it must not be reached.
            options: of `aiohttp.TCPConnector`.
        """
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

        def remembered(address: AddressInfo) -> socket.socket:
            made = make(address)
            self._sockets.add(made)
            return made

        super().__init__(socket_factory=remembered, **options)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close every connection, and see it closed."""
        await super().close(abort_ssl=abort_ssl)
        for each in self._open():
            with contextlib.suppress(OSError):  # never connected, or ended by the peer
                each.shutdown(socket.SHUT_RDWR)
        for _ in range(ENDING_TRIES):
            if not self._open():
                return
            await asyncio.sleep(ENDING_WAIT_S)

    def _open(self) -> list[socket.socket]:
        return [each for each in self._sockets if each.fileno() != -1]
