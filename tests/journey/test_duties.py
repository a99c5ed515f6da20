"""Duties: opened and fulfilled as the decree says, reminded once, listed for operators."""

import asyncio
import copy
import json
import uuid
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest
from caseworld import AZR, JS, PERSON, STA, Case, name_of, until
from click.testing import CliRunner
from gatewayworld import BONN, KOELN, RHEIN_SIEG, Site

from gateway.check.compose import Datei, NoticeHead
from gateway.check.compose_any import compose_any
from gateway.cli.main import cli
from routing import Sachverhalt

SILENT: dict[str, Any] = {"unterrichtet_nach_2_5": None}
VERURTEILUNG: dict[str, Any] = {
    "erledigtAm": "2026-09-24",
    "auswahl_erledigung": {
        "verurteilung": {
            "rechtskraftAm": "2026-10-02",
            "auswahl_urteil": {"urteilFolgt": True},
            "auswahl_rechtsfolge": {"ohneFreiheitsentziehung": True},
        }
    },
}


TIME_456A = {"auswahl_nachgereicht": {"massnahme456aAb": "2027-03-31"}}


async def bring_urteil(case: Case, about: dict[str, Any]) -> None:
    """The Urteil alone comes after its notice."""
    document, name = str(uuid.uuid4()), f"Urteil_{uuid.uuid4()}.pdf"
    head = NoticeHead(
        eigene_id=str(uuid.uuid4()),
        erstellt=datetime.now(UTC),
        empfaenger=KOELN,
        aktenzeichen=JS,
        azr_nummer=AZR,
        fremde_id=about["nachrichten_id"],
    )
    facts = Sachverhalt.from_json({"anlass": "urteil_nachgereicht", "absender": STA})
    mehr = {"auswahl_nachgereicht": {"urteil": {"ref.sgo": document}}}
    xml = compose_any(facts, head, PERSON, [Datei(name, document, "Urteil")], mehr, name_of)
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("nachricht", xml, content_type="application/xml", filename="nachricht.xml")
    form.add_field("datei", b"%PDF-1.7", content_type="application/pdf", filename=name)
    status, answer = await case["sta"].call("POST", "/v1/messages", data=form)
    assert status == 202, answer


async def duties(case: Case, who: str, message_id: str) -> list[tuple[str, str, bool]]:
    """Number, who owes it, whether it is done."""
    found = (await case.vorgang_of(who, message_id))["pflichten"]
    return [(duty["nummer"], duty["pflichtig"], duty["erledigt_am"] is not None) for duty in found]


@pytest.mark.parametrize("eilig", [True, False])
async def test_2_5_the_answer_is_watched_where_the_ersuchen_is_eilbeduerftig(case: Case, eilig: bool) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen", eilbeduerftig=eilig)
    assert await duties(case, "koeln", asked["id"]) == ([("2.5 Satz 5", STA, False)] if eilig else [])
    await case.post("sta", "einvernehmen_entscheidung", {"zu": asked["nachrichten_id"]})
    opened = await duties(case, "koeln", asked["id"])
    assert [duty for duty in opened if duty[0] == "2.5 Satz 5"] == ([("2.5 Satz 5", STA, True)] if eilig else [])


async def test_2_5_a_withdrawn_ersuchen_needs_no_answer(case: Case) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen")
    await case.post("koeln", "ersuchen_zurueckgenommen")
    assert await duties(case, "koeln", asked["id"]) == [("2.5 Satz 5", STA, True)]


@pytest.mark.parametrize("granted", [True, False])
async def test_2_6_after_a_granted_einvernehmen(case: Case, granted: bool) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen", eilbeduerftig=False)
    word = {"einvernehmenErteilt": {}} if granted else {"einvernehmenVersagt": {"grund": "Zeuge im Verfahren"}}
    head = {"zu": asked["nachrichten_id"], "mehr": {"auswahl_entscheidung": word}}
    decided = await case.post("sta", "einvernehmen_entscheidung", head)
    assert await duties(case, "koeln", decided["id"]) == ([("2.6", KOELN, False)] if granted else [])
    await case.post("koeln", "abschiebung_nicht_durchgefuehrt", {"zu": decided["nachrichten_id"]})
    assert await duties(case, "sta", decided["id"]) == ([("2.6", KOELN, True)] if granted else [])


@pytest.mark.parametrize("measures", [True, False])
async def test_3_3_the_examination_is_done_either_way(case: Case, measures: bool) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt")
    assert await duties(case, "jva", arrived["id"]) == [("3.3", KOELN, False)]
    await case.post("koeln", "pruefergebnis_untersuchungshaft", massnahmen_kommen_in_betracht=measures)
    assert await duties(case, "koeln", arrived["id"]) == [("3.3", KOELN, True)]


