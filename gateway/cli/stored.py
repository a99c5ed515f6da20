"""What `show` and `list` share: they open the store by configuration, as an operator on the gateway's own machine.

Promises: reads only; content is never printed.
Fails: exit 1 for what is not there, 3 where the store cannot be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.cli.main import REFUSED, UNREACHABLE
from gateway.cli.shell import stop
from gateway.config import Config
from gateway.errors import Refusal
from gateway.message import Caller
from gateway.pki import PkiError
from gateway.service.context import Context
from gateway.service.gateway import close_context, open_context
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
    except Refusal as refusal:
        stop(REFUSED, [befund.text for befund in refusal.befunde])
    except (PkiError, StoreError, OSError) as error:
        stop(UNREACHABLE, f"{type(error).__name__}: {error}")
