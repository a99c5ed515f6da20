"""`gateway route`: for whom a notice is, and why, without sending it.

Promises: exit 0 for any decision; it needs no configuration, no store and no network, and `--facts` loads neither the
server nor an XML library.
Fails: exit 2 with the faults on stderr for what is no Sachverhalt; exit 1 for a message that is refused.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from gateway.cli.main import MISUSED
from gateway.route.explain import explain
from gateway.route.resources import packaged_directory
from routing import REGELWERK, Einstellungen, KeinSachverhalt, Sachverhalt, Vorgangslage, entscheide

MAX_FAKTEN: Final = 1_000_000
"""Bytes of a file of facts: a real one has a few hundred, and more is a mix-up of files."""


@click.command()
@click.option("--facts", type=click.File("rb"), help="JSON file with a Sachverhalt; - reads standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as one JSON object.")
@click.argument("message", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(facts: Any, as_json: bool, message: Path | None) -> None:
    """Say for whom a notice is and why, from --facts FILE or from MESSAGE.xml."""
    if (facts is None) == (message is None):
        raise click.UsageError("Entweder --facts FILE oder MESSAGE.xml angeben.")
    sachverhalt = _facts(facts.read(MAX_FAKTEN + 1)) if message is None else _facts_of(message)
    if sachverhalt.stand is None:
        sachverhalt = replace(sachverhalt, stand=datetime.datetime.now(ZoneInfo("Europe/Berlin")).date())
    directory = packaged_directory()
    entscheidung = entscheide(sachverhalt, Vorgangslage(), directory, REGELWERK, Einstellungen())
    if as_json:
        print(json.dumps(entscheidung.as_json(), ensure_ascii=False))
    else:
        print(explain(entscheidung, directory))


def _facts(content: bytes) -> Sachverhalt:
    """The Sachverhalt of a JSON file; ends the command with exit 2 if it is none."""
    if len(content) > MAX_FAKTEN:
        return _kein_sachverhalt([f"Die Datei ist größer als {MAX_FAKTEN} Bytes."])
    try:
        angaben = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_ohne_doppelte)
        return Sachverhalt.from_json(angaben)
    except KeinSachverhalt as kein:
        return _kein_sachverhalt(kein.fehler)
    except (ValueError, RecursionError):
        return _kein_sachverhalt(["Die Datei ist kein JSON in UTF-8."])


def _ohne_doppelte(paare: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are unique: of two values for one key, neither can be trusted."""
    namen = [name for name, _ in paare]
    if len(set(namen)) < len(namen):
        doppelte = dict.fromkeys(name for name, anzahl in Counter(namen).items() if anzahl > 1)
        raise KeinSachverhalt([f"„{name[:100]}“ ist doppelt angegeben." for name in doppelte])
    return dict(paare)


def _kein_sachverhalt(fehler: list[str]) -> Sachverhalt:
    """Prints the faults and ends the command."""
    print("Kein Sachverhalt:", *fehler, sep="\n  ", file=sys.stderr)
    sys.exit(MISUSED)


def _facts_of(message: Path) -> Sachverhalt:
    """The Sachverhalt of a message that passes its schema and rules."""
    raise click.UsageError(f"{message.name}: Nachrichten liest dieser Befehl noch nicht.")
