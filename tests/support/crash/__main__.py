"""`make crash`: prints the table, and fails if anything was lost, came twice, or has a receipt without a message."""
# ruff: noqa: T201 - it prints

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from crash import chaos, matrix, slow, soak
from crash.postgres import Server, serving


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--runs", type=int, help="kill at so many random moments under load instead")
    parser.add_argument("--soak", type=int, help="so many messages through two gateways on one database instead")
    parser.add_argument("--slow", type=int, help="so many megabytes to a slow partner, through two gateways, instead")
    parser.add_argument("--only", default="", help="points whose line holds this text")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gw-crash-"))
    begun = time.monotonic()
    with serving() as server:
        if chosen.runs:
            failed = asyncio.run(_chaos(folder, server, chosen.runs))
        elif chosen.soak:
            failed = asyncio.run(_soak(folder, server, chosen.soak))
        elif chosen.slow:
            failed = asyncio.run(_slow(folder, server, chosen.slow))
        else:
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
    print(f"{len(lines)} points: {whole}, not counted {sum(bool(line.failure) for line in lines)}")
    return len(bad)


async def _chaos(folder: Path, server: Server, runs: int) -> int:
    whole = matrix.Count()
    for n, database in enumerate(chaos.DATABASES):
        share = (runs + n) // len(chaos.DATABASES)
        played, count = await chaos.run(share, database, folder, server)
        print(f"{database}: killed {share} times, {played} scenes played: {count}", *count.details, sep="\n    ")
        whole += count
    return int(bool(whole))


async def _soak(folder: Path, server: Server, messages: int) -> int:
    done = await soak.run(messages, folder, server)
    print(f"{done.messages} messages through two gateways on one PostgreSQL; gateways killed {done.kills} times,")
    print(f"connections cut {done.cuts}, database restarted {done.restarts}: {done.count}")
    print(*done.count.details, sep="\n    ")
    return int(bool(done.count))


async def _slow(folder: Path, server: Server, megabytes: int) -> int:
    done = await slow.run(megabytes, folder, server)
    print(f"{megabytes} MB to a partner that reads for {slow.LASTS_S} s, leases of {slow.LEASE_S} s, two gateways:")
    print(f"sent {done.alone} time; when its sender was killed in the middle, {done.again} times: {done.count}")
    print(*done.count.details, sep="\n    ")
    return int(not done.good)


if __name__ == "__main__":
    sys.exit(main())
