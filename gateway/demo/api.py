"""The demo's agencies as API clients, each with a certificate of its own.

Promises: what a call returns is what the gateway answered; nothing is retried.
Fails: `DemoFailed` when an awaited state does not come in time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

from gateway.cli.inbox import sign_detached
from gateway.connector import Connector
from gateway.demo.cast import Cast, DemoFailed, Site
from gateway.demo.letters import Notice
from gateway.message import Teil
from gateway.settle.inbox_ack import ack_content

WAIT_S = 40.0
"""How long the demo waits for anything: every try of a delivery takes well under a second on loopback."""


class Agency:
    """One agency at one gateway."""

    def __init__(self, cast: Cast, site: Site, key: str) -> None:
        stem = cast.folder / "clients" / key.replace(":", "-")
        context = ssl.create_default_context(cadata=cast.ca.pem)
        context.load_cert_chain(f"{stem}.crt", f"{stem}.key")
        self.key = key
        self._site = site
        self._session = aiohttp.ClientSession(connector=Connector(ssl=context))

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status and JSON value (or bytes) of one call."""
        async with self._session.request(method, self._site.api_url + path, **options) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if "json" in answer.content_type else raw

    async def post(self, notice: Notice) -> tuple[int, dict[str, Any], bytes]:
        """Post a notice: status, value, and the very bytes."""
        headers, data = {"Content-Type": "application/xml"}, notice.xml
        if notice.files or notice.sachverhalt is not None:
            headers, data = {}, _form(notice)  # type: ignore[assignment]
        async with self._session.post(f"{self._site.api_url}/v1/messages", data=data, headers=headers) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw), raw

    async def until(self, message_id: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The message, as soon as `holds` is true of it.

        Raises:
            DemoFailed: it does not become so in time.
        """
        message: dict[str, Any] = {}
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    _, message = await self.call("GET", f"/v1/messages/{message_id}")
                    if holds(message):
                        return message
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise DemoFailed(f"{what}: {message.get('status')} {message.get('zustellungen')}") from None

    async def acknowledge(self, entry: dict[str, Any], cast: Cast) -> int:
        """Acknowledge an inbox entry with the JVA's signature."""
        parts = [Teil(part["n"], part["name"], "", part["sha256"], part["bytes"]) for part in entry["teile"]]
        signature = sign_detached(ack_content(entry["id"], parts), cast.jva_sign)
        headers = {"Content-Type": "application/pkcs7-signature"}
        status, _ = await self.call("POST", f"/v1/inbox/{entry['id']}/ack", data=signature, headers=headers)
        return status


def _form(notice: Notice) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("nachricht", notice.xml, content_type="application/xml", filename="nachricht.xml")
    if notice.sachverhalt is not None:
        form.add_field("sachverhalt", json.dumps(notice.sachverhalt), content_type="application/json")
    for name, data in notice.files:
        form.add_field("datei", data, filename=name, content_type="application/pdf")
    return form
