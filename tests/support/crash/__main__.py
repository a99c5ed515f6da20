"""`make crash`: prints the table, and fails if anything was lost, came twice, or has a receipt without a message."""
# ruff: noqa: T201 - it prints

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from crash import matrix
from crash.postgres import Server, serving


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--only", default="", help="points whose line holds this text")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gw-crash-"))
    begun = time.monotonic()
    with serving() as server:
        failed = asyncio.run(_matrix(folder, server, chosen.only))
    print(f"{time.monotonic() - begun:.0f} s")
    if failed:
        print(f"what was found lies in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


async def _matrix(folder: Path, server: Server, only: str) -> int:
    print(matrix.HEAD)
    lines = []
    async for line in matrix.run([case for case in matrix.whole() if only in str(case)], folder, server):
        print(line, *line.count.details, sep="\n    ", flush=True)
        lines.append(line)
    bad = [line for line in lines if not line.good]
    whole = sum((line.count for line in lines), matrix.Count())
    print(f"{len(lines)} points: lost {whole.lost}, twice {whole.twice}, receipts without message {whole.orphans},")
    print(f"not shown as delivered {whole.open}, not counted {sum(bool(line.failure) for line in lines)}")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
