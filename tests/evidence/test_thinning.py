"""Checkpoints of long ago are thinned to one a day, and the log still proves itself, also to witnesses of those that
went."""

from gateway import clock
from gateway.events import Art
from gateway.service.context import Context
from gateway.service.evidence.logbook import Logbook
from gateway.service.evidence.logcheck import LogCheck
from gateway.service.evidence.thinning import DAY, KEPT_DAYS, Thinning
from gateway.settle.checkpoint import Checkpoint, read_checkpoint
from gateway.store.database import Row

DAYS = KEPT_DAYS + 4
TIMES = 3


async def grown(ctx: Context) -> list[Checkpoint]:
    """Some checkpoints a day, from noon on, for many days; the clock stands at the last."""
    noon = (ctx.now() // DAY + 1) * DAY + DAY // 2
    for n in range(DAYS):
        for hour in range(TIMES if n < 4 or n == DAYS - 1 else 1):
            at = noon + n * DAY + hour * 3600 * clock.SECOND
            ctx.now = lambda at=at: at
            await ctx.db.commit(ctx.event(Art.ALARM, "gw:nrw", n=n))
            assert await Logbook(ctx).round() == 1
    return [read_checkpoint(row["note"].encode()) for row in await checkpoints(ctx)]


async def checkpoints(ctx: Context) -> list[Row]:
    return await ctx.db.fetch("checkpoints_after", 0, 10_000)


async def test_of_days_long_ago_one_stays_and_every_witness_still_fits(ctx: Context) -> None:
    before = await grown(ctx)
    old = [each for each in before if each.at < ctx.now() - KEPT_DAYS * DAY]
    last_of_day = {clock.day(each.at): each.size for each in old}
    assert len(old) > len(last_of_day) > 1
    assert await Thinning(ctx).thin() == len(old) - len(last_of_day)
    left = [row["size"] for row in await checkpoints(ctx)]
    assert left == sorted({*last_of_day.values(), *(each.size for each in before if each not in old)})
    assert await Thinning(ctx).thin() == 0
    await Logbook(ctx).round()  # that something went is an event of the log
    (told,) = await ctx.db.fetch("events_of_art", "loeschung", "", 10)
    assert "pruefpunkte" in told["detail"]
    own = [pair.certificate for pair in ctx.keys.pairs["log"]]
    found = await LogCheck(ctx.db, own).run(ctx.now(), before)
    assert found.findings == []
    forged = Checkpoint(old[0].origin, old[0].size, b"\0" * 32, old[0].at)
    found = await LogCheck(ctx.db, own).run(ctx.now(), [forged])
    assert [finding.code for finding in found.findings] == ["zeuge"]


async def test_once_a_day_and_never_the_newest(ctx: Context) -> None:
    await grown(ctx)
    one, other = Thinning(ctx), Thinning(ctx)
    newest = (await checkpoints(ctx))[-1]["size"]
    later = ctx.now() + 400 * DAY
    ctx.now = lambda: later
    await one.daily()
    sizes = [row["size"] for row in await checkpoints(ctx)]
    assert len(sizes) == DAYS
    assert sizes[-1] == newest
    await other.daily()
    await one.daily()
    assert len(await ctx.db.fetch("events_of_art", "loeschung", "", 10)) == 1
