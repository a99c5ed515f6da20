"""Search over messages: filters, a window that the answer shows, keyset pages (contracts.md section 5).

Promises: a caller finds only its own slice; Aktenzeichen and AZR-Nummer are looked up by a keyed hash; without `von`
the window is the last `DEFAULT_DAYS` days, and the answer says so.
Fails: `Malformed` that names the key.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway import clock
from gateway.clock import as_iso
from gateway.errors import Malformed
from gateway.message import Caller
from gateway.service.context import Context
from gateway.service.views.reading import HIDDEN, summary
from gateway.states import MessageStatus
from gateway.store.content import blind_index
from gateway.store.database import Row
from gateway.store.search import MAX_PAGE, RARE, Search, page, plan
from gateway.store.steps import listed

DEFAULT_DAYS = 30
"""Window of a search without `von`."""
DEFAULT_COUNT = 50
DAY = 86_400 * clock.SECOND
EARLIEST, LATEST = 1970, 9999
"""Years of a window: what the store's times can be, and a calendar can write."""
_TEXTS = ("status", "absender", "empfaenger", "anlass", "nummer", "aktenzeichen", "azr_nummer", "nachrichten_id")
_KEYS = frozenset((*_TEXTS, "von", "bis", "nach", "anzahl"))


class Searching:
    """Answers searches."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def search(self, caller: Caller, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """One page.

        Raises:
            Malformed: an unknown key or a value that cannot be read.
        """
        wanted = self._read(caller, query)
        plans = plan(wanted, rare=await self._is_rare(wanted))
        found = [await self._ctx.db.fetch(name, *args) for name, args in plans]
        rows = page(found, wanted.count)
        recipients = await self._recipients(rows, caller)
        withheld = await self._withheld(rows)
        since, until = wanted.since, _until(query, self._ctx.now())
        return {
            "eintraege": [summary(row, recipients.get(row["id"], [])) | withheld.get(row["id"], {}) for row in rows],
            "naechste": _cursor(rows[-1]) if len(rows) == wanted.count else None,
            "fenster": {"von": as_iso(since), "bis": as_iso(until)},
        }

    async def _is_rare(self, wanted: Search) -> bool:
        """Whether so few messages have the number that is looked for that it is best to walk these."""
        if wanted.nummer is None:
            return False
        (row,) = await self._ctx.db.fetch("messages_of_number", wanted.nummer, wanted.since, RARE + 1)
        return int(row["zahl"]) <= RARE

    async def _withheld(self, rows: list[Row]) -> dict[str, dict[str, Any]]:
        """Age and reminders of withheld notices; only their senders and operators find them (Nr. 1)."""
        ids = [row["id"] for row in rows if row["status"] == MessageStatus.ZURUECKGESTELLT]
        found = await self._ctx.db.fetch("making_up", listed(ids)) if ids else []
        return {row["message_id"]: {"zurueckstellung": _waiting(row, self._ctx.now())} for row in found}

    async def _recipients(self, rows: list[Row], caller: Caller) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        senders = {row["id"]: row["absender"] for row in rows}
        for row in await self._ctx.db.fetch("recipients_of_messages", listed(senders)):
            whole = caller.revision or senders[row["message_id"]] in caller.behoerden
            if whole or (row["empfaenger"] in caller.behoerden and row["status"] not in HIDDEN):
                found.setdefault(row["message_id"], []).append(row["empfaenger"])
        return found

    def _read(self, caller: Caller, query: Mapping[str, Any]) -> Search:
        unknown = sorted(set(query) - _KEYS)
        if unknown:
            raise Malformed(f"Unbekannte Angabe in der Suche: „{unknown[0]:.40}“.", code="unbekannte_angabe")
        texts = {key: _text(query, key) for key in _TEXTS}
        now = self._ctx.now()
        since = moment_of(query, "von")
        if since is None:
            since = now - DEFAULT_DAYS * 86_400 * clock.SECOND
        before, before_id = _from_cursor(query) or (_until(query, now), "")
        az, azr = texts["aktenzeichen"], texts["azr_nummer"]
        return Search(
            since=since,
            before=before,
            before_id=before_id,
            count=_count(query),
            readers=None if caller.revision else tuple(sorted(caller.behoerden)),
            status=texts["status"],
            absender=texts["absender"],
            empfaenger=texts["empfaenger"],
            anlass=texts["anlass"],
            nummer=texts["nummer"],
            aktenzeichen_index=blind_index(self._ctx.store_key, "aktenzeichen", az) if az else None,
            azr_index=blind_index(self._ctx.store_key, "azr_nummer", azr) if azr else None,
            eigene_id=texts["nachrichten_id"].lower() if texts["nachrichten_id"] else None,
        )


def _waiting(duty: Row, now: int) -> dict[str, Any]:
    return {
        "seit": as_iso(duty["opened"]),
        "tage": (now - duty["opened"]) // DAY,
        "erinnert_am": as_iso(duty["reminded"]),
        "naechste_erinnerung": duty["remind_on"],
    }


def _text(query: Mapping[str, Any], key: str) -> str | None:
    value = query.get(key)
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 200):
        raise Malformed(f"„{key}“ muss ein Text sein.", code="wert")
    return value


def _count(query: Mapping[str, Any]) -> int:
    value = query.get("anzahl", DEFAULT_COUNT)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE:
        raise Malformed(f"„anzahl“ muss eine Zahl von 1 bis {MAX_PAGE} sein.", code="wert")
    return value


def moment_of(query: Mapping[str, Any], key: str) -> int | None:
    """A day or a moment in ISO 8601; without an offset it is German time.

    Raises:
        Malformed: it cannot be read.
    """
    value = _text(query, key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Malformed(f"„{key}“ muss ein Zeitpunkt nach ISO 8601 sein.", code="wert") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.BERLIN)
    if not EARLIEST <= moment.year < LATEST:
        raise Malformed(f"„{key}“ muss in den Jahren {EARLIEST} bis {LATEST - 1} liegen.", code="wert")
    return int(moment.timestamp()) * clock.SECOND + moment.microsecond


def _until(query: Mapping[str, Any], now: int) -> int:
    until = moment_of(query, "bis")
    return now + 1 if until is None else until


def _cursor(row: Row) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["eingang"], row["id"]]).encode()).decode()


def _from_cursor(query: Mapping[str, Any]) -> tuple[int, str] | None:
    value = _text(query, "nach")
    if value is None:
        return None
    try:
        eingang, message_id = json.loads(base64.urlsafe_b64decode(value.encode()))
        return _moment(eingang), str(uuid.UUID(message_id))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Malformed("„nach“ ist keine Fortsetzung einer Suche.", code="wert") from None


def _moment(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError("no stored time")
    return value
