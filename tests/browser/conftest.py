"""Fixtures: Debian's chromium, a hub with a case in it, and people who are logged in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_asyncio
from caseworld import Case, admit, case_at
from gatewayworld import JVA, KOELN, POLIZEI, Site, agree
from pagesworld import account, visiting
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from gateway.partner import Partner
from gateway.pki_issue import DevelopmentCa
from gateway.service.betrieb.people import Access
from gateway.service.gateway import running
from tests.interop.environments import Unavailable, packages

ROOT = Path(__file__).parents[2]
WAIT_MS = 30_000
"""Longest wait for anything a page should show: generous, for other tests run beside."""
PEOPLE = {
    "betrieb": (("betrieb",), ()),
    "alle": (("betrieb", "revision", "verwaltung"), ()),
    "zweite": (("revision",), ()),
    "koeln": (("betrieb",), (KOELN,)),
}


def missing(reason: str) -> NoReturn:
    """A browser may be missing on a strange machine; where the project is made, that is a failure."""
    if (ROOT.parent / "shared").exists():
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Stage:
    """What browser tests play on."""

    case: Case
    browser: Browser
    axe: str
    base: str
    access: dict[str, Access] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Messages by what they show."""

    async def context(self, who: str | None, **options: Any) -> BrowserContext:
        """A browser's window of somebody who is logged in; None: of nobody."""
        context = await self.browser.new_context(ignore_https_errors=True, locale="de-DE", **options)
        context.set_default_timeout(WAIT_MS)
        if who is not None:
            cookie: Any = {"name": "__Host-sitzung", "value": self.cookies[who], "url": self.base, "secure": True}
            await context.add_cookies([cookie])
        return context


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Debian's chromium is not installed")
    try:
        axe = (await asyncio.to_thread(packages, "axe", Path(__file__).parent)) / "node_modules/axe-core/axe.min.js"
    except Unavailable as reason:
        missing(str(reason))
    async with AsyncExitStack() as stack:
        case = await _case(stack, tmp_path_factory.mktemp("browser"))
        driver = await stack.enter_async_context(async_playwright())
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]  # as root, in a container
        browser = await driver.chromium.launch(executable_path=chromium, args=options, timeout=WAIT_MS)
        stack.push_async_callback(browser.close)
        base = f"https://localhost:{case.hub.listeners.ports['betrieb']}"
        found = Stage(case, browser, axe.read_text("utf-8"), base)
        await _fill(found)
        yield found


async def _case(stack: AsyncExitStack, folder: Path) -> Case:
    ca = DevelopmentCa.create()
    site = Site(folder / "hub", ca)
    await asyncio.to_thread(site.init, "gw:nrw")
    for name, key in (("jva", JVA), ("polizei", POLIZEI), ("koeln", KOELN)):
        site.client(name, key)
    site.client("betrieb", rollen=("betrieb",))
    admit(site)
    hub = await stack.enter_async_context(running(site.config()))
    return await stack.enter_async_context(case_at(hub, site, ca))


async def _fill(stage: Stage) -> None:
    """One message of each kind, and somebody of each kind who is logged in."""
    case = stage.case
    withheld = {"gefaehrdet_untersuchungszweck": True}
    stage.ids["test"] = (await case.post("jva", "strafhaft_antritt", {"test": True}))["id"]
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf", test=True))
    for name in ("klaerung", "klaerung_hell", "klaerung_ohne_skript"):
        stage.ids[name] = (await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None))["id"]
    stage.ids["zurueck"] = (await case.post("polizei", "ermittlungsverfahren_eingeleitet", **withheld))["id"]
    stage.ids["haft"] = (await case.post("jva", "untersuchungshaft_antritt", wohnsitz_ags=None))["id"]
    stage.ids["zugestellt"] = (await case.post("jva", "untersuchungshaft_antritt"))["id"]
    for who, (rollen, behoerden) in PEOPLE.items():
        stage.access[who] = await account(case.hub, f"p.{who}", *rollen, behoerden=behoerden)
        async with visiting(case.hub, case.hub_ca, stage.access[who]) as visitor:
            stage.cookies[who] = visitor.cookie
    stage.access["neu"] = await account(case.hub, "p.neu", "betrieb")


@pytest_asyncio.fixture(loop_scope="module")
async def window(stage: Stage) -> AsyncIterator[Callable[..., Any]]:
    """Opens pages; at the end nothing may have been refused by the pages' own policy or failed in a script."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def opened(who: str | None, path: str = "/betrieb/", **options: Any) -> Page:
        context = await stage.context(who, **options)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await page.goto(stage.base + path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    # answers of 403, 404 and 409 are shown as pages; chromium tells of them, and of the icon that it asks for by itself
    assert [each for each in complaints if not each.startswith("Failed to load resource")] == []
