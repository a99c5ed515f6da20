"""Reads what the pages are made of from the installed package: templates, style sheet, script.

Promises: everything is read once; whatever a template prints is escaped, and a name that it misspells is an error.
Fails: `FileNotFoundError` for a broken installation.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.watch import words

STATIC: Final = {"betrieb.css": "text/css", "betrieb.js": "text/javascript"}
"""Files that the pages refer to, with their media types."""
FILTERS: Final = (
    *(words.status, words.tone, words.meaning, words.event, words.moment, words.minute, words.day, words.size),
    *(words.duration, words.number, words.checks, words.step, words.todo),
    *(words.decision, words.outcome, words.use, words.column),
)


@cache
def environment() -> Environment:
    """The templates, with German words as filters."""
    found = Environment(
        loader=PackageLoader("gateway.watch", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {each.__name__: each for each in FILTERS}
    found.globals |= {
        "wege": words.WAYS,
        "rollennamen": words.ROLES,
        "fassung": fassung(),
    }
    return found


@cache
def static(name: str) -> bytes:
    """One file of `STATIC`."""
    return files("gateway.watch").joinpath("static", name).read_bytes()


@cache
def fassung() -> str:
    """Names the files of this release, so that a browser never mixes two."""
    return hashlib.sha256(b"".join(static(name) for name in STATIC)).hexdigest()[:12]
