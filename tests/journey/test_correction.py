"""§ 20 EGGVG: a correction reaches everybody who was informed, forwards included, whatever comes first."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from caseworld import AZR, STA, STA_BONN, Case, notice
from gatewayworld import BONN, KOELN, RHEIN_SIEG

from gateway.store.database import Row, Value

UNSAID: dict[str, Any] = {"empfaenger": None, "azr": None}


async def corrected(case: Case, who: str, zu: str, **head: Any) -> dict[str, Any]:
    return await case.post(who, "berichtigung", UNSAID | {"zu": zu} | head)


async def received(case: Case, who: str) -> list[str]:
    return [entry["nachricht"] for entry in await case.inbox(who)]


async def test_everybody_who_was_informed_gets_it(case: Case) -> None:
    told = await case.post(
        "koeln",
        "pruefergebnis_untersuchungshaft",
        verfahren=[{"staatsanwaltschaft": STA}, {"staatsanwaltschaft": STA_BONN}],
    )
    answer = await corrected(case, "koeln", told["nachrichten_id"])
    assert answer["entscheidung"]["empfaenger"] == [STA, STA_BONN]
    assert answer["entscheidung"]["nummer"] == "§ 20 EGGVG"
    for who in ("sta", "sta_bonn"):
        assert await received(case, who) == [told["id"], answer["id"]]
    one = (await case.vorgang_of("koeln", told["id"]))["id"]
    assert one == (await case.vorgang_of("sta", answer["id"]))["id"]


async def test_forwards_are_followed_and_a_second_correction_too(case: Case) -> None:
    told = await case.post("jva", "strafhaft_antritt")
    _, first = await case.act("koeln", "forward", told["id"], an=BONN, grund="x")
    _, second = await case.act("bonn", "forward", first["id"], an=RHEIN_SIEG, grund="x")
    correction = await corrected(case, "jva", told["nachrichten_id"])
    assert correction["entscheidung"]["empfaenger"] == [KOELN, BONN, RHEIN_SIEG]
    again = await corrected(case, "jva", told["nachrichten_id"])
    of_the_correction = await corrected(case, "jva", correction["nachrichten_id"])
    for answer in (again, of_the_correction):
        assert answer["entscheidung"]["empfaenger"] == [KOELN, BONN, RHEIN_SIEG]
    assert len(await received(case, "rhein_sieg")) == 4
    assert second["id"] in await received(case, "rhein_sieg")


async def test_a_later_forward_takes_the_corrections_along(case: Case) -> None:
    told = await case.post("jva", "strafhaft_antritt")
    first = await corrected(case, "jva", told["nachrichten_id"])
    second = await corrected(case, "jva", first["nachrichten_id"])
    await case.collect("koeln")
    _, passed = await case.act("koeln", "forward", told["id"], an=BONN, grund="x")
    assert sorted(await received(case, "bonn")) == sorted([passed["id"], first["id"], second["id"]])
    whole = await case.get("jva", f"/v1/messages/{first['id']}")
    assert whole["entscheidung"]["empfaenger"] == [KOELN, BONN]
    assert [d["status"] for d in whole["zustellungen"]] == ["zugestellt", "uebergeben"]
    assert whole["status"] == "unterwegs"
    third = await corrected(case, "jva", second["nachrichten_id"])
    assert third["entscheidung"]["empfaenger"] == [KOELN, BONN]


async def test_who_never_got_it_gets_no_correction(case: Case) -> None:
    told = await case.post("jva", "strafhaft_antritt")
    _, passed = await case.act("koeln", "forward", told["id"], an=BONN, grund="x")
    await case.act("betrieb", "cancel", passed["id"], grund="versehentlich")
    correction = await corrected(case, "jva", told["nachrichten_id"])
    assert correction["entscheidung"]["empfaenger"] == [KOELN]


async def test_of_an_unknown_notice_it_goes_to_klaerung(case: Case) -> None:
    answer = await corrected(case, "jva", "00000000-0000-4000-8000-000000000000")
    assert answer["status"] == "klaerung"
    _, assigned = await case.act("betrieb", "assign", answer["id"], an=KOELN, grund="Papierakte")
    assert assigned["entscheidung"]["empfaenger"] == [KOELN]


async def test_only_its_sender_corrects_a_notice(case: Case) -> None:
    told = await case.post("jva", "strafhaft_antritt")
    head = UNSAID | {"zu": told["nachrichten_id"]}
    status, problem = await case["koeln"].post_xml(notice("berichtigung", KOELN, head))
    assert (status, problem["entscheidung"]["entscheidung"]) == (422, "unzulaessig")


async def test_a_withheld_notice_has_nobody_to_correct_it_to(case: Case) -> None:
    told = await case.post("sta", "verfahren_eingestellt", gefaehrdet_untersuchungszweck=True)
    correction = await corrected(case, "sta", told["nachrichten_id"])
    assert correction["status"] == "klaerung"
    assert await case.inbox("koeln") == []
    withheld = await corrected(case, "sta", told["nachrichten_id"])
    assert not await case.sees("koeln", withheld["id"])


async def test_no_correction_misses_a_forward_at_the_same_moment(case: Case) -> None:
    """Whoever comes first: who was sent the notice has the correction too."""
    for an, who in ((BONN, "bonn"), (RHEIN_SIEG, "rhein_sieg"), ("abh:05316000", "leverkusen")):
        told = await case.post("jva", "strafhaft_antritt")
        _, correction, (status, passed) = await asyncio.gather(
            case.post("jva", "entlassungstermin_vorgesehen"),
            corrected(case, "jva", told["nachrichten_id"]),
            case.act("koeln", "forward", told["id"], an=an, grund="x"),
        )
        assert status == 202
        assert {correction["id"], passed["id"]} <= set(await received(case, who))


def asks() -> bool:
    """Whether a caller's request runs, not a worker."""
    task = asyncio.current_task()
    return task is not None and "RequestHandler" in repr(task.get_coro())


