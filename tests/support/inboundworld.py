"""What an edge made of the requests that a peer sent: inbox, receipts, rows, reasons."""

import hashlib
import json
from typing import Any

from as2peer import Answered, Peer, events_of
from gatewayworld import Api

from gateway import clock, mime
from gateway.service.context import new_id
from gateway.service.gateway import Gateway
from gateway.store.steps import do

EDGE = "gw-koeln"


async def entries(api: Api) -> list[dict[str, Any]]:
    code, answer = await api.call("GET", "/v1/inbox")
    assert code == 200
    found: list[dict[str, Any]] = answer["eintraege"]
    return found


def result(answered: Answered) -> str:
    """The disposition of our signed receipt, without its mode."""
    return str(answered.verified().disposition).partition("; ")[2]


async def refused_because(gateway: Gateway) -> list[str]:
    return [json.loads(event["detail"])["grund"] for event in await events_of(gateway, "eingang_abgewiesen")]


def without_ids(answered: Answered) -> bytes:
    """The receipt without what must differ: the Message-ID that it names."""
    report = mime.parts(mime.parse(answered.entity))[0]
    human, machine = mime.parts(report)
    fields = machine.decoded().split(b"\r\n")
    return human.decoded() + b"\r\n".join(f for f in fields if not f.startswith(b"Original-Message-ID"))


async def rows(gateway: Gateway, peer: Peer, message_id: str, to: str = EDGE) -> dict[str, Any] | None:
    row = await gateway.ctx.db.fetch_one("inbound_by_transport", peer.name, to, message_id)
    return dict(row) if row else None


async def stored_request(edge: Gateway, sender: Peer, xml: bytes, message_id: str, **options: Any) -> bytes:
    """A request that is durable and not judged, as a crash between the two leaves it; its body."""
    receipt = options.pop("receipt", None)
    content_type, body = sender.seal(xml, **options)
    headers = sender.headers(content_type, to=EDGE, message_id=message_id, receipt=receipt)
    raw = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + b"\r\n" + body
    now = edge.ctx.now()
    kept = edge.ctx.content.seal_small(raw, now)
    insert = do(
        "insert_inbound",
        id=new_id(),
        as2_from=sender.name,
        as2_to=EDGE,
        wire_id=message_id,
        raw_sha256=hashlib.sha256(body).hexdigest(),
        raw_content=kept.id,
        received=now,
        async_url=receipt.url if receipt else None,
        lease_until=now + 300 * clock.SECOND,
        weg="as2",
    )
    await edge.ctx.db.commit(*kept.steps, insert)
    return body
