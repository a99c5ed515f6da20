"""`gateway release ID`: a withheld notice goes out, on the sender's instruction (decree Nr. 1).

Promises: the reason names the sender's instruction, and the decision says so.
Fails: exit 1 where the message is in another state, 2 without a reason, 3 where the store cannot be reached.
"""

from __future__ import annotations

from gateway.accept.commands import Reason
from gateway.cli.stored import OPERATOR, act_command
from gateway.message import Answer
from gateway.service.casework.operating import Operating


async def _act(operating: Operating, message_id: str, grund: str) -> Answer:
    return await operating.release(OPERATOR, message_id, Reason.from_json({"grund": grund}))


command = act_command("release", "Release a withheld notice on its sender's instruction.", _act)
