"""`gateway assign ID --an KEY`: name the recipient that no rule could find, and the message goes on.

Promises: a message in Klärung, one recipient of several, or a forward for which nobody in NRW is competent; the
decision keeps the reason.
Fails: exit 1 where nothing is to be assigned, 2 without a reason, 3 where the store cannot be reached.
"""

from __future__ import annotations

import click

from gateway.accept.commands import Assignment
from gateway.cli.stored import OPERATOR, act_command
from gateway.message import Answer
from gateway.service.casework.operating import Operating


async def _act(operating: Operating, message_id: str, an: str, grund: str) -> Answer:
    return await operating.assign(OPERATOR, message_id, Assignment.from_json({"an": an, "grund": grund}))


command = act_command(
    "assign",
    "Name the recipient that no rule could find.",
    _act,
    click.option("--an", required=True, metavar="KEY", help="The recipient."),
)
