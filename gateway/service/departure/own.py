"""Messages of the gateway's own: what a partner is told of a refusal, a sender of a delivery, a test round sends.

Promises: a message of our own goes through the same check as anybody's, and is stored by the same statements.
Fails: `Refusal` or ValueError where it does not pass the check: then it is not made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from gateway import clock
from gateway.message import Caller, Submission
from gateway.route.compose import Kopfangaben, Stelle
from gateway.route.plan import Planned
from gateway.service.arrival.accepting import Draft, content_steps, fingerprint, message_steps, parts_of
from gateway.service.context import Context, new_id
from gateway.store.database import Do
from routing import Entscheidung, Grund


def named(ctx: Context, key: str) -> Stelle:
    """An authority with its name from the directory; with its key where the directory does not know it."""
    found = ctx.directory.behoerde(key)
    return Stelle(key, found.name if found else key)


def head_to(ctx: Context, leser: str, *, fremde_id: str | None = None, test: bool = False) -> Kopfangaben:
    """The head of a new message of this gateway to an authority.

    Args:
        ctx: what the gateway consists of.
        leser: key of the authority.
        fremde_id: `eigeneNachrichtenID` of the message that it is about.
        test: whether it is test traffic.
    """
    own = ctx.config.gateway.kennung
    return Kopfangaben(
        eigene_id=str(uuid.uuid4()),
        fremde_id=fremde_id,
        erstellt=ctx.at().astimezone(clock.BERLIN),
        autor=Stelle(own, own),
        leser=named(ctx, leser),
        test=test,
    )


async def own_message(ctx: Context, xml: bytes, reason: str, planned: Iterable[Planned]) -> tuple[str, list[Do]]:
    """A message of this gateway, checked, and the statements that store it with its deliveries.

    Args:
        ctx: what the gateway consists of.
        xml: the whole message; it has no files.
        reason: why it goes to its recipients, in German, as the decision says it.
        planned: one delivery for each recipient.

    Returns:
        Id of the message, statements.

    Raises:
        Refusal: it does not pass the check.
    """
    deliveries = tuple(planned)
    checked = await ctx.checker.check(xml, today=ctx.today(), attachments=[])
    submission = Submission(Caller(frozenset(), frozenset(), ctx.self_akteur), xml)
    recipients = tuple(each.empfaenger for each in deliveries)
    draft = Draft(
        id=new_id(),
        herkunft="eigen",
        kopf=checked.kopf,
        anlass=None,
        entscheidung=Entscheidung("zustellen", "", (Grund("", reason),), empfaenger=recipients),
        fingerprint=fingerprint(submission),
        at=ctx.now(),
        deliveries=deliveries,
    )
    contents = content_steps(ctx, draft.id, submission, parts_of(submission))
    return draft.id, [*message_steps(ctx, draft, None), *contents]
