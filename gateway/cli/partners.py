"""`gateway partners`: the agreements in the store: add, list, show, remove, test, lanes, hold, release.

Promises: agreements of one call become valid together or not at all; nothing is replaced or removed unasked.
Fails: exit 1 where an agreement is refused or unknown, 2 for what cannot be an agreement, 3 without a store.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from uuid_utils import uuid7

from gateway import clock
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.partner_files import CertificateOption, NotAgreed, from_options, from_toml
from gateway.cli.partner_lanes import hold, lanes, release
from gateway.cli.partner_options import agreement_options, nested
from gateway.cli.partner_test import test_partner
from gateway.cli.shell import configuration, json_option, show, stop
from gateway.events import Art
from gateway.partner import Partner
from gateway.pki import hash_of_pem
from gateway.store import AlreadyThere, Database, Do, StoreError, open_database

T = TypeVar("T")

AKTEUR = "kommandozeile"
"""Who changes agreements: whoever may use the store on this machine."""
END_OF_TIME = 2**62
"""Later than any `next_at`: asks for all waiting work."""


@click.group(short_help="Agreements with partners.")
def command() -> None:
    """Agreements with partners: whom we deliver to or receive from."""


@command.command()
@click.option("--toml", "toml", type=click.Path(dir_okay=False, path_type=Path), help="File with [[partner]] tables.")
@click.option("--replace", is_flag=True, help="Replace agreements that exist already.")
@click.option("--id", "id", help="Short name of the agreement.")
@click.option("--art", type=click.Choice(["behoerde", "vermittler"]))
@click.option("--behoerde", "behoerden", multiple=True, metavar="KEY", help="Authority that it stands for; repeatable.")
@click.option("--weg", type=click.Choice(["as2", "mail", "abruf"]))
@click.option("--url", help="AS2 endpoint.")
@click.option("--adresse", help="Mail address.")
@click.option("--as2-id", help="The partner's AS2 name.")
@click.option("--mdn", type=click.Choice(["sync", "async"]))
@click.option("--mdn-url", help="Where we post asynchronous receipts for its messages.")
@click.option("--test", is_flag=True, default=None, help="Takes test traffic.")
@click.option("--lesefassung/--ohne-lesefassung", default=None, help="A page for people travels beside the XML.")
@agreement_options
@click.option(
    "--cert",
    "certificates",
    multiple=True,
    metavar="ZWECK=FILE",
    help="Certificate for signatur, verschluesselung, quittung or tls; repeatable.",
)
@json_option
@click.pass_context
def add(
    ctx: click.Context, /, toml: Path | None, replace: bool, certificates: tuple[str, ...], as_json: bool, **fields: Any
) -> None:
    """Add one agreement from options, or all of a TOML file."""
    fields = nested(fields | {"behoerden": fields["behoerden"] or None})
    given = any(value is not None for value in fields.values()) or bool(certificates)
    if given == (toml is not None):
        stop(MISUSED, "Entweder --toml DATEI oder --id, --behoerde, --weg … angeben.")
    try:
        if toml is not None:
            partners = from_toml(toml)
        else:
            partners = [from_options(fields, [CertificateOption.parse(each) for each in certificates])]
    except NotAgreed as error:
        stop(MISUSED, error.lines)
    _with_store(ctx, lambda store: store_agreements(store, partners, replace))
    show(
        [_summary(partner) for partner in partners], as_json, lambda rows: (f"{row['id']}: eingetragen" for row in rows)
    )


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List all agreements."""
    partners = _with_store(ctx, _all)
    show([_summary(partner) for partner in partners], as_json, _table)


@command.command("show")
@click.argument("id_", metavar="ID")
@json_option
@click.pass_context
def show_(ctx: click.Context, id_: str, as_json: bool) -> None:
    """Show one agreement."""
    partner = _with_store(ctx, lambda store: _one(store, id_))
    value = partner.model_dump(mode="json")
    for entry in value["zertifikate"]:
        entry["sha256"] = hash_of_pem(entry["pem"])
    show(value, as_json, _details)


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--force", is_flag=True, help="Even if messages still wait for this partner.")
@json_option
@click.pass_context
def remove(ctx: click.Context, id_: str, force: bool, as_json: bool) -> None:
    """Remove one agreement; its authorities are then reached by their inbox only."""
    _with_store(ctx, lambda store: _delete(store, id_, force))
    show({"id": id_, "entfernt": True}, as_json, lambda row: [f"{row['id']}: entfernt"])


for each in (test_partner, lanes, hold, release):
    command.add_command(each)


# --- store -----------------------------------------------------------------------------------------------------------


