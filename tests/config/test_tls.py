"""Contexts against real aiohttp servers on the loopback: who gets in, who does not, and what is left in the log."""

from __future__ import annotations

import asyncio
import logging
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway import pki, tls
from gateway.config import hash_of_certificate, parse
from gateway.config_tables import KeyFiles
from gateway.pki import PkiError
from gateway.pki_issue import DevelopmentCa, Request, self_signed

CA = DevelopmentCa.create()
HOSTS = ("localhost", "127.0.0.1")
SERVER = CA.issue(Request(purpose="tls", name="gw:test", hosts=HOSTS))


async def who(request: web.Request) -> web.Response:
    assert request.transport is not None
    der = request.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return web.Response(text=hash_of_certificate(der) if der else "niemand")


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", who)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def ask(url: str, context: ssl.SSLContext) -> str:
    """One request by one connection: a POST, since aiohttp tries a GET twice."""
    async with aiohttp.ClientSession() as session, session.post(url, ssl=context) as response:
        return await response.text()


async def until(condition: Callable[[], bool]) -> None:
    """The client may see the end before the server has recorded it."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen")


@pytest.fixture
def server_files(tmp_path: Path) -> KeyFiles:
    return pki.write_pair(SERVER, tmp_path / "server")


def api(files: KeyFiles, failures: tls.HandshakeFailures, anchors: Sequence[str] = (CA.pem,)) -> ssl.SSLContext:
    return tls.server_context("api", files, failures, anchors)


def client(tmp_path: Path, pair: pki.KeyPair | None) -> ssl.SSLContext:
    return tls.client_context([CA.pem], pki.write_pair(pair, tmp_path / "client") if pair else None)


async def test_a_known_client_and_one_without_certificate_get_in(tmp_path: Path, server_files: KeyFiles) -> None:
    failures = tls.HandshakeFailures()
    pair = CA.issue(Request(purpose="tls", name="gds:R8088"))
    async with listening(api(server_files, failures)) as url:
        assert await ask(url, client(tmp_path, pair)) == pair.sha256
        assert await ask(url, client(tmp_path, None)) == "niemand"
    assert not failures.counts


BAD_CLIENTS = {
    "abgelaufen": CA.issue_expired("tls", "gds:R8088"),
    "fremd": CA.twin().issue(Request(purpose="tls", name="gds:R8088")),
    "zweck": CA.issue(Request(purpose="sign", name="gds:R8088")),
}


@pytest.mark.parametrize("reason", BAD_CLIENTS)
async def test_a_bad_client_certificate_ends_the_handshake_with_a_log_line_and_a_count(
    reason: str, tmp_path: Path, server_files: KeyFiles, caplog: pytest.LogCaptureFixture
) -> None:
    failures = tls.HandshakeFailures()
    caplog.set_level(logging.WARNING, "gateway.tls")
    async with listening(api(server_files, failures)) as url:
        with pytest.raises(aiohttp.ClientError):
            await ask(url, client(tmp_path, BAD_CLIENTS[reason]))
        await until(lambda: bool(failures.counts))
    assert failures.counts == {("api", reason): 1}
    assert caplog.messages == [f"tls handshake failed listener=api reason={reason}"]


async def test_a_self_signed_client_is_foreign_even_without_any_anchor(tmp_path: Path, server_files: KeyFiles) -> None:
    failures = tls.HandshakeFailures()
    async with listening(api(server_files, failures, anchors=())) as url:
        with pytest.raises(aiohttp.ClientError):
            await ask(url, client(tmp_path, self_signed(Request(purpose="tls", name="gds:R8088"))))
        await until(lambda: bool(failures.counts))
    assert failures.counts == {("api", "fremd"): 1}


async def test_without_mutual_tls_a_certificate_is_not_asked_for(tmp_path: Path, server_files: KeyFiles) -> None:
    failures = tls.HandshakeFailures()
    async with listening(tls.server_context("as2", server_files, failures)) as url:
        assert await ask(url, client(tmp_path, BAD_CLIENTS["fremd"])) == "niemand"
    assert not failures.counts


def loosened(change: Callable[[ssl.SSLContext], None]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=CA.pem)
    change(context)
    return context


def only_cbc(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM")


def only_tls_1_1(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


@pytest.mark.parametrize("change", [only_cbc, only_tls_1_1])
async def test_old_protocols_and_suites_are_refused(
    change: Callable[[ssl.SSLContext], None], server_files: KeyFiles
) -> None:
    failures = tls.HandshakeFailures()
    async with listening(tls.server_context("as2", server_files, failures)) as url:
        with pytest.raises(aiohttp.ClientError):
            await ask(url, loosened(change))
        await until(lambda: bool(failures.counts))
    ((listener, reason),) = failures.counts
    assert listener == "as2"
    assert reason in ("no_shared_cipher", "unsupported_protocol")


async def test_tls_1_2_with_ecdhe_and_aead_works(server_files: KeyFiles) -> None:
    def only_1_2(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    async with listening(tls.server_context("as2", server_files, tls.HandshakeFailures())) as url:
        assert await ask(url, loosened(only_1_2)) == "niemand"


async def test_bytes_that_are_no_tls_are_counted(server_files: KeyFiles) -> None:
    failures = tls.HandshakeFailures()
    async with listening(tls.server_context("betrieb", server_files, failures)) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: bool(failures.counts))
        writer.close()
    assert failures.counts == {("betrieb", "http_request"): 1}


async def test_a_partner_is_known_by_its_own_certificate_and_its_name(tmp_path: Path) -> None:
    own = self_signed(Request(purpose="tls", name="gw:edge", hosts=HOSTS))
    other = self_signed(Request(purpose="tls", name="gw:edge", hosts=HOSTS))
    stranger = self_signed(Request(purpose="tls", name="gw:edge", hosts=("edge.example",)))
    failures = tls.HandshakeFailures()
    async with listening(tls.server_context("as2", pki.write_pair(own, tmp_path / "own"), failures)) as url:
        assert await ask(url, tls.partner_context((own.pem,))) == "niemand"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(url, tls.partner_context((other.pem,)))
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(url, tls.partner_context(()))
    async with listening(tls.server_context("as2", pki.write_pair(stranger, tmp_path / "name"), failures)) as url:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(url, tls.partner_context((stranger.pem,)))


async def test_a_leaf_of_a_ca_may_be_the_anchor_itself(server_files: KeyFiles) -> None:
    async with listening(tls.server_context("as2", server_files, tls.HandshakeFailures())) as url:
        assert await ask(url, tls.partner_context((SERVER.pem,))) == "niemand"


def test_the_listeners_of_a_configuration(tmp_path: Path) -> None:
    config = parse('[gateway]\nkennung = "gw:nrw"\n', tmp_path / "gateway.toml")
    (tmp_path / "keys").mkdir()
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "ca.crt").write_text(CA.pem)
    pki.write_pair(SERVER, tmp_path / "keys" / "tls")
    contexts = tls.listener_contexts(config, datetime.now(UTC), tls.HandshakeFailures())
    assert {name: context.verify_mode for name, context in contexts.items()} == {
        "api": ssl.CERT_OPTIONAL,
        "as2": ssl.CERT_NONE,
        "betrieb": ssl.CERT_NONE,
        "mail": ssl.CERT_NONE,
    }
    assert all(context.minimum_version == ssl.TLSVersion.TLSv1_2 for context in contexts.values())


def test_unusable_files_and_anchors_are_named(tmp_path: Path, server_files: KeyFiles) -> None:
    with pytest.raises(PkiError, match=r"missing\.crt"):
        tls.client_context((), KeyFiles(key=tmp_path / "missing.key", crt=tmp_path / "missing.crt"))
    with pytest.raises(PkiError, match="für TLS nicht brauchbar"):
        tls.client_context((), KeyFiles(key=server_files.crt, crt=server_files.crt))
    with pytest.raises(PkiError, match="Vertrauensanker"):
        tls.client_context(["kein Zertifikat"])


async def test_a_partners_server_that_asks_sees_our_certificate_of_the_moment(
    tmp_path: Path, server_files: KeyFiles
) -> None:
    pairs = [CA.issue(Request(purpose="tls", name="gw:nrw")) for _ in range(2)]
    async with listening(api(server_files, tls.HandshakeFailures())) as url:
        for n, pair in enumerate(pairs):
            own = tls.OwnClient(pki.write_pair(pair, tmp_path / f"own{n}"), pair.sha256)
            assert await ask(url, tls.partner_context((CA.pem,), own)) == pair.sha256
        assert await ask(url, tls.partner_context((CA.pem,))) == "niemand"


async def test_a_listeners_context_is_exchanged_while_it_listens(tmp_path: Path, server_files: KeyFiles) -> None:
    failures, other = tls.HandshakeFailures(), DevelopmentCa.create("Andere CA")
    stranger = other.issue(Request(purpose="tls", name="gds:R8088"))
    context = tls.ReloadableContext(api(server_files, failures))
    async with listening(context) as url:
        shown = client(tmp_path, stranger)
        with pytest.raises(aiohttp.ClientError):
            await ask(url, shown)
        context.current = api(server_files, failures, (other.pem,))
        assert await ask(url, shown) == stranger.sha256
        context.current = api(server_files, failures)  # and anchors go as well
        with pytest.raises(aiohttp.ClientError):
            await ask(url, shown)
    await until(lambda: failures.counts["api", "fremd"] == 2)
