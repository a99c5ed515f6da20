"""Killed in the middle of commits: what was answered is there, and every step is there whole or not at all."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from ending import WAIT_S

from gateway.store import open_database

WORKERS = 8
EVENTS = 5
CHILD = """
import asyncio, sys, uuid_utils
from gateway.store import Do, open_database

async def work(database, name):
    while True:
        key = str(uuid_utils.uuid7())
        await database.commit(*(
            Do("insert_event", (str(uuid_utils.uuid7()), 1, "crash", key, None, name, None)) for _ in range({events})
        ))
        sys.stdout.write(key + "\\n")
        sys.stdout.flush()

async def main():
    database = await open_database(sys.argv[1])
    await asyncio.gather(*(work(database, str(n)) for n in range({workers})))

asyncio.run(main())
"""


async def killed_after(url: str, answers: int) -> list[str]:
    """Run the child until it answered so many steps, kill it, and return all that it answered."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD.format(events=EVENTS, workers=WORKERS), url, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(answers + WAIT_S):
            answered = [await child.stdout.readline() for _ in range(answers)]
    finally:
        child.kill()
    async with asyncio.timeout(WAIT_S):
        rest = await child.stdout.read()
        assert await child.wait() == -signal.SIGKILL
    whole = b"".join(answered) + rest
    return whole[: whole.rfind(b"\n")].decode().split("\n")


async def test_kill_9(url: str, raw: Any) -> None:
    answered: list[str] = []
    for answers in (1, 40, 150):
        answered += await killed_after(url, answers)
    database = await open_database(url)
    await database.close()
    rows = await raw("select message_id, count(*) from event group by message_id")
    found = dict(rows)
    assert set(found.values()) == {EVENTS}
    assert set(answered) <= set(found)
    assert len(found) - len(answered) <= 3 * WORKERS  # committed, and killed before the answer
