"""The directory as the store has it: read by running gateways, changed by operators.

Promises: a change is one step: all its rows, its number, its event, or nothing; it is judged for every day on which
something turns, and two changes at the same moment cannot both become valid unseen. A running gateway looks for
changes at the price of one indexed look-up; what does not add up (after an update of the program, say) replaces
nothing.
Fails: `DirectoryRefused` with German lines for a change; `DirectoryDamaged` on opening; `StoreError`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from uuid_utils import uuid7

from gateway import clock
from gateway.events import Art
from gateway.route.overlay import COLUMNS, Correction, Row, Rows, as_day, directory, new_faults, overlay, row_faults
from gateway.route.resources import packaged_directory, packaged_rows
from gateway.store.database import AlreadyThere, Database, Do, StoreError
from gateway.store.steps import do, listed
from routing.verzeichnis import Verzeichnis, VerzeichnisFehler

log = logging.getLogger(__name__)

KEYS_IN_EVENT = 100
"""Keys that an event of a change names; of a larger one it tells their number, and the digest covers all."""
FAULTS_TOLD = 50
"""Faults of a change that are told at once: enough to mend it, too few to fill a screen with one mistake's echo."""


class DirectoryRefused(Exception):
    """A change cannot become valid."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class DirectoryDamaged(StoreError):
    """The packaged directory and the corrections in the store do not add up."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """What operators said, and up to which change it is told."""

    revision: int = 0
    rows: tuple[Correction, ...] = ()

    def on(self, day: date) -> Rows:
        """The directory's rows on a day."""
        return overlay(packaged_rows(), self.rows, day)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change does to one row."""

    table: str
    key: str
    old: Row | None
    new: Row | None
    hides: date | None = None
    """First day of a change that was noted for later and will not come now."""

    @property
    def columns(self) -> list[tuple[str, str, str]]:
        """Column, old and new text, of each column that changes."""
        old, new = self.old or {}, self.new or {}
        pairs = [(column, old.get(column, ""), new.get(column, "")) for column in COLUMNS[self.table]]
        return [(column, was, now) for column, was, now in pairs if was != now]


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that an operator wants to count."""

    rows: tuple[tuple[str, str, Row | None], ...]
    """Table, key, the whole row; None takes back what was said about it."""
    grund: str
    ab: date | None = None
    bis: date | None = None


class Directory:
    """The directory of a running gateway."""

    def __init__(self, db: Database, now: Callable[[], int]) -> None:
        self._db = db
        self._now = now
        self._said = Corrections()
        self._day: date | None = None
        self._value = packaged_directory()

    async def current(self) -> Verzeichnis:
        """The directory as it counts today; one look-up, and the same value, as long as nothing changed.

        Raises:
            DirectoryDamaged: the first reading finds what does not add up; later ones keep what was good.
            StoreError: the store cannot be read.
        """
        day = clock.day(self._now())
        newer = await self._db.fetch_one("directory_since", self._said.revision)
        if newer is not None:
            self._said = await corrections(self._db)
        if newer is not None or self._turned(day):
            self._build(day)
        self._day = day
        return self._value

    def _turned(self, day: date) -> bool:
        return day != self._day and bool(self._said.rows)

    def _build(self, day: date) -> None:
        try:
            self._value = directory(self._said.on(day))
        except VerzeichnisFehler as error:
            if self._day is None:
                raise DirectoryDamaged(
                    "Das Verzeichnis ist mit den Berichtigungen nicht stimmig; `gateway directory check` nennt die "
                    f"Fehler, zuerst: {error.fehler[0]}"
                ) from None
            log.exception("directory: revision %d does not add up, the last good one stays", self._said.revision)


async def corrections(db: Database) -> Corrections:
    """All corrections that count or will count.

    Raises:
        StoreError: the store cannot be read.
    """
    newest = await db.fetch_one("directory_since", 0)
    rows = await db.fetch("directory_corrections", listed(COLUMNS))
    said = tuple(
        Correction(
            row["tabelle"],
            row["key"],
            json.loads(row["entry"]) if row["entry"] is not None else None,
            row["revision"],
            as_day(row["valid_from"] or ""),
            as_day(row["valid_until"] or ""),
        )
        for row in rows
    )
    return Corrections(newest["revision"] if newest else 0, said)


