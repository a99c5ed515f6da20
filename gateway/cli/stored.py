"""What the commands on the store share: they open it by configuration, as an operator on the gateway's own machine.

Promises: content is never printed; an act is the same as through the API, with its event. A gateway that runs beside
sees it at its next look.
Fails: exit 1 for what is not there or refused, 2 for values that cannot be read, 3 where the store cannot be reached.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import click

from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, json_option, reason_option, show, stop
from gateway.config import Config
from gateway.errors import Malformed, Refusal
from gateway.message import Answer, Caller
from gateway.pki import PkiError
from gateway.service.arrival.accepting import Accepting
from gateway.service.casework.forwarding import Forwarding
from gateway.service.casework.operating import Operating
from gateway.service.context import Context, close_context, open_context
from gateway.service.views.reading import Reading
from gateway.store import StoreError

T = TypeVar("T")
OPERATOR = Caller(frozenset(), frozenset({"betrieb"}), "kommandozeile")
"""Whoever may read the store's key on this machine is an operator of it."""


def with_store(config: Config, ask: Callable[[Context], Awaitable[T]]) -> T:
    """What `ask` finds in the store of `config`."""

    async def run() -> T:
        ctx = await open_context(config)
        try:
            return await ask(ctx)
        finally:
            await close_context(ctx)

    try:
        return asyncio.run(run())
    except Malformed as malformed:
        stop(MISUSED, [befund.text for befund in malformed.befunde])
    except Refusal as refusal:
        stop(REFUSED, [befund.text for befund in refusal.befunde])
    except (PkiError, StoreError, OSError) as error:
        stop(UNREACHABLE, f"{type(error).__name__}: {error}")


def act_command(name: str, help_text: str, act: Callable[..., Awaitable[Answer]], *options: Any) -> click.Command:
    """A command that does one act of an operator on the message ID.

    Args:
        name: of the command.
        help_text: what it does.
        act: takes `Operating`, the id and the options.
        options: of this command alone.
    """

    @click.command(name=name, short_help=help_text, help=f"{help_text[:-1]}: the message ID.")
    @click.argument("message_id", metavar="ID", type=click.UUID)
    @reason_option
    @json_option
    @click.pass_context
    def command(ctx: click.Context, /, message_id: Any, as_json: bool, **given: Any) -> None:
        async def ask(context: Context) -> dict[str, Any]:
            answer = await act(_operating(context), str(message_id), **given)
            value: dict[str, Any] = json.loads(answer.body)
            return value

        show(with_store(configuration(ctx), ask), as_json, _acted)

    for option in options:
        command = option(command)
    return command


def _operating(ctx: Context) -> Operating:
    """Operators' acts without a running gateway; one that runs on this store looks for work by itself."""
    accepting = Accepting(ctx, _nobody_to_wake)
    forwarding = Forwarding(ctx, Reading(ctx), accepting, _nobody_to_wake)
    return Operating(ctx, accepting, forwarding, _nobody_to_wake)


def _nobody_to_wake() -> None:
    return


def _acted(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['id']}  {answer['status']}"
    decision = answer["entscheidung"]
    if decision["empfaenger"]:
        yield f"an {', '.join(decision['empfaenger'])}"
    for grund in decision["begruendung"]:
        yield f"  {grund['nummer']}: {grund['text']}" if grund["nummer"] else f"  {grund['text']}"
