"""Behind a reverse proxy, by a Unix socket and by mutual TLS; nobody else is believed, no other listener believes."""

import asyncio
import base64
import contextlib
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from as2peer import haft
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from gatewayworld import Site

from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway, running


def field(certificate: x509.Certificate) -> str:
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


async def asked(
    session: aiohttp.ClientSession, base: str, *headers: tuple[str, str], path: str = "/v1/inbox", **options: Any
) -> tuple[int, str]:
    """Status, and the code of the refusal."""
    async with session.request(options.pop("method", "GET"), base + path, headers=headers, **options) as answer:
        value = await answer.json(content_type=None)
        return answer.status, value.get("type", "").rpartition(":")[2]


@pytest.fixture
async def behind(hub_site: Site, tmp_path: Path) -> AsyncIterator[tuple[Gateway, aiohttp.ClientSession, str]]:
    path = tmp_path / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    hub_site.settings["proxy"] = {"adresse": f"unix:{path}"}
    async with (
        running(hub_site.config()) as hub,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        yield hub, session, "http://localhost"


async def test_a_notice_by_the_socket_is_the_clients_own(
    behind: tuple[Gateway, aiohttp.ClientSession, str], hub_site: Site
) -> None:
    _, session, base = behind
    jva, police = (field(hub_site.clients[name].pair.certificate) for name in ("jva", "polizei"))
    xml = {"method": "POST", "path": "/v1/messages", "data": haft()}
    kind = ("Content-Type", "application/xml")
    assert await asked(session, base, ("Client-Cert", police), kind, **xml) == (403, "absender_fremd")
    assert await asked(session, base, ("Client-Cert", jva), kind, **xml) == (202, "")
    assert await asked(session, base, ("Client-Cert", jva), kind, **xml) == (200, "")


async def test_what_a_hostile_client_could_make_a_proxy_pass_on(
    behind: tuple[Gateway, aiohttp.ClientSession, str], hub_site: Site, ca: DevelopmentCa
) -> None:
    _, session, base = behind
    jva = field(hub_site.clients["jva"].pair.certificate)
    stranger = field(ca.issue(Request(purpose="tls", name="stranger")).certificate)
    expired = field(ca.issue_expired("tls", "gds:R8088").certificate)
    foreign = field(ca.twin().issue(Request(purpose="tls", name="gds:R8088")).certificate)
    assert await asked(session, base, ("Client-Cert", jva)) == (200, "")
    assert await asked(session, base, ("Client-Cert", jva), ("Client-Cert-Chain", field(ca.certificate))) == (200, "")
    for headers, found in {
        (): (401, "nicht_angemeldet"),
        (("Client-Cert", jva), ("Client-Cert", jva)): (400, "client_cert"),
        (("Client-Cert", jva), ("Client-Cert", stranger)): (400, "client_cert"),
        (("Client-Cert", "no base64"),): (400, "client_cert"),
        (("Client-Cert", jva), ("Client-Cert-Chain", ":x")): (400, "client_cert"),
        (("Client-Cert", stranger),): (403, "zertifikat_unbekannt"),
        (("Client-Cert", expired),): (403, "zertifikat_ungueltig"),
        (("Client-Cert", foreign),): (403, "zertifikat_ungueltig"),
        (("Client-Cert", ":" + "A" * 60_000 + ":"),): (400, "client_cert"),
        (("Client-Cert", ":" + "A" * 70_000 + ":"),): (400, "http"),
        (("Client-Cert", jva), ("Origin", "https://example.org")): (403, "origin"),
    }.items():
        assert await asked(session, base, *headers) == found, headers


async def test_no_other_listener_believes_the_header(
    behind: tuple[Gateway, aiohttp.ClientSession, str], hub_site: Site
) -> None:
    hub, _, _ = behind
    jva = hub_site.clients["jva"]
    trusting = ssl.create_default_context(cadata=jva.ca.pem)
    header = ("Client-Cert", field(jva.pair.certificate))
    async with aiohttp.ClientSession() as session:
        for name, context, path in (
            ("api", jva.tls(), "/v1/inbox"),
            ("api", trusting, "/v1/inbox"),
            ("as2", trusting, "/as2"),
            ("betrieb", trusting, "/betrieb/"),
            ("status", None, "/healthz"),
        ):
            base = f"http{'s' if context else ''}://localhost:{hub.listeners.ports[name]}"
            found = await asked(session, base, header, path=path, ssl=context or True)
            assert found == (400, "client_cert"), name
            chain = ("Client-Cert-Chain", header[1])
            assert await asked(session, base, chain, path=path, ssl=context or True) == (400, "client_cert"), name


async def test_by_mutual_tls_the_configured_proxy_alone(hub_site: Site, ca: DevelopmentCa) -> None:
    proxy, jva = hub_site.client("proxy", rollen=("revision",)), hub_site.clients["jva"]
    hub_site.settings["proxy"] = {"adresse": "127.0.0.1:0", "zertifikate": [proxy.pair.sha256]}
    header = ("Client-Cert", field(jva.pair.certificate))
    async with running(hub_site.config()) as hub, aiohttp.ClientSession() as session:
        base = f"https://localhost:{hub.listeners.ports['proxy']}"
        assert await asked(session, base, header, ssl=proxy.tls()) == (200, "")
        assert await asked(session, base, ssl=proxy.tls()) == (401, "nicht_angemeldet"), "its own one does not count"
        assert await asked(session, base, header, ssl=jva.tls()) == (403, "proxy_fremd")
        nobody = ssl.create_default_context(cadata=ca.pem)
        assert await asked(session, base, header, ssl=nobody) == (403, "proxy_fremd")


async def raw(hub: Gateway, context: ssl.SSLContext, listener: str, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("localhost", hub.listeners.ports[listener], ssl=context)
    writer.write(request)
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


NO_HTTP = {
    "line": b"nonsense\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "smuggling": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "name": b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header: x\r\n\r\n",
    "long": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
}


async def test_what_is_no_http_is_refused_with_problem_details(hub: Gateway, hub_site: Site) -> None:
    for listener in ("api", "as2", "betrieb"):
        for name, request in NO_HTTP.items():
            answer = await raw(hub, hub_site.clients["jva"].tls(), listener, request)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), (listener, name, head)
            assert b"Content-Type: application/problem+json" in head, (listener, name)
            assert b"urn:de:nrw:gateway:fehler:http" in body, (listener, name)
            assert b"nonsense" not in body
