"""Makes a PKI for development: a CA, and for each client a TLS and a signature pair. Never for real traffic.

Promises: private keys have mode 0600 and are never overwritten; an existing CA in the folder goes on issuing.
Fails: exit 2 with a line that says why.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.config_fields import AUTHORITY_KEY
from gateway.config_tables import KeyFiles
from gateway.pki import KeyPair, PkiError, load_pair, write_pair
from gateway.pki_issue import DevelopmentCa, Request

CA = "ca"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--client", "clients", multiple=True, metavar="NAME=KEY[,KEY]", help="A client and its authorities.")
def main(folder: Path, clients: tuple[str, ...]) -> None:
    """Make a development PKI in FOLDER and print the [[zugang]] entries for gateway.toml."""
    try:
        wanted = dict(map(parse_client, clients))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ca = open_ca(folder)
        for name, keys in wanted.items():
            for line in issue(ca, folder, name, keys):
                click.echo(line)
    except (FileExistsError, PkiError, ValueError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def parse_client(text: str) -> tuple[str, list[str]]:
    """`jva-koeln=gds:R8088` as name and authority keys.

    Raises:
        ValueError: it has not that form.
    """
    name, _, rest = text.partition("=")
    keys = rest.split(",")
    if not name.replace("-", "").isalnum() or name == CA or not all(map(AUTHORITY_KEY.fullmatch, keys)):
        raise ValueError(f"--client {text}: erwartet wird NAME=SCHLÜSSEL[,SCHLÜSSEL], etwa jva-koeln=gds:R8088")
    return name, keys


def open_ca(folder: Path) -> DevelopmentCa:
    """The CA of the folder, made new where there is none.

    Raises:
        PkiError: its files cannot be used.
    """
    files = KeyFiles(key=folder / f"{CA}.key", crt=folder / f"{CA}.crt")
    if files.key.exists():
        pair = load_pair(files)
        return DevelopmentCa(pair.key, pair.certificate)
    ca = DevelopmentCa.create()
    write_pair(KeyPair(ca.key, ca.certificate), folder / CA)
    return ca


def issue(ca: DevelopmentCa, folder: Path, name: str, keys: list[str]) -> Iterator[str]:
    """Write one client's pairs; the lines of its `zugang` entry.

    Raises:
        FileExistsError: it has pairs already.
    """
    tls = ca.issue(Request(purpose="tls", name=keys[0], hosts=("localhost", "127.0.0.1")))
    write_pair(tls, folder / name)
    write_pair(ca.issue(Request(purpose="sign", name=keys[0])), folder / f"{name}-sign")
    yield f"# {name}"
    yield "[[zugang]]"
    yield f'sha256 = "{tls.sha256}"'
    yield f"behoerden = {json.dumps(keys)}"
    yield 'rollen = ["fachverfahren"]'
    yield f"ab = {tls.certificate.not_valid_before_utc.date()}"
    yield f"bis = {tls.certificate.not_valid_after_utc.date()}"
    yield ""


if __name__ == "__main__":
    main()
