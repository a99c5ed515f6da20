"""Messages that are not held in memory: received piece by piece, and passed through two processes."""

import asyncio
import hashlib
import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from as2peer import Answered, Peer, amend, eventually, peering, until
from gatewayworld import POLIZEI, RHEIN_SIEG, Api, Site, agree, calling
from inboundworld import EDGE, entries, refused_because, result, rows, stored_request

from bench.large import MEGABYTE, Pair, resident
from gateway.demo.letters import Notice, ermittlungsverfahren
from gateway.partner import Grenzen
from gateway.pki_issue import DevelopmentCa
from gateway.seal.sealer import PartIn
from gateway.service.gateway import Gateway, running

SIZE = 3 * MEGABYTE + 1
HUB = "gw-nrw"
UNOPENED = "processed/error: decryption-failed"


def content(size: int = SIZE) -> bytes:
    """Bytes that compress to a fifth, with line ends of all kinds."""
    return b"".join(n.to_bytes(4, "big") + b"\r\n--=_ \n" for n in range(size // 12 + 1))[:size]


def file_of(notice: Notice, data: bytes) -> list[PartIn]:
    ((name, _),) = notice.files
    return [PartIn(name, "application/pdf", io.BytesIO(data))]


@pytest.fixture
async def sender(
    prompt: None, ca: DevelopmentCa, edge: Gateway, edge_site: Site, tmp_path: Path
) -> AsyncIterator[Peer]:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as peer:
        await agree(edge, peer.agreement(art="vermittler"))
        yield peer


@pytest.fixture
async def inbox(edge: Gateway, edge_site: Site) -> AsyncIterator[Api]:
    async with calling(edge, edge_site.clients["koeln"]) as api:
        yield api


def stored(site: Site, state: str) -> list[int]:
    """Sizes of the contents in one state."""
    (path,) = site.folder.rglob("*.db")
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "select sum(length(data)) from content join chunk on content_id = id where state = ? group by id", (state,)
        ).fetchall()
    connection.close()
    return [size for (size,) in found]


async def send(sender: Peer, body: bytes, message_id: str | None = None) -> Answered:
    return await sender.post(sender.headers("application/pkcs7-mime", to=EDGE, message_id=message_id), body)


# --- received ---------------------------------------------------------------------------------------------------------


async def test_a_large_message_enters_once_like_a_small_one(
    edge: Gateway, edge_site: Site, sender: Peer, inbox: Api
) -> None:
    notice, data, message_id = ermittlungsverfahren(), content(), sender.new_id()
    _, body = sender.seal(notice.xml, files=file_of(notice, data))
    first = await send(sender, body, message_id)
    assert result(first) == "processed"
    mic = first.verified().mic
    assert mic is not None
    (entry,) = await entries(inbox)
    assert (await inbox.call("GET", f"/v1/messages/{entry['nachricht']}/parts/0"))[1] == notice.xml
    assert (await inbox.call("GET", f"/v1/messages/{entry['nachricht']}/parts/1"))[1] == data
    assert stored(edge_site, "staged") == []
    kept = stored(edge_site, "kept")
    again = await send(sender, body, message_id)
    assert again.body == first.body
    other = await send(sender, body + b"\n", message_id)
    assert result(other) == UNOPENED
    assert await refused_because(edge) == ["message_id_vergeben"]
    assert stored(edge_site, "kept") == kept
    assert stored(edge_site, "staged") == []


def flipped(body: bytes) -> bytes:
    return body[:-1] + bytes((body[-1] ^ 1,))


def garbled(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes((body[middle] ^ 1,)) + body[middle + 1 :]


def endless(body: bytes) -> bytes:
    return b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80" + b"\x30\x80" * MEGABYTE


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (flipped, "content"),
        (garbled, "content"),
        (lambda body: body[:-MEGABYTE], "unreadable"),
        (lambda body: body + b"\0", "unreadable"),
        (endless, "unreadable"),
        (lambda body: bytes(len(body)), "unreadable"),
        (lambda body: b"\x30\x85\xff\xff\xff\xff\xff" + body, "unreadable"),
    ],
    ids=["tag", "middle", "truncated", "trailing", "endless", "zeros", "length"],
)
async def test_what_does_not_open_leaves_its_raw_request_and_nothing_else(
    edge: Gateway, edge_site: Site, sender: Peer, inbox: Api, change: Any, cause: str
) -> None:
    notice = ermittlungsverfahren()
    _, body = sender.seal(notice.xml, files=file_of(notice, content()))
    broken = change(body)
    assert result(await send(sender, broken)) == UNOPENED
    assert await refused_because(edge) == [cause]
    assert await entries(inbox) == []
    assert stored(edge_site, "staged") == []
    (raw,) = [size for size in stored(edge_site, "kept") if size > MEGABYTE]
    assert raw > len(broken)


