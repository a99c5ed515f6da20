"""The pictures of the pages in the README, of a hub that runs, with invented notices: `make screenshots`.

Promises: pictures are small (`COLOURS` colours) and show the pages as a browser does; nothing in them is real.
Fails: where Debian's chromium or the test packages are missing; a picture over `LARGEST` is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from badday import BadDay, bad_day
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

FOLDER: Final = Path(__file__).parents[2] / "docs" / "bilder"
COLOURS: Final = 48
"""Enough for text, tones and plots of flat colours."""
LARGEST: Final = 80_000
"""Bytes of one picture: the README stays light."""
WIDE: Final = 1280
NARROW: Final = 320


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    path: str
    who: str = "alle"
    width: int = WIDE
    height: int = 900
    """Of the picture; what lies below is cut off. 0: the whole page."""
    theme: str = "light"
    part: str = ""
    """Selector of the one element that is shown; empty: the page from its top."""


SHOTS: Final = (
    Shot("uebersicht", "/betrieb/", height=1250),
    Shot("zahlen", "/betrieb/", part="#zahlen"),
    Shot("nachrichten", "/betrieb/nachrichten"),
    Shot("nachricht", "/betrieb/nachrichten/{zugestellt}", height=1500),
    Shot("entscheidung", "/betrieb/nachrichten/{zugestellt}", part="section:has(#entscheidung-titel)"),
    Shot("partner", "/betrieb/partner/bonn", height=1250),
    Shot("dunkel", "/betrieb/nachrichten/{gescheitert}", height=1000, theme="dark"),
    Shot("schmal", "/betrieb/", width=NARROW, height=900),
)


async def take(page: Page, base: str, shot: Shot, ids: Mapping[str, str]) -> bytes:
    """One picture as a small PNG."""
    await page.goto(base + shot.path.format(**ids))
    if shot.part:
        await page.locator(f"{shot.part} summary").first.click()
        raw = await page.locator(shot.part).screenshot()
    else:
        raw = await page.screenshot(full_page=True)
    image: Any = Image.open(io.BytesIO(raw)).convert("RGB")
    if shot.height and not shot.part:
        image = image.crop((0, 0, image.width, min(shot.height, image.height)))
    out = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()


async def pictures(browser: Browser, day: BadDay, shots: tuple[Shot, ...], folder: Path) -> None:
    """All pictures into a folder."""
    for shot in shots:
        size: Any = {"width": shot.width, "height": shot.height or 900}
        theme: Any = shot.theme
        context = await browser.new_context(
            ignore_https_errors=True, locale="de-DE", viewport=size, color_scheme=theme, timezone_id="Europe/Berlin"
        )
        cookie: Any = {"name": "__Host-sitzung", "value": day.cookies[shot.who], "url": day.base, "secure": True}
        await context.add_cookies([cookie])
        made = await take(await context.new_page(), day.base, shot, day.ids)
        if len(made) > LARGEST:
            raise SystemExit(f"{shot.name}: {len(made)} bytes; at most {LARGEST} belong here")
        (folder / f"{shot.name}.png").write_bytes(made)
        sys.stdout.write(f"{shot.name}.png  {len(made)} bytes\n")
        await context.close()


async def main(shots: tuple[Shot, ...], folder: Path) -> None:
    """Builds the day, opens the browser, takes the pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed")
    with tempfile.TemporaryDirectory() as site:
        async with bad_day(Path(site), hours=24) as day, async_playwright() as driver:
            options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=de-DE"]
            environment = {**os.environ, "LANGUAGE": "de"}
            browser = await driver.chromium.launch(executable_path=chromium, args=options, env=environment)
            await pictures(browser, day, shots, folder)
            await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where to write")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(SHOTS, out))
