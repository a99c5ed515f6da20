"""`python -m bench [PART …]`: what the gateway costs, as ratios (README: Speed).

Promises: parts run one after the other; figures go to standard output as tables, and with `--json FILE` into a file.
Fails: exit 1 with the error of the part that failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from bench import floors, lanes, large, scale
from bench.figures import Figure, table

show = Console(width=140)
PARTS: dict[str, tuple[str, str, str, Callable[..., Awaitable[list[Figure]]]]] = {
    "floors": ("Processor time per message", "gateway", "floor", floors.measure),
    "scale": ("A call in a store with a million messages", "a million", "a thousand", scale.measure),
    "lanes": ("One dead and one slow partner among the others", "with them", "without", lanes.measure),
    "large": ("Memory while a message of nearly 200 MB passes", "at most", "allowed", large.figures),
}


async def run(names: list[str], *, short: bool) -> dict[str, list[Figure]]:
    """The named parts."""
    found = {}
    for name in names:
        title, measured, against, measure = PARTS[name]
        began = time.monotonic()
        found[name] = await measure(short=short)
        show.print(table(title, measured, against, found[name]))
        show.print(f"{name}: {time.monotonic() - began:.0f} s")
    return found


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Speed, as ratios.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--short", action="store_true", help="a minute in all; the figures mean little")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures for programs")
    given = parser.parse_args()
    for part in given.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part}")
    found = asyncio.run(run(given.parts or list(PARTS), short=given.short))
    if given.json is not None:
        value = {name: [figure.as_json() for figure in figures] for name, figures in found.items()}
        given.json.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
