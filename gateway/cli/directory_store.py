"""The directory as the commands need it: packaged, and corrected by the store of a configuration where one is found.

Promises: reads only. Without a configuration nothing is opened; a store that cannot be reached is said on stderr, and
commands that need none go on with the packaged directory.
Fails: not by itself; `corrections_of` raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import os

import click

from gateway import clock
from gateway.cli.main import config_path
from gateway.route.resources import packaged_directory
from routing.verzeichnis import Verzeichnis


def configured(ctx: click.Context) -> bool:
    """Whether a configuration is named, or lies here."""
    named = (ctx.find_root().obj or {}).get("config") or os.environ.get("GATEWAY_CONFIG")
    return bool(named) or config_path(ctx).is_file()


def effective_directory(ctx: click.Context) -> Verzeichnis:
    """The directory of today, with the corrections of the configured store; loads the store only where there is one."""
    if not configured(ctx):
        return packaged_directory()
    from gateway.cli.shell import configuration, printable
    from gateway.route.overlay import directory
    from gateway.service.upkeep.directory import corrections
    from gateway.store import StoreError, open_database
    from routing.verzeichnis import VerzeichnisFehler

    url = configuration(ctx).store.url
    if url.startswith("sqlite:///") and not os.path.exists(url.removeprefix("sqlite:///")):  # noqa: PTH110
        return packaged_directory()

    async def read() -> Verzeichnis:
        store = await open_database(url)
        try:
            return directory((await corrections(store)).on(clock.day(clock.now())))
        finally:
            await store.close()

    try:
        return asyncio.run(read())
    except (StoreError, OSError, VerzeichnisFehler) as error:
        text = f"Es gilt das mitgelieferte Verzeichnis; die Berichtigungen sind nicht lesbar ({type(error).__name__})."
        click.echo(printable(text), err=True)
        return packaged_directory()
