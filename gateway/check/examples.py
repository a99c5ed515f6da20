"""The packaged examples, for `gateway check --example` and the description of the API.

Promises: reads only the package `schemas`; of every Anlass one valid message and the messages with one fault, each
with what is wrong and what the gateway answers; also the messages without an Anlass, by the short name of their root.
Fails: `KeyError` for a name that has no example.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.check.resources import packaged_folder

VALID = "gueltig"
_FAULT = re.compile(r"<!-- Falsch: (?P<falsch>.*) \[(?P<code>[a-z_]+)(?:/(?P<befund>[a-z0-9_]+))?\] -->")
_NAME = re.compile(r"[0-9A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class FaultyExample:
    """One message with one fault."""

    name: str
    falsch: str
    """What is wrong, a German sentence."""
    code: str
    """What the refusal bears: `schema` or `regel`."""
    befund: str | None
    """A finding that is among those given."""


def names() -> list[str]:
    """Every name that has an example: the Anlässe, then the roots without one."""
    folder = _folder()
    anlaesse = [path.parent.name for path in sorted(folder.glob(f"*/{VALID}.xml"))]
    return [*anlaesse, *sorted(path.stem for path in folder.glob("*.xml") if "-" not in path.stem)]


def example(name: str) -> bytes:
    """The valid example of a name; `anlass/fehler` gives a faulty one.

    Raises:
        KeyError: there is none.
    """
    whole, _, fault = name.partition("/")
    for path in _places(whole, fault):
        if path.is_file():
            return path.read_bytes()
    raise KeyError(name)


def faulty(name: str) -> list[FaultyExample]:
    """The faulty examples of a name.

    Raises:
        KeyError: the name has no example at all.
    """
    example(name)
    anlass = sorted(path for path in (_folder() / name).glob("*.xml") if path.stem != VALID)
    return [_described(path) for path in anlass] or [
        FaultyExample(path.stem.removeprefix(f"{name}-"), path.stem.replace("-", " "), "schema", None)
        for path in sorted((_folder() / "fehlerhaft").glob(f"{name}-*.xml"))
    ]


def _places(name: str, fault: str) -> list[Path]:
    """Where the example of a name lies; nowhere for what is no name."""
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(fault.replace("-", "") or VALID):
        return []
    folder = _folder()
    if fault:
        return [folder / name / f"{fault}.xml", folder / "fehlerhaft" / f"{name}-{fault}.xml"]
    return [folder / name / f"{VALID}.xml", folder / f"{name}.xml"]


def _folder() -> Path:
    """The folder of the examples."""
    return packaged_folder() / "beispiele"


def _described(path: Path) -> FaultyExample:
    """A faulty example by the comment on its top."""
    found = _FAULT.search(path.read_text(encoding="utf-8"))
    assert found is not None, path  # tools/build_examples.py writes it
    return FaultyExample(path.stem, found["falsch"], found["code"], found["befund"])
