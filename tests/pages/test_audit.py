"""The auditors' pages: who did what, to which message, when; looks at content; the list as a file."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from caseworld import Case
from gatewayworld import BONN
from pagesworld import Visitor, account, visiting

from gateway.service.betrieb import auditing

AUDIT = "/betrieb/revision"


@pytest.fixture
async def auditor(case: Case) -> AsyncIterator[Visitor]:
    access = await account(case.hub, "r.evision", "revision")
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        await visitor.get(AUDIT)
        yield visitor


def moments(text: str) -> list[str]:
    """What the list shows, without its markup."""
    return [re.sub(r"<[^>]+>", "", line) for line in re.findall(r"<li><time.*?</li>", text)]


async def people(case: Case) -> dict[str, str]:
    return {row["name"]: row["id"] for row in await case.hub.ctx.db.fetch("persons")}


async def test_events_by_person_act_message_and_time(case: Case, operator: Visitor, auditor: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    other = await case.post("sta", "anklage_erhoben")
    path = f"/betrieb/nachrichten/{answer['id']}/tun/zuweisen/ausfuehren"
    assert (await operator.post(path, an=BONN, grund="so")).status == 303
    ids, today = await people(case), date.fromisoformat(case.today())
    assert "Zugewiesen – b.trieb" in (await auditor.get(f"{AUDIT}?art=zuweisung")).words
    everything = (await auditor.get(AUDIT)).words
    assert "Angemeldet – r.evision" in everything
    for filled, holds, lacks in (
        ({"person": ids["b.trieb"]}, ["Angemeldet – b.trieb", "Zugewiesen – b.trieb"], ["r.evision", "Angenommen"]),
        ({"person": ids["b.trieb"], "art": "zuweisung"}, ["Zugewiesen – b.trieb"], ["Angemeldet"]),
        ({"person": "kommandozeile"}, ["Konto geändert – Kommandozeile"], ["Angemeldet", "Zugewiesen"]),
        ({"art": "anmeldung"}, ["Angemeldet – b.trieb", "Angemeldet – r.evision"], ["Zugewiesen"]),
        ({"nachricht": answer["id"]}, ["Angenommen", "Zugewiesen"], ["Angemeldet", other["id"]]),
        ({"nachricht": answer["id"], "art": "zuweisung"}, ["Zugewiesen"], ["Angenommen"]),
        ({"nachricht": other["id"], "person": ids["b.trieb"]}, [], ["Angenommen"]),
        ({"von": str(today), "bis": str(today)}, ["Angenommen"], []),
        ({"bis": str(today - timedelta(days=1))}, [], ["Angenommen", "Angemeldet"]),
        ({"von": str(today + timedelta(days=1))}, [], ["Angenommen", "Angemeldet"]),
    ):
        page = await auditor.post(AUDIT, **filled)
        assert page.status == 200, filled
        shown = " ".join(moments(page.text))
        for text in holds:
            assert text in shown, (filled, text)
        for text in lacks:
            assert text not in shown, (filled, text)


async def test_pages_follow_each_other_while_more_comes_in(
    case: Case, auditor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "EVENTS", 3)
    for n in range(5):
        await account(case.hub, f"p.{n}", "lesen")
    filled = {"art": "konto_geaendert"}
    before = [row["id"] for row in await case.hub.ctx.db.fetch("events_of_art", "konto_geaendert", "", 50)]
    counts, cursor = [], ""
    for _ in range(10):
        page = await auditor.post(AUDIT, **filled, **({"nach": cursor} if cursor else {}))
        counts.append(len(moments(page.text)))
        found = re.search(r'name="nach" value="([^"]+)"', page.text)
        if found is None:
            break
        cursor = found[1]
        assert cursor in before
        await account(case.hub, f"neu.{len(counts)}", "lesen")  # newer than where we are: shifts nothing
    assert sum(counts) == len(before) == 6
    assert counts[:2] == [3, 3]


@pytest.mark.parametrize(
    "filled",
    [{"von": "morgen"}, {"bis": "0000"}, {"art": "gibt-es-nicht"}, {"nachricht": "x"}, {"person": "x"}, {"nach": "~"}],
    ids=str,
)
async def test_a_filter_that_cannot_be_read_is_said_on_the_page(auditor: Visitor, filled: dict[str, str]) -> None:
    assert (await auditor.post(AUDIT, **filled)).status == 422
    assert (await auditor.post(f"{AUDIT}/ausfuhr", **filled)).status == 400
    assert (await auditor.get(f"{AUDIT}?art=gibt-es-nicht")).status == 404


async def test_looks_at_content_with_reason_consent_and_count(case: Case, operator: Visitor, auditor: Visitor) -> None:
    answer = await case.post("jva", "untersuchungshaft_antritt")
    look = (await operator.post(f"/betrieb/nachrichten/{answer['id']}/einsicht", grund="Rückfrage der JVA")).location
    page = (await auditor.get(f"{AUDIT}/einsichten")).words
    assert "b.trieb Rückfrage der JVA noch niemand 0-mal" in page
    assert (await auditor.post(f"{look}/zustimmen")).status == 303
    for path in ("nachricht", "teile/0"):
        assert (await operator.get(f"{look}/{path}")).status == 200
    ids = await people(case)
    for filled, seen in (({}, True), ({"person": ids["b.trieb"]}, True), ({"person": ids["r.evision"]}, False)):
        words = (await auditor.post(f"{AUDIT}/einsichten", **filled)).words
        assert ("b.trieb Rückfrage der JVA r.evision 2-mal" in words) is seen, filled
    assert (await auditor.post(f"{AUDIT}/einsichten", person="x")).status == 400


async def test_the_list_leaves_as_a_file_and_that_is_an_event(
    case: Case, auditor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "EXPORTED", 2)
    await account(case.hub, "=HYPERLINK(1)", "lesen")
    answer = await auditor.post(f"{AUDIT}/ausfuhr")
    assert answer.status == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ereignisse.csv"'
    assert answer.text.startswith("\ufeffzeitpunkt;")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert (rows[0]["art"], rows[0]["wer"]) == ("ausfuhr", "r.evision")  # recorded before the first line
    stored = await case.hub.ctx.db.fetch("audit", "~", "", 0, 2**62, 1000)
    assert [row["art"] for row in rows] == [row["art"] for row in stored]
    assert [row["zeitpunkt"] for row in rows] == sorted((row["zeitpunkt"] for row in rows), reverse=True)
    monkeypatch.setattr(auditing, "EXPORTED", 500)
    some = await auditor.post(f"{AUDIT}/ausfuhr", art="anmeldung", bis=case.today())
    rows = list(csv.DictReader(io.StringIO(some.text.removeprefix("\ufeff")), delimiter=";"))
    assert {row["art"] for row in rows} == {"anmeldung"}
    (event, _) = await case.hub.ctx.db.fetch("audit_of_art", "~", "", 0, 2**62, 2, "ausfuhr")
    assert '"art": "anmeldung"' in event["detail"]


def test_a_cell_is_never_a_formula() -> None:
    for text in ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1"):
        assert auditing._harmless(text) == f"'{text}"
    assert auditing._harmless("1=1") == "1=1"
