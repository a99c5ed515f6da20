"""`gateway serve`: runs one gateway until SIGTERM.

Promises: `--ready-file` appears only when every listener listens, and holds their real ports as JSON; SIGTERM and
SIGINT end it cleanly: no new work, what is under way finishes; SIGHUP looks at once for changed keys.
Fails: exit 2 for a configuration that cannot be used, 3 for an address, key or store that cannot be reached.
"""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import click

from gateway.cli.main import UNREACHABLE, config_path
from gateway.cli.shell import configuration, stop
from gateway.config import Config, load
from gateway.logs import configure
from gateway.pki import PkiError, write_new
from gateway.service.gateway import running
from gateway.service.keys import ConfigSource
from gateway.store import StoreError


@click.command(short_help="Run the gateway.")
@click.option("--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Written when it is ready.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.pass_context
def command(ctx: click.Context, ready_file: Path | None, log_level: str) -> None:
    """Run the gateway of the configuration until SIGTERM."""
    configure(log_level)
    config, path = configuration(ctx), config_path(ctx)
    try:
        asyncio.run(_serve(config, ConfigSource(path, lambda: load(path)), ready_file))
    except (PkiError, StoreError, OSError, ValueError) as error:
        stop(UNREACHABLE, f"{type(error).__name__}: {error}")


async def _serve(config: Config, source: ConfigSource, ready_file: Path | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running(config, source) as gateway:
        loop.add_signal_handler(signal.SIGHUP, gateway.look_soon)
        _announce(ready_file, gateway.listeners.ports)
        await stopping.wait()
        _announce(ready_file, None)


def _announce(ready_file: Path | None, ports: dict[str, int] | None) -> None:
    """Writes the ready file, or takes it away."""
    if ready_file is None:
        return
    ready_file.unlink(missing_ok=True)
    if ports is not None:
        write_new(ready_file, json.dumps(ports).encode() + b"\n")