@asynccontextmanager
async def before_read(case: Case, nth: int, act: Callable[[], Awaitable[Any]]) -> AsyncIterator[list[Any]]:
    """`act` happens from its beginning to its end before a caller's `nth` read from now on."""
    db, done, reads = case.hub.ctx.db, list[Any](), itertools.count()
    read = db.fetch

    async def fetch(query: str, *args: Value) -> list[Row]:
        if asks() and next(reads) == nth:
            done.append(await act())
        return await read(query, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "fetch", fetch)
        yield done


@pytest.mark.parametrize("azr", ["210417123456", None], ids=["one-vorgang", "two-vorgaenge"])
@pytest.mark.parametrize("first", ["correction", "forward"])
async def test_one_of_them_at_every_point_of_the_other(case: Case, first: str, azr: str | None) -> None:
    """Also where the correction stands in another Vorgang than the notice, which had no AZR-Nummer."""
    await case.post("jva", "entlassungstermin_vorgesehen")
    for nth in itertools.count():
        told = await case.post("jva", "strafhaft_antritt", {"azr": azr})
        correct = partial(corrected, case, "jva", told["nachrichten_id"], azr=AZR)
        forward = partial(case.act, "koeln", "forward", told["id"], an=BONN, grund="x")
        outer, inner = (correct, forward) if first == "correction" else (forward, correct)
        async with before_read(case, nth, inner) as done:
            answer = await outer()
        if not done:
            break
        correction, (_, passed) = (answer, done[0]) if first == "correction" else (done[0], answer)
        assert {correction["id"], passed["id"]} <= set(await received(case, "bonn")), nth
    assert nth > 6, "fewer reads than one of these acts takes: nothing was tried"


async def test_many_messages_of_one_case_at_once_all_arrive(case: Case) -> None:
    first = await case.post("jva", "strafhaft_antritt")
    answers = await asyncio.gather(*(case.post("jva", "entlassungstermin_vorgesehen") for _ in range(12)))
    vorgang = await case.vorgang_of("koeln", first["id"])
    assert {n["id"] for n in vorgang["nachrichten"]} == {first["id"], *(answer["id"] for answer in answers)}
