"""`gateway route`: for whom a notice is, and why, without sending it.

Promises: exit 0 for any decision; it needs no configuration, no store and no network, and `--facts` loads neither the
server nor an XML library. A message is checked first, as `gateway check` does. Where a configuration is found, its
packs, its rule settings and the corrections of its directory count.
Fails: exit 2 with the faults on stderr for what is no Sachverhalt or a message without a decision; exit 1 for a message
that is refused.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from gateway import clock
from gateway.cli.directory_store import configured, effective_directory
from gateway.cli.main import MISUSED, REFUSED
from gateway.route.explain import explain
from gateway.route.resources import packaged_rules
from routing import Einstellungen, KeinSachverhalt, Sachverhalt, Verzeichnis, Vorgangslage, entscheide

MAX_FACTS: Final = 1_000_000
"""Bytes of a file of facts: a real one has a few hundred, and more is a mix-up of files."""


@click.command()
@click.option("--facts", type=click.File("rb"), help="JSON file with a Sachverhalt; - reads standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as one JSON object.")
@click.argument("message", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def command(ctx: click.Context, facts: Any, as_json: bool, message: Path | None) -> None:
    """Say for whom a notice is and why, from --facts FILE or from MESSAGE.xml."""
    directory = effective_directory(ctx)
    if message is None and facts is not None:
        sachverhalt = _from_json(facts.read(MAX_FACTS + 1))
    elif message is not None and facts is None:
        sachverhalt = _from_message(ctx, directory, message)
    else:
        raise click.UsageError("Entweder --facts FILE oder MESSAGE.xml angeben.")
    if sachverhalt.stand is None:
        sachverhalt = replace(sachverhalt, stand=clock.day(clock.now()))
    entscheidung = entscheide(sachverhalt, Vorgangslage(), directory, packaged_rules(), _settings(ctx))
    if as_json:
        click.echo(json.dumps(entscheidung.as_json(), ensure_ascii=False))
    else:
        click.echo(_printable(explain(entscheidung, directory)))


def _settings(ctx: click.Context) -> Einstellungen:
    """The rule settings of a configuration, where one is found; loads what reads it only then."""
    if not configured(ctx):
        return Einstellungen()
    from gateway.cli.shell import configuration

    return configuration(ctx).regeln.einstellungen()


def _from_json(content: bytes) -> Sachverhalt:
    """The Sachverhalt of a JSON file; ends the command with exit 2 if it is none."""
    if len(content) > MAX_FACTS:
        _stop(MISUSED, "Kein Sachverhalt:", [f"Die Datei ist größer als {MAX_FACTS} Bytes."])
    try:
        return Sachverhalt.from_json(json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique))
    except KeinSachverhalt as faults:
        _stop(MISUSED, "Kein Sachverhalt:", faults.fehler)
    except (ValueError, RecursionError):
        _stop(MISUSED, "Kein Sachverhalt:", ["Die Datei ist kein JSON in UTF-8."])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are unique: of two values for one key, neither can be trusted."""
    names = Counter(name for name, _ in pairs)
    if len(names) < len(pairs):
        twice = (name for name, count in names.items() if count > 1)
        raise KeinSachverhalt([f"„{name[:100]}“ ist doppelt angegeben." for name in twice])
    return dict(pairs)


def _from_message(ctx: click.Context, directory: Verzeichnis, message: Path) -> Sachverhalt:
    """The Sachverhalt of a message that passes its schema and rules; loads what judges XML only here."""
    from gateway.check.intake import MAX_BYTES
    from gateway.errors import Refusal

    with message.open("rb") as file:
        xml = file.read(MAX_BYTES + 1)
    try:
        sachverhalt = asyncio.run(_check(ctx, directory, xml))
    except Refusal as refusal:
        _stop(REFUSED, f"Abgewiesen: {refusal.detail}", [found.text for found in refusal.befunde])
    if sachverhalt is None:
        _stop(MISUSED, "Ohne Entscheidung:", ["Diese Nachricht geht an die Behörde, die sie selbst nennt."])
    return sachverhalt


async def _check(ctx: click.Context, directory: Verzeichnis, xml: bytes) -> Sachverhalt | None:
    """One check by the packaged schemas, and by the packs of the configuration if there is one."""
    from gateway.check.checker import Checker
    from gateway.check.resources import SchemaMissing
    from gateway.cli.schemas import found_configuration

    config = found_configuration(ctx)
    try:
        if config is None:
            checker = Checker.for_packaged(directory=directory)
        else:
            checker = Checker.for_packaged(
                config.schemata.packs,
                directory=directory,
                ueberlappung_tage=config.schemata.ueberlappung_tage,
                vorschau=config.schemata.vorschau,
                zuordnung=config.schemata.zuordnung,
            )
    except SchemaMissing as error:
        _stop(MISUSED, "Schemata fehlen:", [str(error)])
    try:
        return (await checker.check(xml, today=clock.day(clock.now()), attachments=None)).sachverhalt
    finally:
        await checker.close()


def _stop(code: int, head: str, lines: Iterable[str]) -> NoReturn:
    """Say on stderr what is wrong and leave with `code`."""
    click.echo(_printable("\n  ".join([head, *lines])), err=True)
    raise click.exceptions.Exit(code)


def _printable(text: str) -> str:
    """`text` without control characters: what comes from outside must not steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
