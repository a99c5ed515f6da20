"""`gateway serve`: runs one gateway until SIGTERM.

Promises: `--ready-file` appears only when every listener listens, and holds their real ports as JSON; SIGTERM and
SIGINT end it cleanly: no new work, what is under way finishes; SIGHUP looks at once for changed keys.
Fails: exit 2 for a configuration that cannot be used, 3 for an address, key or store that cannot be reached.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import click

from gateway.cli.main import MISUSED, UNREACHABLE, config_path
from gateway.cli.notify import alive, notify
from gateway.cli.shell import configuration, stop
from gateway.cli.workers import Workers, tell
from gateway.config import Config, load
from gateway.logs import configure
from gateway.pki import PkiError, write_new
from gateway.service.gateway import running
from gateway.service.keys import ConfigSource
from gateway.store import StoreError


@click.command(short_help="Run the gateway.")
@click.option("--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Written when it is ready.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that deliver.")
@click.option("--only-deliver", is_flag=True, hidden=True)  # a further process of --workers; ends with its input
@click.pass_context
def command(ctx: click.Context, ready_file: Path | None, log_level: str, workers: int, only_deliver: bool) -> None:
    """Run the gateway of the configuration until SIGTERM.

    With --workers N, N - 1 further processes deliver from the same store, which must be PostgreSQL.
    """
    configure(log_level)
    config, path = configuration(ctx), config_path(ctx)
    if workers > 1 and config.store.url.startswith("sqlite:"):
        stop(MISUSED, "--workers: SQLite dient nur einem Prozess; für mehrere [store] url auf PostgreSQL stellen.")
    source = ConfigSource(path, lambda: load(path))
    try:
        if only_deliver:
            asyncio.run(_deliver(config, source))
        else:
            asyncio.run(_serve(config, source, ready_file, (workers - 1, path, log_level)))
    except (PkiError, StoreError, OSError, ValueError) as error:
        stop(UNREACHABLE, f"{type(error).__name__}: {error}")


async def _serve(config: Config, source: ConfigSource, ready_file: Path | None, further: tuple[int, Path, str]) -> None:
    stopping, workers = _until_signal(), Workers(*further)

    def changed() -> None:
        gateway.look_soon()
        workers.signal(signal.SIGHUP)

    async with running(config, source) as gateway:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, changed)
        gateway.others = workers.figures
        await workers.start()
        _announce(ready_file, gateway.listeners.ports)
        notify("READY=1")
        living = asyncio.create_task(alive(gateway.health.hanging))
        await stopping.wait()
        notify("STOPPING=1")
        living.cancel()
        _announce(ready_file, None)
        await workers.stop()


async def _deliver(config: Config, source: ConfigSource) -> None:
    """A further process: it has no listener, and ends when whoever started it is gone."""
    stopping, loop = _until_signal(), asyncio.get_running_loop()

    def gone() -> None:
        loop.remove_reader(sys.stdin)
        stopping.set()

    loop.add_reader(sys.stdin, gone)
    async with running(config, source, listening=False) as gateway:
        loop.add_signal_handler(signal.SIGHUP, gateway.look_soon)
        await tell(gateway.ctx.figures, sys.stdout.buffer, stopping)


def _until_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def _announce(ready_file: Path | None, ports: dict[str, int] | None) -> None:
    """Writes the ready file, or takes it away."""
    if ready_file is None:
        return
    ready_file.unlink(missing_ok=True)
    if ports is not None:
        write_new(ready_file, json.dumps(ports).encode() + b"\n")
