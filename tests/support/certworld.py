"""Hub and edge whose certificates a test changes while messages pass: pairs in files, agreements in the store."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from as2peer import eventually, haft
from gatewayworld import Api, Site

from gateway.partner import Partner, Zertifikat
from gateway.pki import KeyPair, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway
from gateway.store.steps import do


def add_pair(site: Site, use: str, ca: DevelopmentCa, name: str = "neu", *, only: bool = False) -> KeyPair:
    """A new pair of one use in the site's files and configuration, beside the others or instead of them."""
    pair = newer(ca, {"mdn": "sign", "tls_client": "tls"}.get(use, use), f"{site.folder.name}-{name}")
    stem = site.folder / "keys" / f"{use}-{name}"
    write_pair(pair, stem)
    before = () if only else configured(site, use)
    site.settings.setdefault("schluessel", {})[use] = (*before, stem)
    touch(site)
    return pair


def newer(ca: DevelopmentCa, purpose: Any, name: str) -> KeyPair:
    """A pair whose window begins and ends after that of the pairs that a site has from its beginning."""
    now = datetime.now(UTC)
    window = {"ab": now - timedelta(minutes=1), "bis": now + timedelta(days=800)}
    hosts = ("localhost", "127.0.0.1") if purpose == "tls" else ()
    return ca.issue(Request(purpose=purpose, name=name, hosts=hosts, **window))


def configured(site: Site, use: str) -> tuple[Path, ...]:
    found: tuple[Path, ...] = getattr(site.config().schluessel, use)
    return found


def touch(site: Site) -> None:
    """The configuration's file changes, as an editor leaves it."""
    path = site.folder / "gateway.toml"
    path.write_text(path.read_text() + "\n")


async def agree_on(gateway: Gateway, partner_id: str, zertifikate: Iterable[Zertifikat]) -> None:
    """The agreement's certificates become these."""
    row = await gateway.ctx.db.fetch_one("partner", partner_id)
    assert row is not None
    partner = Partner.model_validate_json(row["agreement"])
    changed = partner.model_copy(update={"zertifikate": tuple(zertifikate)})
    await gateway.ctx.db.commit(
        do("put_partner", id=partner_id, agreement=changed.model_dump_json(), now=gateway.ctx.now())
    )
    gateway.ctx.partners.forget()


async def certificates_of(gateway: Gateway, partner_id: str) -> tuple[Zertifikat, ...]:
    row = await gateway.ctx.db.fetch_one("partner", partner_id)
    assert row is not None
    return Partner.model_validate_json(row["agreement"]).zertifikate


async def also(gateway: Gateway, partner_id: str, zweck: Any, pair: KeyPair) -> None:
    """One more certificate in an agreement."""
    before = await certificates_of(gateway, partner_id)
    await agree_on(gateway, partner_id, (*before, agreed(zweck, pair.certificate)))


async def only(gateway: Gateway, partner_id: str, zweck: Any, pair: KeyPair) -> None:
    """The old ones of a purpose leave an agreement."""
    kept = [z for z in await certificates_of(gateway, partner_id) if z.zweck != zweck]
    await agree_on(gateway, partner_id, (*kept, agreed(zweck, pair.certificate)))


class Traffic:
    """Messages without a pause; counts what came of them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.ids: list[str] = []
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        while not self._stopping.is_set():
            status, answer = await self._api.post_xml(haft(str(uuid.uuid4())))
            assert status == 202, answer
            self.ids.append(answer["id"])
            await asyncio.sleep(0.02)

    async def some(self, count: int = 4) -> None:
        """So many more messages were accepted, and the newest is delivered."""
        wanted = len(self.ids) + count
        await eventually(lambda: len(self.ids) >= wanted)
        await self._api.until(self.ids[-1], "zugestellt")

    async def stop(self) -> None:
        self._stopping.set()


@asynccontextmanager
async def flowing(api: Api) -> AsyncIterator[Traffic]:
    """Traffic inside the block; at its end every message was delivered."""
    traffic = Traffic(api)
    task = asyncio.create_task(traffic.run())
    try:
        yield traffic
    finally:
        await traffic.stop()
        await task
    for message_id in traffic.ids:
        await api.until(message_id, "zugestellt")
