"""`gateway demo`: the main job, end to end, on real parts and loopback (gateway/demo).

Promises: exit 0 only if every expectation held; whatever it started ends with it, unless `--keep` is given.
Fails: exit 1 with the expectation that did not hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from importlib import resources
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from gateway import clock
from gateway.cli.main import REFUSED
from gateway.cli.shell import console as terminal
from gateway.cli.shell import stop
from gateway.cli.shell import table as new_table
from gateway.cli.stored import OPERATOR
from gateway.demo import cast as casting
from gateway.demo.cast import JVA, Cast, DemoFailed
from gateway.demo.mailbox import Mailbox
from gateway.demo.play import Play, Row
from gateway.service.betrieb.people import Access, People
from gateway.service.context import akteur, close_context, open_context
from gateway.watch import credentials
from gateway.watch.people import Rolle

_PACK = click.Path(exists=True, path_type=Path)
HEADINGS = ("", "Nachricht", "Regel und Grund", "Empfänger", "Weg", "Versuche", "Quittung")
PERSON = "vorfuehrung"
"""Account of the pages while the demo stays up; it has every role."""
UNCUT = frozenset({"", "Empfänger", "Weg"})
"""Columns whose short values stay on one line; the others fold, and none is cut."""


@click.command(short_help="Show the main job on real parts.")
@click.option("--keep", is_flag=True, help="Leave everything running and print addresses and a curl line.")
@click.option(
    "--xjustiz", type=click.Path(exists=True, path_type=Path), metavar="DIR|ZIP", help="Official XJustiz 3.6.2."
)
def command(keep: bool, xjustiz: Path | None) -> None:
    """Send real notices from a prison, a police authority and a public prosecutor to the right offices."""
    console = terminal()
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        try:
            held = asyncio.run(_perform(Path(folder), console, keep, xjustiz))
        except DemoFailed as failed:
            stop(REFUSED, str(failed))
        except asyncio.CancelledError:
            stop(REFUSED, "Abgebrochen.")
    if not held:
        stop(REFUSED, "Nicht jede Erwartung hat sich erfüllt.")


async def _perform(folder: Path, console: Console, keep: bool, xjustiz: Path | None) -> bool:
    task = asyncio.current_task()
    assert task is not None
    # Without this, SIGTERM would end the demo at once and leave its gateways running.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    console.print("Schlüssel, Zertifikate, Konfigurationen und Vereinbarungen entstehen …")
    cast = await asyncio.to_thread(casting.make, folder)
    if xjustiz is not None:
        console.print("Das amtliche XJustiz-Schema wird installiert …")
        await asyncio.to_thread(cast.hub.gateway, "schemas", "add", str(xjustiz))
        await asyncio.to_thread(cast.edge.gateway, "schemas", "add", str(xjustiz))
    mailbox = Mailbox(cast)
    try:
        await mailbox.start()
        await asyncio.to_thread(cast.hub.start)
        await asyncio.to_thread(cast.edge.start)
        play = Play(cast, mailbox, xjustiz, lambda line: console.print(line, highlight=False))
        held = await play.run()
        console.print(_table(play.rows))
        if keep:
            await _keep(cast, console)
        return held
    finally:
        cast.hub.stop()
        cast.edge.stop()
        await mailbox.stop()


def _table(rows: list[Row]) -> Table:
    table = new_table(HEADINGS, UNCUT, show_lines=True)
    for row in rows:
        style = None if row.held else "bold red"
        cells = (row.scene, row.message, row.rule, row.recipient, row.way, row.attempts, row.receipt)
        table.add_row(*cells, style=style)
    return table


async def _keep(cast: Cast, console: Console) -> None:
    """Everything stays up until Ctrl-C."""
    access = await _account(cast)
    clients = cast.folder / "clients"
    stem = clients / JVA.replace(":", "-")
    curl = f"curl --cacert {clients / 'ca.crt'} --cert {stem}.crt --key {stem}.key"
    example = resources.files("schemas") / "beispiele" / "haft-3.2.xml"
    post = f"-H 'Content-Type: application/xml' --data-binary @{example} {cast.hub.api_url}/v1/messages"
    lines = [
        f"Vermittler  {cast.hub.api_url}/v1   AS2 {cast.hub.as2_url}",
        f"Außenstelle {cast.edge.api_url}/v1   AS2 {cast.edge.as2_url}",
        f"Zertifikate {clients}",
        f"Senden      {curl} {post}",
        f"Postfach    {curl} {cast.hub.api_url}/v1/inbox",
        f"Ereignisse  {curl} -N {cast.hub.api_url}/v1/events",
        f"Beschreibung {curl} {cast.hub.api_url}/v1/openapi.json",
        f"Seiten      {cast.hub.pages_url} (Zertifikat der Vorführ-CA: {clients / 'ca.crt'})",
        f"Anmelden    Name {PERSON}, Passwort {access.password}, Einmalcode siehe unten",
        f"Einmalcodes {access.address}",
        "Beenden mit Strg-C.",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    with contextlib.suppress(asyncio.CancelledError):
        await _tell_codes(console, access.secret, stopping)


async def _account(cast: Cast) -> Access:
    """Somebody who may log in at the hub's pages."""
    ctx = await open_context(cast.hub.config())
    try:
        return await People(ctx).add(akteur(OPERATOR), PERSON, [str(rolle) for rolle in Rolle], ())
    finally:
        await close_context(ctx)


async def _tell_codes(console: Console, secret: bytes, stopping: asyncio.Event) -> None:
    """The one-time code of now, until somebody stops the demo; a terminal shows each new one in the same line."""
    while not stopping.is_set():
        now = clock.now() // clock.SECOND
        code = credentials.code_at(secret, now)
        end = "\r" if console.is_terminal else "\n"
        console.print(f"Einmalcode  {code} (jeder gilt einmal)", highlight=False, end=end)
        with contextlib.suppress(TimeoutError):
            left = credentials.STEP_S - now % credentials.STEP_S if console.is_terminal else None
            await asyncio.wait_for(stopping.wait(), left)
