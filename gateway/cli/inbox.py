"""`gateway inbox`: what waits for an authority: list it, fetch it, acknowledge it (contracts.md section 5).

Promises: fetched parts have the digests that the inbox lists, or no file stays; an acknowledgement signs exactly those
digests, and with `--dir` only after the files there were compared with them.
Fails: exit 1 for refused or wrong content, 2 for wrong options, 3 where the gateway cannot be reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.cli.api_http import Api, DigestMismatch, Unreachable, run
from gateway.cli.main import MISUSED, REFUSED
from gateway.cli.profile import Connection, connection, connection_options
from gateway.cli.shell import json_option, show, stop
from gateway.config_tables import KeyFiles
from gateway.message import Teil
from gateway.pki import KeyPair, PkiError, load_pair
from gateway.settle.inbox_ack import ack_content


class ListByDefault(click.Group):
    """`gateway inbox --url …` is `gateway inbox list --url …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` first where no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


class NotUsable(Exception):
    """The inbox holds no such entry, or one that cannot be used; the text is German."""


@click.group(cls=ListByDefault, short_help="Fetch and acknowledge what waits for your authority.")
def command() -> None:
    """What waits for your authority: list (default), get, ack."""


@command.command("list")
@connection_options
@json_option
def list_(as_json: bool, **given: Any) -> None:
    """List the entries of the inbox."""
    show(run(connection(given), entries), as_json, _table)


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--out", "out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder; made new.")
@connection_options
@json_option
def get(id_: str, out: Path, as_json: bool, **given: Any) -> None:
    """Fetch all parts of the entry ID into a folder."""
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = run(connection(given), lambda api: fetch(api, id_, out))
    except NotUsable as error:
        stop(REFUSED, str(error))
    except DigestMismatch as error:
        stop(REFUSED, f"{error}: der Inhalt hat nicht den Hashwert, den das Postfach nennt; bitte erneut abholen")
    except FileExistsError as error:
        stop(REFUSED, f"{error.filename}: gibt es schon und bleibt, wie es ist; anderen Ordner angeben")
    except OSError as error:
        stop(MISUSED, f"{out}: nicht beschreibbar ({error.strerror})")
    show({"id": id_, "ordner": str(out), "dateien": names}, as_json, lambda row: [str(out / n) for n in row["dateien"]])


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--sign-cert", type=click.Path(dir_okay=False, path_type=Path), help="Signature certificate (PEM).")
@click.option("--sign-key", type=click.Path(dir_okay=False, path_type=Path), help="Its private key.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of `get`: sign only if its files are those of the entry.",
)
@connection_options
@json_option
def ack(id_: str, folder: Path | None, as_json: bool, **given: Any) -> None:
    """Acknowledge the entry ID with a signed receipt."""
    target = connection(given)
    try:
        pair = _signer(target)
        answer = run(target, lambda api: acknowledge(api, id_, pair, folder))
    except PkiError as error:
        stop(MISUSED, str(error))
    except NotUsable as error:
        stop(REFUSED, str(error))
    show(answer, as_json, lambda _: [f"{id_}: quittiert"])


# --- the three calls -------------------------------------------------------------------------------------------------


async def fetch(api: Api, entry_id: str, out: Path) -> list[str]:
    """Download all parts of an entry; the names of the files.

    Raises:
        NotUsable: no such entry.
        DigestMismatch, FileExistsError, OSError: see `Api.download`.
        Refused, Unreachable: see `api_http`.
    """
    entry = await _entry(api, entry_id)
    parts = _parts(entry)
    for part in parts:
        path = f"/v1/messages/{entry['nachricht']}/parts/{part.n}"
        await api.download(path, out / part.name, part.sha256)
    return [part.name for part in parts]


async def acknowledge(api: Api, entry_id: str, pair: KeyPair, folder: Path | None = None) -> Any:
    """Sign the receipt of an entry and hand it in.

    Raises:
        NotUsable: no such entry, or the files in `folder` are not its parts.
        Refused, Unreachable: see `api_http`.
    """
    parts = _parts(await _entry(api, entry_id))
    if folder is not None:
        _demand_same(parts, folder)
    signature = sign_detached(ack_content(entry_id, parts), pair)
    headers = {"Content-Type": "application/pkcs7-signature"}
    return await api.call("POST", f"/v1/inbox/{entry_id}/ack", data=signature, headers=headers)


def sign_detached(content: bytes, pair: KeyPair) -> bytes:
    """A detached CMS signature (RFC 5652) over `content` in DER, with signed attributes and our certificate."""
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(
            pair.certificate,
            pair.key,
            hashes.SHA256(),
            rsa_padding=pss if isinstance(pair.key, rsa.RSAPrivateKey) else None,
        )
        .sign(serialization.Encoding.DER, options)
    )


async def entries(api: Api) -> dict[str, Any]:
    """What waits: `{"eintraege": [...]}`; what is acknowledged leaves it, and the next ones come up.

    Raises:
        Refused, Unreachable: see `api_http`.
    """
    page = await api.call("GET", "/v1/inbox")
    if not isinstance(page, dict) or not isinstance(page.get("eintraege"), list):
        raise Unreachable("das Postfach ist nicht lesbar; spricht dort wirklich das Gateway?")
    return page


async def _entry(api: Api, entry_id: str) -> Mapping[str, Any]:
    for entry in (await entries(api))["eintraege"]:
        if isinstance(entry, dict) and entry.get("id") == entry_id:
            return entry
    raise NotUsable(f"{entry_id}: kein offener Eintrag in diesem Postfach; `gateway inbox list` zeigt alle")


def _parts(entry: Mapping[str, Any]) -> list[Teil]:
    """The entry's parts; a name that is no plain file name, or comes twice, becomes `teil-<n>`."""
    parts: list[Teil] = []
    try:
        for each in sorted(entry["teile"], key=lambda teil: int(teil["n"])):
            name = _plain(str(each["name"]), int(each["n"]), {part.name for part in parts})
            parts.append(Teil(int(each["n"]), name, "", str(each["sha256"]), int(each["bytes"])))
    except (KeyError, TypeError, ValueError):
        raise Unreachable("der Eintrag ist nicht lesbar; spricht dort wirklich das Gateway?") from None
    return parts


def _plain(name: str, n: int, taken: set[str]) -> str:
    unsafe = name.startswith(".") or not name or name != Path(name).name or "\\" in name or not name.isprintable()
    return f"teil-{n}" if unsafe or name in taken else name


def _demand_same(parts: list[Teil], folder: Path) -> None:
    for part in parts:
        try:
            with (folder / part.name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            raise NotUsable(f"{part.name}: fehlt in {folder}; zuerst mit `gateway inbox get` abholen") from None
        if digest != part.sha256:
            raise NotUsable(f"{part.name}: der Inhalt in {folder} ist nicht der des Eintrags; nichts wurde quittiert")


def _signer(target: Connection) -> KeyPair:
    if target.sign_cert is None or target.sign_key is None:
        raise PkiError("--sign-cert und --sign-key fehlen; angeben oder ins Profil schreiben (sign_cert, sign_key)")
    return load_pair(KeyFiles(key=target.sign_key, crt=target.sign_cert), "sign")


def _table(page: dict[str, Any]) -> Iterator[str]:
    entries = page.get("eintraege", [])
    if not entries:
        yield "Das Postfach ist leer."
    for entry in entries:
        parts = entry.get("teile", [])
        size = sum(int(part.get("bytes", 0)) for part in parts)
        yield f"{entry.get('id')}  von {entry.get('absender')}  {len(parts)} Teile, {size} Byte"
