"""`gateway render`: a message as a page that people read.

Promises: needs no configuration, no store and no network. The message is read by the hardened parser and shown as it
is; whether it is valid is for `gateway check`. A file is written whole or not at all, and only for its owner: it holds
what the message holds.
Fails: exit 1 for what is no XML or too large for a page, 2 for a command line that cannot be used, 3 for a file that
cannot be written.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from lxml import etree

from gateway.check.intake import MAX_BYTES, parse
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import stop
from gateway.errors import Refusal
from gateway.render.html import render_html
from gateway.route.resources import packaged_directory


@click.command()
@click.argument("message", type=click.File("rb"), metavar="FILE")
@click.option("--html", "html", type=click.Path(dir_okay=False, path_type=Path), help="Write HTML to this file.")
@click.option("--pdf", "pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write a PDF to this file.")
def command(message: Any, html: Path | None, pdf: Path | None) -> None:
    """Show a message as a plain German page; HTML on standard output if no file is named, FILE may be -."""
    if html is not None and pdf is not None and html.absolute() == pdf.absolute():
        stop(MISUSED, "HTML und PDF brauchen zwei verschiedene Dateien.")
    try:
        root = parse(message.read(MAX_BYTES + 1)).root
        outputs = [(path, draw(root)) for path, draw in ((html, _html), (pdf, _pdf)) if path is not None]
        page = b"" if outputs else _html(root)
    except Refusal as refusal:
        stop(REFUSED, [f"Abgewiesen: {refusal.detail}", *(f"  {found.text}" for found in refusal.befunde)])
    for path, content in outputs:
        _write(path, content)
    if not outputs:
        sys.stdout.buffer.write(page)


def _html(root: etree._Element) -> bytes:
    return render_html(root, packaged_directory()).encode()


def _pdf(root: etree._Element) -> bytes:
    """The PDF; its library is loaded only where one is asked for."""
    from gateway.render.pdf import render_pdf

    return render_pdf(root, packaged_directory())


def _write(path: Path, content: bytes) -> None:
    """Write a file whole, readable by its owner alone, or leave what was there."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        stop(UNREACHABLE, f"{path} lässt sich nicht schreiben: {error.strerror}.")