async def test_3_3_moves_with_a_forward(case: Case) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt")
    await case.act("koeln", "forward", arrived["id"], an=BONN, grund="wohnt in Bonn")
    opened = await duties(case, "betrieb", arrived["id"])
    assert opened == [("3.3", KOELN, True), ("3.3", BONN, False)]
    await case.post("bonn", "pruefergebnis_untersuchungshaft")
    assert (await duties(case, "betrieb", arrived["id"]))[1] == ("3.3", BONN, True)


async def test_3_3_that_is_done_does_not_open_again_by_a_forward(case: Case) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt")
    await case.post("koeln", "pruefergebnis_untersuchungshaft")
    await case.act("koeln", "forward", arrived["id"], an=BONN, grund="umgezogen")
    assert await duties(case, "betrieb", arrived["id"]) == [("3.3", KOELN, True)]


async def test_2_6_the_new_abh_fulfils_what_the_old_one_owed(case: Case) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen", eilbeduerftig=False)
    decided = await case.post("sta", "einvernehmen_entscheidung", {"zu": asked["nachrichten_id"]})
    await case.post("koeln", "zustaendigkeitswechsel")
    await case.post("rhein_sieg", "abschiebung_durchgefuehrt", {"zu": None})
    assert await duties(case, "koeln", decided["id"]) == [("2.6", KOELN, True)]


async def test_4_2_the_result_of_the_hauptverhandlung(case: Case) -> None:
    hearing = await case.post("sta", "hauptverhandlung_termin")
    assert await duties(case, "koeln", hearing["id"]) == [("4.2 Satz 3", STA, False)]
    await case.post("sta", "hauptverhandlung_ergebnis", {"zu": hearing["nachrichten_id"]})
    assert await duties(case, "sta", hearing["id"]) == [("4.2 Satz 3", STA, True)]


async def test_4_2_what_is_dispensable_opens_nothing(case: Case) -> None:
    hearing = await case.post("sta", "hauptverhandlung_termin", **SILENT)
    assert await duties(case, "sta", hearing["id"]) == []


async def test_5_1_the_urteil_that_follows(case: Case) -> None:
    done = await case.post("sta", "verfahren_erledigt", {"mehr": VERURTEILUNG}, halbstrafenzeitpunkt=None)
    assert await duties(case, "koeln", done["id"]) == [("5.1", STA, False)]
    await case.post("sta", "urteil_nachgereicht", {"mehr": TIME_456A, "zu": done["nachrichten_id"]})
    assert await duties(case, "koeln", done["id"]) == [("5.1", STA, False)], "the Urteil is still owed"
    await bring_urteil(case, done)
    assert await duties(case, "koeln", done["id"]) == [("5.1", STA, True)]


@pytest.mark.parametrize("urteil_first", [True, False])
async def test_5_1_urteil_and_time_follow_one_by_one(case: Case, urteil_first: bool) -> None:
    mehr = copy.deepcopy(VERURTEILUNG)
    sentence = mehr["auswahl_erledigung"]["verurteilung"]
    sentence["auswahl_rechtsfolge"] = {"freiheitsentziehung": {"auswahl_massnahme456a": {"massnahme456aFolgt": True}}}
    done = await case.post("sta", "verfahren_erledigt", {"mehr": mehr}, halbstrafenzeitpunkt=None)
    assert await duties(case, "koeln", done["id"]) == [("5.1", STA, False)] * 2
    time = partial(case.post, "sta", "urteil_nachgereicht", {"mehr": TIME_456A, "zu": done["nachrichten_id"]})
    urteil = partial(bring_urteil, case, done)
    first, second = (urteil, time) if urteil_first else (time, urteil)
    await first()
    assert sorted(end for *_, end in await duties(case, "koeln", done["id"])) == [False, True]
    await second()
    assert await duties(case, "koeln", done["id"]) == [("5.1", STA, True)] * 2


async def test_5_1_an_acquittal_opens_nothing(case: Case) -> None:
    mehr = {"erledigtAm": "2026-09-24", "auswahl_erledigung": {"freispruch": True}}
    done = await case.post("sta", "verfahren_erledigt", {"mehr": mehr}, halbstrafenzeitpunkt=None)
    assert await duties(case, "koeln", done["id"]) == []


@pytest.mark.parametrize(("half", "due"), [("2027-03-31", "2027-02-28"), ("2027-05-15", "2027-04-15")])
async def test_5_6_one_month_before_the_halbstrafenzeitpunkt(case: Case, half: str, due: str) -> None:
    same = [{"staatsanwaltschaft": STA, "aktenzeichen": JS}]
    arrived = await case.post("jva", "strafhaft_antritt", halbstrafenzeitpunkt=half, verfahren=same)
    (duty,) = (await case.vorgang_of("koeln", arrived["id"]))["pflichten"]
    assert (duty["nummer"], duty["pflichtig"], duty["faellig_am"]) == ("5.6 Satz 1", KOELN, due)
    await case.post("koeln", "pruefergebnis_vollstreckung", halbstrafenzeitpunkt=None, verfahren=same)
    assert await duties(case, "jva", arrived["id"]) == [("5.6 Satz 1", KOELN, True)]


