"""What waits for somebody, for operators: open duties, and what of placed messages still needs a person.

Promises: pages in a fixed order, each beginning after the one before; no personal data.
Fails: `Malformed` for a page that cannot be continued.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from datetime import date
from itertools import chain
from typing import Any

from gateway.clock import as_iso
from gateway.errors import Malformed
from gateway.service.context import Context
from gateway.store.database import Row

FIRST: tuple[str, str] = ("", "")


class Listing:
    """Lists for operators."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def duties(
        self,
        until: date | None = None,
        after: str | None = None,
        count: int = 50,
        pflichtig: Collection[str] | None = None,
    ) -> Mapping[str, Any]:
        """Open duties that are due by a day (today, unless given), what is due first comes first.

        Args:
            until: last day.
            after: the page before ended there.
            count: entries of a page.
            pflichtig: only what these authorities owe; None: all.

        Raises:
            Malformed: `after` is no continuation.
        """
        day = (until or self._ctx.today()).isoformat()
        since, after_id = _continued(after) if after else FIRST
        if pflichtig is None:
            rows = await self._ctx.db.fetch("open_duties", day, since, after_id, count)
        else:
            each = [
                await self._ctx.db.fetch("open_duties_of", key, day, since, after_id, count)
                for key in sorted(set(pflichtig))
            ]
            rows = sorted(chain(*each), key=lambda row: (row["faellig_am"], row["id"]))[:count]
        return {
            "eintraege": [_duty(row) for row in rows],
            "naechste": _cursor(rows[-1]["faellig_am"], rows[-1]["id"]) if len(rows) == count else None,
            "bis": day,
        }

    async def clearings(self, after: str | None = None, count: int = 50) -> Mapping[str, Any]:
        """Recipients that could not be placed while others could, and forwards that need an addressee; oldest first.

        Raises:
            Malformed: `after` is no continuation.
        """
        since, after_id = _continued(after) if after else ("0", "")
        if not since.isdigit():
            raise _no_continuation()
        rows = await self._ctx.db.fetch("open_clearings", int(since), after_id, count)
        return {
            "eintraege": [_clearing(row) for row in rows],
            "naechste": _cursor(str(rows[-1]["opened"]), rows[-1]["id"]) if len(rows) == count else None,
        }


def _duty(row: Row) -> dict[str, Any]:
    return {
        "nummer": row["nummer"],
        "faellig_am": row["faellig_am"],
        "pflichtig": row["pflichtig"],
        "text": row["text"],
        "nachricht": row["message_id"],
        "vorgang": row["vorgang_id"],
        "seit": as_iso(row["opened"]),
        "erinnert_am": as_iso(row["reminded"]),
    }


def _clearing(row: Row) -> dict[str, Any]:
    return {
        "nachricht": row["message_id"],
        "nummer": row["nummer"],
        "genannt": row["empfaenger"],
        "weiterleitende_stelle": row["forwarder"],
        "text": row["text"],
        "seit": as_iso(row["opened"]),
    }


def _cursor(value: str, id_: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, id_]).encode()).decode()


def _continued(after: str) -> tuple[str, str]:
    try:
        value, id_ = json.loads(base64.urlsafe_b64decode(after.encode()))
    except (ValueError, TypeError, binascii.Error):
        raise _no_continuation() from None
    if not (isinstance(value, str) and isinstance(id_, str)):
        raise _no_continuation()
    return value, id_


def _no_continuation() -> Malformed:
    return Malformed("„nach“ ist keine Fortsetzung dieser Liste.", code="wert")
