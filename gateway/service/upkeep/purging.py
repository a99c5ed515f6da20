"""Content is deleted some days after its message has ended (`[aufbewahrung]`); what proves the way stays.

Deleted: XML and files, the facts, signed entities, sealed bytes, received requests, what people wrote. Kept: digests,
decisions, events, receipts, Aktenzeichen; every table's rule stands in `retention`. The steps, each one commit:

1. a message is marked, its event written, and the keys of its contents destroyed: from here on nobody can read them;
2. chunks of such contents go, at most `CHUNKS` a commit, until all are gone; a content's row goes with its last chunk;
3. refused requests of partners likewise, and mails that were kept: at most `ROUND` a commit, then step 2.

Cut off anywhere, the next run goes on; nothing is done twice.

Promises: nothing goes that has not ended, that an operator keeps, whose Vorgang owes something, of which a recipient or
forward is unclear, or that a Weiterleitung still carries; whoever acts on a message at the same moment wins.
Fails: `StoreError`; what is committed by then stays deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gateway import clock
from gateway.clock import as_iso
from gateway.errors import Conflict, Gone, Invalid, NotFound
from gateway.events import Art
from gateway.message import Caller
from gateway.route.chain import WEITERLEITUNG
from gateway.service.context import Context, akteur
from gateway.service.patience import Patience
from gateway.service.words import wordless
from gateway.store.content import CHUNK
from gateway.store.database import Do, Row, StaleState
from gateway.store.steps import do

ROUND: Final = 100
"""Messages looked at in one page."""
CHUNKS: Final = 64
"""Chunks deleted in one commit: 16 MB, some milliseconds, between which others commit."""
DAILY_ROUND: Final = 200
"""Messages that a serving gateway deletes before it looks at its other work."""
NAMED: Final = 1_000
"""Messages that a report names; it counts all."""
DAY: Final = 24 * 3600 * clock.SECOND
REASONS: Final = ("behalten", "zustellung", "pflicht", "klaerung", "weiterleitung")
"""Why content stays though its days are over: columns of `kept_for`."""

Told = Callable[[int], object]
"""Hears how many messages were deleted."""


@dataclass
class Report:
    """What was deleted, or would be."""

    probelauf: bool
    geloescht: int = 0
    eingaenge: int = 0
    """Refused requests of partners."""
    mails: int = 0
    """Mails kept for a person, and returned ones."""
    bleibt: Counter[str] = field(default_factory=Counter)
    """Messages that stay though their days are over, by reason."""
    nachrichten: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        stays = {reason: self.bleibt[reason] for reason in REASONS}
        return {
            "probelauf": self.probelauf,
            "geloescht": self.geloescht,
            "eingaenge": self.eingaenge,
            "mails": self.mails,
            "bleibt": stays,
            "nachrichten": self.nachrichten,
        }

    def add(self, row: Row) -> None:
        """One message more."""
        self.geloescht += 1
        if len(self.nachrichten) < NAMED:
            self.nachrichten.append({"id": row["id"], "anlass": row["anlass"], "beendet": as_iso(row["geaendert"])})


class Purging:
    """Deletes content whose time is over."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._day = ""
        """The last day on which this gateway looked whether it is its turn."""
        self._under_way = False
        self._patience = Patience(ctx, "aufbewahrung")

    async def purge(self, *, dry_run: bool = False, most: int | None = None, told: Told = lambda _: None) -> Report:
        """Everything whose time is over.

        Args:
            dry_run: only say what would go; forwards that would go first still hold their originals.
            most: after so many messages it stops.
            told: hears of the progress.
        """
        report = Report(dry_run)
        while not dry_run:
            before = report.geloescht
            report.bleibt.clear()
            await self._pass(report, most, told)
            if report.geloescht == before or report.geloescht == most:  # originals may go after their forwards
                break
        if dry_run:
            await self._pass(report, most, told)
        else:
            await self._sweep()
        report.eingaenge = await self._unneeded(
            dry_run, "refused_requests", "raw_content", lambda row: do("forget_request", id=row["id"]), "eingaenge"
        )
        report.mails = await self._unneeded(
            dry_run,
            "kept_mails",
            "content_id",
            lambda row: do("delete_kept_mail", content_id=row["content_id"]),
            "mails",
        )
        return report

    async def daily(self) -> int:
        """What a serving gateway does: once a day, a part at a time.

        Returns:
            How many messages were deleted by this part.
        """
        if not self._under_way and not await self._is_my_turn():
            return 0
        report = await self.purge(most=DAILY_ROUND)
        self._under_way = report.geloescht == DAILY_ROUND
        return report.geloescht

    async def _is_my_turn(self) -> bool:
        setting, now = self._ctx.config.aufbewahrung, self._ctx.at().astimezone(clock.BERLIN)
        day = now.date().isoformat()
        if not setting.taeglich or now.hour < setting.stunde or day == self._day:
            return False
        claimed = (await self._ctx.db.commit(do("claim_day", name="aufbewahrung", day=day)))[0]
        self._day = day
        return bool(claimed)

    async def _pass(self, report: Report, most: int | None, told: Told) -> None:
        async def delete(row: Row) -> None:
            if await self._delete(row):
                report.add(row)
                told(report.geloescht)

        async for row in self._ended():
            if report.geloescht == most:
                return
            reasons = await self._reasons(row)
            if reasons:
                report.bleibt.update(reasons)
            elif report.probelauf:
                report.add(row)
                told(report.geloescht)
            else:
                await self._patience.each([row], delete)

    async def _ended(self) -> Any:
        """Messages whose days are over, what ended first comes first."""
        setting, now = self._ctx.config.aufbewahrung, self._ctx.now()
        after_time, after_id = 0, ""
        while True:
            before = now - setting.shortest * DAY
            rows = await self._ctx.db.fetch("purgeable", before, after_time, after_id, ROUND)
            for row in rows:
                if row["geaendert"] < self._before(row):
                    yield row
            if len(rows) < ROUND:
                return
            after_time, after_id = rows[-1]["geaendert"], rows[-1]["id"]

    def _before(self, row: Row) -> int:
        return self._ctx.now() - self._ctx.config.aufbewahrung.days(row["anlass"]) * DAY

    async def _reasons(self, row: Row) -> list[str]:
        found = await self._ctx.db.fetch_one("kept_for", row["id"], WEITERLEITUNG)
        return [reason for reason in REASONS if found is not None and found[reason]]

    async def _delete(self, row: Row) -> bool:
        """Step 1; False where somebody acted on it at this moment."""
        now = self._ctx.now()
        days = self._ctx.config.aufbewahrung.days(row["anlass"])
        event = self._ctx.event(Art.LOESCHUNG, self._ctx.self_akteur, message_id=row["id"], tage=days)
        mark = do(
            "purge_message",
            expect=1,
            id=row["id"],
            weiterleitung=WEITERLEITUNG,
            before=self._before(row),
            now=now,
        )
        shred = do("shred_contents", message_id=row["id"], now=now, nothing=b"")
        try:
            words = [*_words(row["id"]), *await self._decision(row)]
            await self._ctx.db.commit(*await self._unmoved(row), mark, shred, *words, event)
        except StaleState:
            return False
        return True

    async def _decision(self, row: Row) -> list[Do]:
        """What operators wrote into the decision goes as well; what they decided stays, and is proved without it."""
        message = await self._ctx.db.fetch_one("message", row["id"])
        before = message["entscheidung"] if message else None
        if before is None or (after := wordless(before)) == before:
            return []
        return [do("forget_decision_words", expect=1, id=row["id"], before=before, after=after)]

    async def _unmoved(self, row: Row) -> list[Do]:
        """Its Vorgang is as it was: whoever forwards the message at this moment decides anew."""
        of = await self._ctx.db.fetch_one("vorgang_of_message", row["id"])
        vorgang = await self._ctx.db.fetch_one("vorgang", of["vorgang_id"]) if of else None
        if vorgang is None:
            return []
        return [do("touch_vorgang", expect=1, id=vorgang["id"], before=vorgang["changed"], now=self._ctx.now())]

    async def _sweep(self) -> None:
        """Step 2."""
        while rows := await self._ctx.db.fetch("shredded", ROUND):
            for steps in _portions(rows):
                await self._ctx.db.commit(*steps)

    async def _unneeded(self, dry_run: bool, query: str, content: str, forget: Callable[[Row], Do], what: str) -> int:
        """Step 3: contents that belong to no message; `content` is their column, `what` they count as in the event."""
        before, count = self._ctx.now() - self._ctx.config.aufbewahrung.tage * DAY, 0
        while rows := await self._ctx.db.fetch(query, before, ROUND):
            count += len(rows)
            if dry_run:
                return count
            now = self._ctx.now()
            shred = [do("shred_request", raw_content=row[content], now=now, nothing=b"") for row in rows]
            counted: dict[str, Any] = {what: len(rows)}
            event = self._ctx.event(Art.LOESCHUNG, self._ctx.self_akteur, **counted)
            await self._ctx.db.commit(*shred, *map(forget, rows), event)
            await self._sweep()
        return count

    async def keep(self, caller: Caller, message_id: str, grund: str) -> None:
        """An operator keeps a message's content beyond its days.

        Raises:
            NotFound, Gone: there is no such message, or its content is gone.
            Conflict: it is kept already.
            Invalid: without a reason.
        """
        await self._demand(message_id, grund)
        await self._act(
            do("touch_message", expect=1, id=message_id, now=self._ctx.now()),
            do("insert_hold", expect=1, message_id=message_id, now=self._ctx.now()),
            self._ctx.event(Art.AUFBEWAHRUNG, akteur(caller), message_id=message_id, worte=grund),
            text="Die Nachricht wird schon aufbewahrt.",
        )

    async def keep_no_longer(self, caller: Caller, message_id: str, grund: str) -> None:
        """Its days count again, from now on; raises as `keep`."""
        await self._demand(message_id, grund)
        await self._act(
            do("delete_hold", expect=1, message_id=message_id),
            do("touch_message", expect=1, id=message_id, now=self._ctx.now()),
            self._ctx.event(Art.AUFBEWAHRUNG_ENDE, akteur(caller), message_id=message_id, worte=grund),
            text="Die Nachricht wird nicht über ihre Frist hinaus aufbewahrt.",
        )

    async def _demand(self, message_id: str, grund: str) -> None:
        if not grund.strip():
            raise Invalid("Nennen Sie den Grund.", code="grund_fehlt")
        row = await self._ctx.db.fetch_one("message", message_id)
        if row is None:
            raise NotFound
        demand_content(row)

    async def _act(self, *steps: Do, text: str) -> None:
        try:
            await self._ctx.db.commit(*steps)
        except StaleState:
            raise Conflict(text, code="status") from None


def demand_content(message: Row) -> None:
    """Hold that a message's content is still there.

    Raises:
        Gone: it is not.
    """
    if message["purged"] is not None:
        raise Gone


def _words(message_id: str) -> tuple[Do, ...]:
    """What people wrote about a message goes with its content."""
    return (
        do("forget_words", message_id=message_id),
        do("forget_looks", message_id=message_id, nothing=b""),
        do("forget_forwards", message_id=message_id),
        do("forget_dezernate", message_id=message_id),
    )


def _portions(rows: list[Row]) -> Iterator[list[Do]]:
    """Statements that delete contents, at most `CHUNKS` chunks in one portion."""
    steps: list[Do] = []
    room = CHUNKS
    for row in rows:
        left = max(1, -(-row["bytes"] // CHUNK))
        while left > 0:
            taken = min(left, room)
            steps.append(do("delete_chunks", content_id=row["id"], count=taken))
            left, room = left - taken, room - taken
            if room == 0:
                yield steps
                steps, room = [], CHUNKS
        steps.append(do("delete_shredded", id=row["id"]))
    yield steps
