"""Fixtures: Debian's chromium, a hub with a case in it, and people who are logged in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_asyncio
from badday import BadDay, bad_day
from caseworld import Case
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.interop.environments import Unavailable, packages

ROOT = Path(__file__).parents[2]
WAIT_MS = 30_000
"""Longest wait for anything a page should show: generous, for other tests run beside."""


def missing(reason: str) -> NoReturn:
    """A browser may be missing on a strange machine; where the project is made, that is a failure."""
    if (ROOT.parent / "shared").exists():
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Stage:
    """What browser tests play on."""

    day: BadDay
    browser: Browser
    axe: str

    @property
    def case(self) -> Case:
        return self.day.case

    @property
    def base(self) -> str:
        return self.day.base

    @property
    def ids(self) -> dict[str, str]:
        return self.day.ids

    async def context(self, who: str | None, **options: Any) -> BrowserContext:
        """A browser's window of somebody who is logged in; None: of nobody."""
        context = await self.browser.new_context(ignore_https_errors=True, locale="de-DE", **options)
        context.set_default_timeout(WAIT_MS)
        if who is not None:
            cookie: Any = {"name": "__Host-sitzung", "value": self.day.cookies[who], "url": self.base, "secure": True}
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
        day = await stack.enter_async_context(bad_day(tmp_path_factory.mktemp("browser")))
        driver = await stack.enter_async_context(async_playwright())
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]  # as root, in a container
        browser = await driver.chromium.launch(executable_path=chromium, args=options, timeout=WAIT_MS)
        stack.push_async_callback(browser.close)
        yield Stage(day, browser, axe.read_text("utf-8"))


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
