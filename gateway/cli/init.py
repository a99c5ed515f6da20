"""`gateway init DIR`: a new gateway's configuration, keys, folders and database.

Promises: everything is there and the written configuration loads, or nothing is left behind; what exists already is
never overwritten; private keys and database are readable by their owner alone.
Fails: exit 1 where something of it exists already, 2 for impossible values, 3 where it cannot write.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gateway.cli import systemd
from gateway.cli.init_template import render
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import json_option, show, stop
from gateway.config import Config, ConfigError, parse
from gateway.pki import PURPOSES, KeyPair, write_new, write_pair, write_store_key
from gateway.pki_issue import Kind, Request, self_signed
from gateway.store import StoreError, open_database

CONFIG_NAME = "gateway.toml"
NAMES = (CONFIG_NAME, "keys", "trust", "packs", "gateway.db")
"""What `gateway init` makes (contracts.md section 2)."""
LEFTOVERS = (*NAMES, systemd.SERVICE, systemd.SOCKET, "gateway.db-wal", "gateway.db-shm")


@dataclass(frozen=True)
class Plan:
    """What shall be made, and where."""

    folder: Path
    text: str
    config: Config
    kind: Kind
    hosts: tuple[str, ...]
    mail: str | None
    units: Mapping[str, str]
    """Units for systemd, by name."""


@click.command(short_help="Make a new gateway: configuration, keys, database.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--kennung", default="gw:nrw", show_default=True, help="This gateway's key, gw:<name>.")
@click.option("--eigene", multiple=True, metavar="KEY", help="An authority that this edge stands for; repeatable.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default=True,
    help="Host name or address in the TLS certificate; repeatable.",
)
@click.option("--mail", help="Mail address in the signature and encryption certificates.")
@click.option(
    "--schluessel",
    "kind",
    type=click.Choice(["p256", "rsa"]),
    default="p256",
    show_default=True,
    help="Kind of the signature and encryption keys; rsa is RSA-3072, for partners without elliptic curves.",
)
@click.option("--systemd", "units", is_flag=True, help="Also write units for systemd: gateway.service, gateway.socket.")
@json_option
def command(
    folder: Path,
    kennung: str,
    eigene: tuple[str, ...],
    hosts: tuple[str, ...],
    mail: str | None,
    kind: Kind,
    units: bool,
    as_json: bool,
) -> None:
    """Make a new gateway in DIR: gateway.toml, keys/, trust/, packs/ and gateway.db.

    The certificates are self-signed; where an agreement demands a CA, replace the .crt files.
    """
    folder = folder.absolute()
    text = render(kennung, eigene)
    try:
        config = parse(text, folder / CONFIG_NAME)
    except ConfigError as error:
        stop(MISUSED, error.lines)
    there = [name for name in NAMES if os.path.lexists(folder / name)]
    if there:
        stop(
            REFUSED, f"{folder}: {', '.join(there)} gibt es schon; nichts wurde geändert. Einen leeren Ordner angeben."
        )
    try:
        pairs = make(Plan(folder, text, config, kind, hosts, mail, _units(config, folder) if units else {}))
    except ValueError as error:
        stop(MISUSED, f"Nicht möglich: {error}")
    except (OSError, StoreError) as error:
        stop(UNREACHABLE, f"{folder}: nicht beschreibbar ({error}); nichts wurde angelegt.")
    show(_result(folder, kennung, pairs), as_json, _lines)


def make(plan: Plan) -> dict[str, KeyPair]:
    """Make everything; on any error remove what was made.

    Raises:
        OSError: a file cannot be written.
        StoreError: the database cannot be made.
        ValueError: a name that a certificate cannot hold.
    """
    pairs = {
        purpose: self_signed(
            Request(
                purpose=purpose,
                name=plan.config.gateway.kennung,
                hosts=plan.hosts if purpose == "tls" else (),
                mail=plan.mail if purpose in ("sign", "encrypt") else None,
                kind=plan.kind if purpose in ("sign", "encrypt") else "p256",
            )
        )
        for purpose in PURPOSES
    }
    with _owner_only():
        plan.folder.mkdir(parents=True, exist_ok=True)
        try:
            _write(plan, pairs)
        except BaseException:
            _remove(plan.folder)
            raise
    return {str(purpose): pair for purpose, pair in pairs.items()}


def _units(config: Config, folder: Path) -> dict[str, str]:
    """Units for systemd; the program is the one that runs here.

    Raises:
        ValueError: a path that systemd would read as something else.
    """
    program = Path(sys.argv[0]).absolute()
    program = program if program.name == "gateway" else Path(sys.executable).parent / "gateway"
    return {systemd.SERVICE: systemd.service(config, folder, program), systemd.SOCKET: systemd.socket(config)}


def _write(plan: Plan, pairs: dict[Any, KeyPair]) -> None:
    for name in ("keys", "trust", "trust/partner", "packs"):
        (plan.folder / name).mkdir(mode=0o700)
    for purpose, pair in pairs.items():
        write_pair(pair, plan.folder / "keys" / purpose)
    write_store_key(Path(plan.config.store.schluessel[0]))
    asyncio.run(_make_database(plan.config.store.url))
    for name, text in plan.units.items():
        write_new(plan.folder / name, text.encode("utf-8"))
    # Last, so that a configuration never names what is not there.
    write_new(plan.folder / CONFIG_NAME, plan.text.encode("utf-8"))


async def _make_database(url: str) -> None:
    await (await open_database(url)).close()


@contextmanager
def _owner_only() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _remove(folder: Path) -> None:
    for name in LEFTOVERS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _result(folder: Path, kennung: str, pairs: dict[str, KeyPair]) -> dict[str, Any]:
    return {
        "konfiguration": str(folder / CONFIG_NAME),
        "kennung": kennung,
        "zertifikate": {
            purpose: {
                "datei": str(folder / "keys" / f"{purpose}.crt"),
                "sha256": pair.sha256,
                "bis": pair.certificate.not_valid_after_utc.date().isoformat(),
            }
            for purpose, pair in pairs.items()
        },
    }


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['kennung']} ist angelegt: {result['konfiguration']}"
    for purpose, each in result["zertifikate"].items():
        yield f"  {purpose:<8} gültig bis {each['bis']}  SHA-256 {each['sha256']}"
    yield "Nächste Schritte: CA-Zertifikate der Fachverfahren nach trust/, ihre [[zugang]]-Einträge in gateway.toml,"
    yield "Partner mit `gateway partners add`, dann `gateway serve`. keys/store.key getrennt sichern."
