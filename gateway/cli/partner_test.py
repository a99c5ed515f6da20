"""`gateway partners test ID`: a full round with one partner, step by step in German.

Promises: exit 0 only if the partner's receipt was verified and is positive; what was sent carries the test mark.
Fails: exit 1 where the round is not possible or the partner refuses, 3 where the partner or the store is not reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.main import DONE, REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, json_option, show, stop
from gateway.config import Config
from gateway.pki import PkiError
from gateway.service.betrieb.probing import NotTestable, Round, probing
from gateway.states import DeliveryStatus
from gateway.store import StoreError


@click.command("test", short_help="A full round with one partner.")
@click.argument("id_", metavar="ID")
@click.option("--warten", default=60.0, show_default=True, type=click.FloatRange(0), help="Seconds for the receipt.")
@json_option
@click.pass_context
def test_partner(ctx: click.Context, id_: str, warten: float, as_json: bool) -> None:
    """Send a test message to a partner: sign, encrypt, hand over, verify the receipt.

    A synchronous receipt comes at once; for an asynchronous one or one by mail the gateway must be running.
    """
    config = configuration(ctx)
    try:
        found = asyncio.run(_round(config, id_, warten))
    except NotTestable as error:
        stop(REFUSED, f"{id_}: {error}")
    except (PkiError, StoreError, OSError) as error:
        stop(UNREACHABLE, f"{type(error).__name__}: {error}")
    show(_value(id_, found), as_json, _lines)
    raise click.exceptions.Exit(_code(found))


async def _round(config: Config, id_: str, seconds: float) -> Round:
    async with probing(config) as probe:
        partner = await probe.partner(id_)
        return await probe.see_through(await probe.enter(partner), seconds)


def _code(found: Round) -> int:
    if found.passed:
        return DONE
    waited = found.status is DeliveryStatus.UEBERGEBEN
    refused = found.reached or found.status is DeliveryStatus.KLAERUNG
    return REFUSED if refused and not waited else UNREACHABLE


def _value(id_: str, found: Round) -> dict[str, Any]:
    return {
        "partner": id_,
        "nachricht": found.message_id,
        "versiegelt": found.sealed,
        "uebergeben": found.reached,
        "quittung_geprueft": found.passed,
        "status": str(found.status),
        "ergebnis": found.outcome,
        "grund": None if found.passed else found.text,
    }


def _lines(value: dict[str, Any]) -> Iterator[str]:
    yield f"1 Vereinbarung {value['partner']}: Testverkehr ist vereinbart"
    yield f"2 Testnachricht {value['nachricht']}: erstellt, geprüft, gespeichert"
    yield f"3 {_step(value['versiegelt'], 'signiert und verschlüsselt')}"
    if value["versiegelt"]:
        yield f"4 {_step(value['uebergeben'], 'übergeben')}"
    if value["uebergeben"]:
        yield f"5 Quittung: {_receipt(value)}"
    if value["grund"]:
        yield f"  {value['grund']}"


def _step(done: bool, what: str) -> str:
    return what if done else f"nicht {what}"


def _receipt(value: dict[str, Any]) -> str:
    if value["status"] == DeliveryStatus.UEBERGEBEN:
        return "kam nicht in der Wartezeit"
    return "geprüft, positiv" if value["quittung_geprueft"] else "negativ oder ungültig"
