"""`gateway cancel ID`: end what has not arrived.

Promises: what was delivered stays delivered.
Fails: exit 1 where the message is in another state, 2 without a reason, 3 where the store cannot be reached.
"""

from __future__ import annotations

from gateway.accept.commands import Reason
from gateway.cli.stored import OPERATOR, act_command
from gateway.message import Answer
from gateway.service.casework.operating import Operating


async def _act(operating: Operating, message_id: str, grund: str) -> Answer:
    return await operating.cancel(OPERATOR, message_id, Reason.from_json({"grund": grund}))


command = act_command("cancel", "End what has not arrived.", _act)
