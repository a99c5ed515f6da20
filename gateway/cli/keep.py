"""`gateway keep ID --grund TEXT`: an operator keeps a message's content beyond its retention, until `--ende`.

Promises: both are events with the reason.
Fails: exit 1 where there is no such message, its content is gone, or it is so already; 3 without a store.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from gateway.cli.shell import configuration, json_option, reason_option, show
from gateway.cli.stored import OPERATOR, with_store
from gateway.service.context import Context
from gateway.service.upkeep.purging import Purging


@click.command(short_help="Keep a message's content beyond its retention.")
@click.argument("message_id", metavar="ID", type=click.UUID)
@reason_option
@click.option("--ende", "ends", is_flag=True, help="Keep it no longer: its days count again, from now on.")
@json_option
@click.pass_context
def command(ctx: click.Context, message_id: UUID, grund: str, ends: bool, as_json: bool) -> None:
    """Keep the content of the message ID beyond its retention."""

    async def ask(context: Context) -> dict[str, Any]:
        purging = Purging(context)
        act = purging.keep_no_longer if ends else purging.keep
        await act(OPERATOR, str(message_id), grund)
        return {"id": str(message_id), "aufbewahrt": not ends}

    show(with_store(configuration(ctx), ask), as_json, lambda done: [_line(done)])


def _line(done: dict[str, Any]) -> str:
    return f"{done['id']}  {'wird aufbewahrt' if done['aufbewahrt'] else 'Frist läuft wieder'}"