def differences(said: Corrections, change: Change, today: date) -> list[Difference]:
    """What a change would do on its first day; rows that it would leave as they are do not appear."""
    rows = said.on(max(change.ab or today, today))
    found = []
    for table, key, new in change.rows:
        old, new = rows[table].get(key), new if new is not None else packaged_rows()[table].get(key)
        if old is None or new is None or dict(old) != dict(new):
            found.append(Difference(table, key, old, new, _hidden(said, table, key, change, today)))
    return [each for each in found if each.old is not None or each.new is not None]


def judge(said: Corrections, change: Change, today: date) -> None:
    """Whether the change may become valid.

    Raises:
        DirectoryRefused: with every reason.
    """
    lines = [
        f"{table} {key}: {fault}"
        for table, key, row in change.rows
        if row is not None
        for fault in row_faults(table, row)
    ]
    seen: set[tuple[str, str]] = set()
    for table, key, _ in change.rows:
        if (table, key) in seen:
            lines.append(f"{table} {key}: kommt zweimal vor")
        seen.add((table, key))
    if change.ab is not None and change.bis is not None and change.bis < change.ab:
        lines.append("Der letzte Tag liegt vor dem ersten.")
    if not change.grund.strip():
        lines.append("Ein Grund ist anzugeben; er steht in der Geschichte der Zeile.")
    if not lines:
        broken = new_faults(packaged_rows(), said.rows, _as_corrections(said, change), today)
        lines = [fault if day == today else f"Ab {day:%d.%m.%Y}: {fault}" for day, fault in broken]
    if lines:
        more = [f"… und {len(lines) - FAULTS_TOLD} weitere"] if len(lines) > FAULTS_TOLD else []
        raise DirectoryRefused(*lines[:FAULTS_TOLD], *more)


async def apply(db: Database, said: Corrections, change: Change, by: str, now: int) -> int:
    """Make a judged change valid.

    Args:
        db: the store.
        said: what it was judged against.
        change: only rows that differ.
        by: who does it.
        now: microseconds UTC.

    Returns:
        The new revision.

    Raises:
        DirectoryRefused: another change came first.
        StoreError: the store cannot be written.
    """
    try:
        await db.commit(*_steps(said, change, by, now))
    except AlreadyThere:
        raise DirectoryRefused("Eine andere Änderung des Verzeichnisses kam zuvor; bitte wiederholen.") from None
    return said.revision + 1


def _steps(said: Corrections, change: Change, by: str, now: int) -> Sequence[Do]:
    revision = said.revision + 1
    ab, bis = (day.isoformat() if day else None for day in (change.ab, change.bis))
    rows = [(table, key, None if row is None else _json(row)) for table, key, row in change.rows]
    digest = hashlib.sha256(_json([rows, ab, bis]).encode()).hexdigest()
    keys = [f"{table}/{key}" for table, key, _ in rows]
    detail = {
        "revision": revision,
        "zeilen": len(rows),
        "schluessel": keys[:KEYS_IN_EVENT],
        "sha256": digest,
        "ab": ab,
        "bis": bis,
    }
    return (
        do("insert_directory_change", revision=revision, changed=now, changed_by=by, reason=change.grund.strip()),
        *(
            do(
                "insert_directory_row",
                tabelle=table,
                key=key,
                revision=revision,
                entry=entry,
                valid_from=ab,
                valid_until=bis,
            )
            for table, key, entry in rows
        ),
        Do(
            "insert_event",
            (str(uuid7()), now, str(Art.VERZEICHNIS_GEAENDERT), None, None, _akteur(by), _json(detail)),
        ),
    )


def _akteur(by: str) -> str:
    """An account's id stands in the event; the name of whoever sits at the command line does not."""
    return by if by.startswith("person:") else by.partition(":")[0]


def _as_corrections(said: Corrections, change: Change) -> list[Correction]:
    return [Correction(table, key, row, said.revision + 1, change.ab, change.bis) for table, key, row in change.rows]


def _hidden(said: Corrections, table: str, key: str, change: Change, today: date) -> date | None:
    """First day of a correction noted for later that the change hides for good."""
    days = [
        each.ab
        for each in said.rows
        if (each.table, each.key) == (table, key)
        and each.ab is not None
        and each.ab > max(change.ab or today, today)
        and (change.bis is None or each.ab <= change.bis)
    ]
    return min(days, default=None)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