async def store_agreements(store: Database, partners: list[Partner], replace: bool) -> None:
    """Write agreements in one step.

    Raises:
        NotAgreed: one exists already (unless `replace`), or collides with another agreement.
    """
    known = {partner.id: partner for partner in await _all(store)}
    there = [partner.id for partner in partners if partner.id in known]
    if there and not replace:
        raise NotAgreed(*(f"{id_}: gibt es schon; mit --replace ersetzen" for id_ in there))
    new = {partner.id for partner in partners}
    names = {partner.as2_id: partner.id for partner in known.values() if partner.as2_id and partner.id not in new}
    taken = [(each.id, names[each.as2_id]) for each in partners if each.as2_id and each.as2_id in names]
    if taken:
        raise NotAgreed(*(f"{id_}: as2_id gehört schon zu {owner}" for id_, owner in taken))
    try:
        await store.commit(*_statements(partners), *(_changed(known.get(each.id), each) for each in partners))
    except AlreadyThere:
        raise NotAgreed(*_collisions(partners, [p for p in known.values() if p.id not in new])) from None


def _statements(partners: list[Partner]) -> list[Do]:
    now = clock.now()
    steps = [Do("put_partner", (partner.id, partner.model_dump_json(), now), expect=1) for partner in partners]
    # First all old authorities go, so that one file can move an authority from one agreement to another.
    steps += [Do("clear_partner_authorities", (partner.id,)) for partner in partners]
    steps += [
        Do("insert_partner_authority", (key, partner.id), expect=1) for partner in partners for key in partner.behoerden
    ]
    return steps


def _changed(before: Partner | None, after: Partner | None) -> Do:
    """The event: what an agreement became, by the names of its keys; values may name addresses and stay out."""
    partner = after or before
    assert partner is not None
    detail: dict[str, Any] = {"partner": partner.id, "was": "angelegt" if after else "entfernt"}
    if before and after:
        old, new = before.model_dump(), after.model_dump()
        detail |= {"was": "geaendert", "felder": [key for key in new if new[key] != old[key]]}
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    return Do("insert_event", (str(uuid7()), clock.now(), str(Art.PARTNER_GEAENDERT), None, None, AKTEUR, text))


def _collisions(partners: list[Partner], others: list[Partner]) -> list[str]:
    owner = {key: partner.id for partner in others for key in partner.behoerden}
    found = [(p.id, key) for p in partners for key in p.behoerden if key in owner]
    return [f"{id_}: {key} gehört schon zu {owner[key]}; dort zuerst entfernen" for id_, key in found] or [
        "Eine andere Änderung kam zuvor; bitte wiederholen"
    ]


async def _all(store: Database) -> list[Partner]:
    return [Partner.model_validate_json(row["agreement"]) for row in await store.fetch("partners")]


async def _one(store: Database, id_: str) -> Partner:
    row = await store.fetch_one("partner", id_)
    if row is None:
        raise NotAgreed(f"{id_}: keine Vereinbarung mit diesem Namen; `gateway partners list` zeigt alle")
    return Partner.model_validate_json(row["agreement"])


async def _delete(store: Database, id_: str, force: bool) -> None:
    partner = await _one(store, id_)
    waiting = {row["partner_id"] for row in await store.fetch("due_lanes", END_OF_TIME)}
    if id_ in waiting and not force:
        raise NotAgreed(f"{id_}: es warten noch Zustellungen an diesen Partner; mit --force trotzdem entfernen")
    await store.commit(Do("delete_partner", (id_,), expect=1), _changed(partner, None))


def _with_store(ctx: click.Context, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` on the configured store; stops with what went wrong."""
    config = configuration(ctx)

    async def run() -> T:
        store = await open_database(config.store.url)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except NotAgreed as error:
        stop(REFUSED, error.lines)
    except StoreError as error:
        stop(UNREACHABLE, f"[store] url: Datenbank nicht erreichbar oder nicht lesbar ({type(error).__name__})")


# --- text ------------------------------------------------------------------------------------------------------------


def _summary(partner: Partner) -> dict[str, Any]:
    ends = [each.bis for each in partner.zertifikate]
    return {
        "id": partner.id,
        "art": partner.art,
        "weg": partner.weg,
        "ziel": partner.url or partner.adresse,
        "behoerden": list(partner.behoerden),
        "test": partner.test,
        "zertifikate_bis": min(ends).isoformat() if ends else None,
    }


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "Keine Vereinbarungen; `gateway partners add` trägt eine ein."
        return
    widths = {key: max(len(str(row[key] or "")) for row in rows) for key in ("id", "art", "weg")}
    for row in rows:
        head = "  ".join(f"{row[key]:<{widths[key]}}" for key in widths)
        test = "  [Test]" if row["test"] else ""
        yield f"{head}  {', '.join(row['behoerden'])}  {row['ziel'] or 'Abruf'}{test}"


def _details(value: dict[str, Any]) -> Iterator[str]:
    for key, entry in value.items():
        if key != "zertifikate":
            yield f"{key}: {entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False)}"
    for entry in value["zertifikate"]:
        yield f"Zertifikat {entry['zweck']}: {entry['ab']} bis {entry['bis']}, SHA-256 {entry['sha256']}"
