"""`gateway verify`: an evidence package, verified offline.

Promises: needs no configuration, no store and no network; says in German what is proved and what is not.
Fails: exit 1 where it is not verified, 2 for an anchor that cannot be read, 3 for a package that cannot be opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import json_option, show, stop
from gateway.pki import PkiError, load_certificates
from gateway.service.evidence.proving import Verification, verify_package
from gateway.service.evidence.unpacking import PackageRefused

_MARKS = {"bewiesen": "bewiesen  ", "offen": "offen     ", "falsch": "FALSCH    "}


@click.command(short_help="Verify an evidence package offline.")
@click.argument("package", type=click.Path(path_type=Path), metavar="PACKAGE")
@click.option("--anchor", "anchors", type=click.Path(path_type=Path), multiple=True, required=True, metavar="CERT",
              help="Certificate of the log, or of the CA that issued it; others' anchors may follow.")  # fmt: skip
@json_option
def command(package: Path, anchors: tuple[Path, ...], as_json: bool) -> None:
    """Verify PACKAGE, which `GET /v1/messages/ID/evidence` gave as application/x-tar, without any gateway."""
    try:
        trusted = [each for path in anchors for each in load_certificates(path)]
    except PkiError as error:
        stop(MISUSED, str(error))
    try:
        with package.open("rb") as file:
            found = verify_package(file, trusted)
    except PackageRefused as refused:
        found = Verification()
        found.note("paket", "falsch", str(refused))
    except OSError as error:
        stop(UNREACHABLE, f"{package}: nicht lesbar ({error.strerror})")
    show(_value(found), as_json, _lines)
    if not found.verified:
        raise click.exceptions.Exit(REFUSED)


def _value(found: Verification) -> dict[str, Any]:
    table, checkpoint = found.nachweis, found.pruefpunkt
    return {
        "geprueft": found.verified,
        "nachricht": table.nachricht if table else None,
        "nachrichten_id": table.nachrichten_id if table else None,
        "sicht": table.sicht if table else None,
        "pruefpunkt": checkpoint.text() if checkpoint else None,
        "befunde": [asdict(each) for each in found.befunde],
    }


def _lines(value: dict[str, Any]) -> Iterator[str]:
    if value["nachricht"]:
        yield f"Nachricht {value['nachricht']} ({value['nachrichten_id']}), Sicht: {value['sicht']}"
    for each in value["befunde"]:
        yield f"  {_MARKS[each['ergebnis']]}{each['text']}"
    yield "Geprüft: nichts widerspricht." if value["geprueft"] else "NICHT geprüft."
