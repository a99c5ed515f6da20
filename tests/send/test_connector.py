"""A closed session leaves no socket behind, however its connections went."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.connector import AddressInfo, Connector, new_socket
from gateway.pki import write_pair
from gateway.pki_issue import DevelopmentCa, Request

CA = DevelopmentCa.create()
ANSWER = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n%b\r\nno"


@asynccontextmanager
async def deaf_peer(folder: Path, tls: bool, ending: bytes) -> AsyncIterator[str]:
    """Answers by the request's head, reads no more, and holds the connection until the end of the test."""
    context = None
    if tls:
        files = write_pair(CA.issue(Request(purpose="tls", name="gw:test", hosts=("127.0.0.1",))), folder / "tls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.crt, files.key)
    over, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER % ending)
        await over.wait()
        writer.transport.abort()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        over.set()
        await asyncio.wait_for(gone.wait(), 30)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("ending", [b"Connection: close\r\n", b""])
@pytest.mark.parametrize("size", [0, 40_000_000])
async def test_nothing_is_left_of_a_closed_session(tmp_path: Path, tls: bool, ending: bytes, size: int) -> None:
    made: list[socket.socket] = []

    def make(address: AddressInfo) -> socket.socket:
        made.append(new_socket(address))
        return made[-1]

    async with deaf_peer(tmp_path, tls, ending) as url:
        trust = ssl.create_default_context(cadata=CA.pem)
        async with (
            aiohttp.ClientSession(connector=Connector(make, ssl=trust)) as session,
            session.post(url, data=io.BytesIO(bytes(size))) as answer,
        ):
            assert answer.status == 413
            assert await answer.read() == b"no"
        assert [each.fileno() for each in made] == [-1]