async def test_5_6_a_newer_day_replaces_the_older_one_and_moves_with_a_forward(case: Case) -> None:
    await case.post("jva", "strafhaft_antritt", halbstrafenzeitpunkt="2027-03-31")
    moved = await case.post("jva", "strafhaft_verlegung", halbstrafenzeitpunkt="2027-06-30")
    (duty,) = (await case.vorgang_of("koeln", moved["id"]))["pflichten"]
    assert duty["faellig_am"] == "2027-05-30"
    await case.act("koeln", "forward", moved["id"], an=RHEIN_SIEG, grund="wohnt dort")
    shown = (await case.vorgang_of("betrieb", moved["id"]))["pflichten"]
    assert [(d["pflichtig"], d["faellig_am"], d["erledigt_am"] is None) for d in shown] == [
        (KOELN, "2027-05-30", False),
        (RHEIN_SIEG, "2027-05-30", True),
    ]


# --- reminders --------------------------------------------------------------------------------------------------------


async def reminders(case: Case, who: str, message_id: str) -> list[dict[str, Any]]:
    return [e for e in await case.events(who, message_id) if e["art"] == "erinnerung"]


async def test_what_is_due_at_once_is_reminded_after_a_week_once(case: Case) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt")
    case.later(6)
    await asyncio.sleep(0.2)
    assert await reminders(case, "koeln", arrived["id"]) == []
    case.later(1)
    (event,) = await until(lambda: reminders(case, "koeln", arrived["id"]), 1)
    assert (event["angaben"]["nummer"], event["angaben"]["pflichtig"]) == ("3.3", KOELN)
    assert len(await reminders(case, "jva", arrived["id"])) == 1  # its sender sees everything of its message
    (duty,) = (await case.vorgang_of("koeln", arrived["id"]))["pflichten"]
    assert duty["erinnert_am"] is not None
    case.later(20)
    await asyncio.sleep(0.2)
    assert len(await reminders(case, "koeln", arrived["id"])) == 1


async def test_a_day_is_reminded_two_weeks_ahead(case: Case) -> None:
    half = date.fromisoformat(case.today()) + timedelta(days=80)
    arrived = await case.post("jva", "strafhaft_antritt", halbstrafenzeitpunkt=half.isoformat())
    (duty,) = (await case.vorgang_of("koeln", arrived["id"]))["pflichten"]
    left = (date.fromisoformat(duty["faellig_am"]) - date.fromisoformat(case.today())).days
    case.later(left - 15)
    await asyncio.sleep(0.2)
    assert await reminders(case, "koeln", arrived["id"]) == []
    case.later(1)
    await until(lambda: reminders(case, "koeln", arrived["id"]), 1)


async def test_what_is_done_is_not_reminded(case: Case) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt")
    await case.post("koeln", "pruefergebnis_untersuchungshaft")
    case.later(30)
    await asyncio.sleep(0.2)
    assert await reminders(case, "koeln", arrived["id"]) == []


async def test_the_one_who_owes_it_is_reminded_also_as_the_sender(case: Case) -> None:
    hearing = await case.post("sta", "hauptverhandlung_termin")
    case.later(8)
    await until(lambda: reminders(case, "sta", hearing["id"]), 1)
    assert await reminders(case, "koeln", hearing["id"]) == []


async def test_two_gateways_remind_once(case: Case) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt")
    case.later(8)
    await asyncio.gather(*(case.hub.reminding.remind() for _ in range(5)))
    await asyncio.sleep(0.1)
    assert len(await reminders(case, "koeln", arrived["id"])) == 1


# --- the operators' list ----------------------------------------------------------------------------------------------


async def listed(site: Site, *arguments: str) -> str:
    command = ["--config", str(site.folder / "gateway.toml"), "list", "--pflichten", *arguments]
    result = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_operators_list_what_is_due(case: Case, hub_site: Site) -> None:
    arrived = await case.post("jva", "untersuchungshaft_antritt", halbstrafenzeitpunkt="2027-03-31")
    found = json.loads(await listed(hub_site, "--json"))
    assert [(d["nummer"], d["pflichtig"], d["faellig_am"]) for d in found["eintraege"]] == [
        ("3.3", KOELN, case.today()),
    ]
    found = json.loads(await listed(hub_site, "--json", "--bis", "2027-12-31"))
    assert [d["nummer"] for d in found["eintraege"]] == ["3.3", "5.6 Satz 1"]
    assert {d["nachricht"] for d in found["eintraege"]} == {arrived["id"]}
    table = await listed(hub_site, "--bis", "2027-12-31")
    assert "5.6 Satz 1" in table
    assert JS not in table
