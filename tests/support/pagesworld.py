"""A browser without a screen: cookie, forms and links of the pages, over real TLS; and accounts of every kind."""

import asyncio
import contextlib
import html
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.clock import SECOND
from gateway.pki_issue import DevelopmentCa
from gateway.service.betrieb.people import Access, People
from gateway.service.gateway import Gateway
from gateway.watch import credentials

BY = "zertifikat:kommandozeile"


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Any
    location: str
    raw: bytes

    @property
    def words(self) -> str:
        """The text of the page, without markup."""
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", self.text)))


@dataclass
class Visitor:
    """Somebody at the pages."""

    session: aiohttp.ClientSession
    base: str
    cookie: str = ""
    way: str = ""
    """What the browser keeps on its way to a provider and back."""
    mark: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        kept = {"__Host-sitzung": self.cookie, "__Host-anmeldung": self.way}
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items() if value)}
        if method == "POST":
            sent |= {"Origin": self.base}
        options = {"data": form or {}} if method == "POST" else {}
        async with self.session.request(
            method, self.base + path, headers=sent | headers, allow_redirects=False, **options
        ) as answer:
            raw = await answer.read()
            text = raw.decode("utf-8", "replace")
            cookie = answer.cookies.get("__Host-sitzung")
            if cookie is not None:
                self.cookie = cookie.value
            way = answer.cookies.get("__Host-anmeldung")
            if way is not None:
                self.way = way.value
            mark = re.search(r'name="marke" value="([0-9a-f]+)"', text)
            self.mark = mark[1] if mark else self.mark
            return Answer(answer.status, text, answer.headers, answer.headers.get("Location", ""), raw)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, **form: str) -> Answer:
        return await self.call("POST", path, {"marke": self.mark} | form)

    async def login(self, gateway: Gateway, access: Access) -> Answer:
        return await self.call(
            "POST",
            "/betrieb/anmelden",
            {"name": access.name, "passwort": access.password, "code": current_code(gateway, access)},
        )


def current_code(gateway: Gateway, access: Access) -> str:
    return credentials.code_at(access.secret, gateway.ctx.now() // SECOND)


async def account(gateway: Gateway, name: str, *rollen: str, behoerden: tuple[str, ...] = ()) -> Access:
    return await People(gateway.ctx).add(BY, name, rollen, behoerden)


@contextlib.asynccontextmanager
async def visiting(gateway: Gateway, ca: DevelopmentCa, access: Access | None = None) -> AsyncIterator[Visitor]:
    """A visitor; logged in where an account is given. No client certificate is shown."""
    context = ssl.create_default_context(cadata=ca.pem)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(session, f"https://localhost:{gateway.listeners.ports['betrieb']}")
        if access is not None:
            answer = await visitor.login(gateway, access)
            assert (answer.status, answer.location) == (303, "/betrieb/"), answer.words
            await visitor.get("/betrieb/")
        yield visitor
    await asyncio.sleep(0)