async def test_an_upload_that_breaks_off_leaves_nothing(edge: Gateway, edge_site: Site, sender: Peer) -> None:
    async def some() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield bytes(MEGABYTE // 10)
        await eventually(lambda: stored(edge_site, "staged"))
        raise ConnectionResetError

    before = stored(edge_site, "kept")
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await sender.session.post(
            f"{sender.site.as2_url}/as2", headers=sender.headers("application/pkcs7-mime", to=EDGE), data=some()
        )
    await eventually(lambda: stored(edge_site, "staged") == [])
    assert stored(edge_site, "kept") == before


async def test_more_than_agreed_is_not_taken(edge: Gateway, edge_site: Site, sender: Peer) -> None:
    terms = sender.agreement(art="vermittler", grenzen=Grenzen(bytes=MEGABYTE))
    await amend(edge, terms)
    assert (await send(sender, bytes(4 * MEGABYTE))).status == 413
    assert stored(edge_site, "staged") == []
    notice = ermittlungsverfahren()
    _, body = sender.seal(notice.xml, files=file_of(notice, content(2 * MEGABYTE + 1)))
    assert result(await send(sender, body)) == "processed/error: unexpected-processing-error"
    assert await refused_because(edge) == ["too_large"]
    assert stored(edge_site, "staged") == []


async def test_a_stranger_is_answered_without_its_body(edge: Gateway, edge_site: Site, sender: Peer) -> None:
    headers = [(n, v if n != "AS2-From" else "nobody") for n, v in sender.headers("application/pkcs7-mime", to=EDGE)]
    answered = await sender.post(headers, bytes(2 * MEGABYTE))
    assert "unknown-trading-relationship" in str(answered.report.disposition)
    assert stored(edge_site, "staged") == stored(edge_site, "kept") == []


async def test_a_large_request_that_a_crash_left_is_judged_at_the_next_start(
    ca: DevelopmentCa, edge_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as sender:
        message_id, notice = sender.new_id(), ermittlungsverfahren()
        async with running(edge_site.config()) as edge:
            await agree(edge, sender.agreement(art="vermittler"))
            body = await stored_request(edge, sender, notice.xml, message_id, files=file_of(notice, content()))
        async with running(edge_site.config()) as edge, calling(edge, edge_site.clients["koeln"]) as inbox:
            assert len(await entries(inbox)) == 1
            row = await rows(edge, sender, message_id)
            assert row is not None
            assert row["status"] == "angenommen"
            again = await send(sender, body, message_id)
            assert again.body == bytes(row["mdn_body"])
        assert stored(edge_site, "staged") == []


@pytest.mark.parametrize("bomb", [False, True])
async def test_compressed_content_is_inflated_within_bounds(
    edge: Gateway, edge_site: Site, sender: Peer, inbox: Api, bomb: bool
) -> None:
    """A body of some 100 KB takes the way of a large one where compression is agreed."""
    terms = sender.agreement(art="vermittler")
    packed = terms.algorithmen.model_copy(update={"kompression": True})
    await amend(edge, terms.model_copy(update={"algorithmen": packed}))
    notice = ermittlungsverfahren()
    data = bytes(9 * MEGABYTE) + hashlib.shake_128(b"").digest(65 * 1024) if bomb else content(2 * MEGABYTE)
    agreement = sender.gateway_as_partner().model_copy(update={"algorithmen": packed})
    _, body = sender.seal(notice.xml, files=file_of(notice, data), partner=agreement)
    assert 64 * 1024 < len(body) < MEGABYTE
    wanted = "processed/error: decompression-failed" if bomb else "processed"
    assert result(await send(sender, body)) == wanted
    assert await refused_because(edge) == (["compressed_ratio"] if bomb else [])
    assert len(await entries(inbox)) == (0 if bomb else 1)
    assert stored(edge_site, "staged") == []


async def test_a_hub_keeps_what_a_large_messages_sender_signed(
    prompt: None, ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path
) -> None:
    async with (
        peering(ca, hub_site, "praesidium", (POLIZEI,), tmp_path) as police,
        peering(ca, hub_site, "rsk", (RHEIN_SIEG,), tmp_path) as rsk,
    ):
        await agree(hub, police.agreement())
        await agree(hub, rsk.agreement())
        notice, data = ermittlungsverfahren(), content()
        message_id = police.new_id()
        answered = await police.send(notice.xml, HUB, None, files=file_of(notice, data), message_id=message_id)
        assert result(answered) == "processed"
        inbound = await rows(hub, police, message_id, HUB)
        assert inbound is not None
        row = await hub.ctx.db.fetch_one("message", inbound["message_id"])
        assert row is not None
        await until(hub, row["id"], "zugestellt", empfaenger=RHEIN_SIEG)
        signed = await hub.ctx.content.read_all(row["signed_content"], limit=2 * SIZE)
        assert signed.startswith(b"Content-Type: multipart/signed")
        assert data in signed
        (came,) = rsk.messages
        assert came.opened is not None
        assert came.opened.parts[1][2] == data
    assert stored(hub_site, "staged") == []


# --- passed through ---------------------------------------------------------------------------------------------------


async def test_memory_does_not_grow_with_the_message(tmp_path: Path) -> None:
    """Two processes; `python -m bench.large` does it with nearly 200 MB."""
    pair = await asyncio.to_thread(Pair.make, tmp_path)
    try:
        await pair.start()
        async with pair.session() as session:
            await pair.passing(session, MEGABYTE)
            before = [resident(site)[0] for site in (pair.hub, pair.edge)]
            passed = await pair.passing(session, 60 * MEGABYTE)
        assert passed.sha256_read == passed.sha256_sent
        assert passed.attempts == 1
        peaks = [resident(site)[1] for site in (pair.hub, pair.edge)]
    finally:
        await pair.stop()
    assert max(peaks) < 250
    assert max(peak - idle for peak, idle in zip(peaks, before, strict=True)) < 60


async def test_the_same_on_postgresql(
    prompt: None, ca: DevelopmentCa, edge_site: Site, postgres_url: str, tmp_path: Path
) -> None:
    edge_site.settings["store"] = {"url": postgres_url}
    async with (
        peering(ca, edge_site, "vermittler", (), tmp_path) as sender,
        running(edge_site.config()) as edge,
        calling(edge, edge_site.clients["koeln"]) as inbox,
    ):
        await agree(edge, sender.agreement(art="vermittler"))
        notice, data = ermittlungsverfahren(), content()
        _, body = sender.seal(notice.xml, files=file_of(notice, data))
        assert result(await send(sender, flipped(body))) == UNOPENED
        assert result(await send(sender, body)) == "processed"
        (entry,) = await entries(inbox)
        assert (await inbox.call("GET", f"/v1/messages/{entry['nachricht']}/parts/1"))[1] == data
