"""Reads what a page needs from the installed packages: the template, the titles of messages, the font.

Promises: everything is read once; template and titles come from our own package, the font from `pymupdf-fonts`. The
font is written to a private folder for each PDF, since the PDF library takes files only: a process that is killed
leaves none behind, unless it was drawing.
Fails: `FileNotFoundError` or `ImportError` for a broken installation.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

import routing
import schemas
from gateway.render.decree import Decree
from gateway.render.page import runs

DECREE: Final = "erlass-2022-04-29.toml"
FONTS: Final = {"": "NotoSans_Regular", "B": "NotoSans_Bold", "math": "NotoSansMath_Regular"}
"""Style to the module that holds it. Math has the three signs of DIN 91379 that Noto Sans lacks: ∞ ≤ ≥."""


@cache
def template(name: str) -> Template:
    """A template of this package; whatever it prints is escaped, and a name that it misspells is an error."""
    loader = PackageLoader("gateway.render", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["groupruns"] = runs
    return environment.get_template(name)


@cache
def style() -> str:
    """The style sheet that stands inside each page."""
    return files("gateway.render").joinpath("templates", "page.css").read_text(encoding="utf-8")


@cache
def titles() -> dict[str, str]:
    """Root name and message number to the German title of that kind of message."""
    catalogue = tomllib.loads(files(schemas).joinpath(schemas.KATALOG).read_text(encoding="utf-8"))
    messages = [message for pack in catalogue["pack"] for message in pack.get("nachricht", ())]
    return {message[key]: message["titel"] for message in messages for key in ("wurzel", "nummer")}


@cache
def decree() -> Decree:
    """The text of the decree."""
    return tomllib.loads(files(routing).joinpath("data", DECREE).read_text(encoding="utf-8"))


@contextlib.contextmanager
def font_files() -> Iterator[dict[str, Path]]:
    """Style to font file, within the block; some milliseconds, where drawing takes hundreds."""
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)  # it tells of each table that a PDF does not need
    with tempfile.TemporaryDirectory(prefix="gateway-font-", ignore_cleanup_errors=True) as folder:
        found = {style: Path(folder, f"{module}.ttf") for style, module in FONTS.items()}
        for style, path in found.items():
            path.write_bytes(import_module(f"pymupdf_fonts.{FONTS[style]}").fontbuffer)
        yield found
