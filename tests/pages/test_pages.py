"""The pages with real messages: what they show, what is done with them, what is looked at and by whom."""

import asyncio
import html
import io
import re
from typing import Any

import pytest
from caseworld import AZR, JS, STA, Case, until
from gatewayworld import BONN, KOELN, RHEIN_SIEG, agree
from pagesworld import Visitor, account, visiting

from gateway.partner import Partner
from gateway.pki import agreed
from gateway.pki_issue import Request
from gateway.service.evidence.proving import verify_package

REASON = {"grund": "Weisung vom 22.11."}


async def act(visitor: Visitor, message_id: str, name: str, **fields: str) -> str:
    """Form, confirmation, deed; what the confirmation says."""
    path = f"/betrieb/nachrichten/{message_id}/tun/{name}"
    assert (await visitor.get(path)).status == 200
    confirmation = await visitor.post(path, **fields)
    assert confirmation.status == 200, confirmation.words
    assert "Das wird geschehen" in confirmation.text
    done = await visitor.post(f"{path}/ausfuehren", **fields)
    assert (done.status, done.location) == (303, f"/betrieb/nachrichten/{message_id}?getan=1"), done.words
    assert "Ausgeführt" in (await visitor.get(done.location)).words
    return confirmation.words


async def status_of(case: Case, message_id: str) -> str:
    return str((await case.get("betrieb", f"/v1/messages/{message_id}"))["status"])


async def test_overview_list_and_message_show_one_notice(case: Case, operator: Visitor) -> None:
    assert "Niemand muss gerade eingreifen" in (await operator.get("/betrieb/")).words
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    overview = await operator.get("/betrieb/")
    assert f"/betrieb/nachrichten/{answer['id']}" in overview.text
    assert "kein Empfänger" in overview.words
    assert 'class="saeule"' in overview.text
    assert "Nachrichten 1 geprüfte Quittungen 0 " in overview.words
    listed = await operator.get("/betrieb/nachrichten")
    assert answer["id"] in listed.text
    assert "voreingestellt sind die letzten 30 Tage" in listed.words
    page = await operator.get(f"/betrieb/nachrichten/{answer['id']}")
    assert page.status == 200
    for text in ("Klärung", "Nach dem Erlass entschieden", answer["entscheidung"]["begruendung"][0]["text"]):
        assert text in page.words, text
    assert "Mit Eingang" in page.words or "Wortlaut der Nummer 2.1" in page.words


async def test_a_withheld_notice_is_shown_once_its_sender_was_reminded(case: Case, operator: Visitor) -> None:
    """However many newer ones there are, and not before."""
    old = (await withheld(case))["id"]
    assert "schon erinnert" not in (await operator.get("/betrieb/")).words
    case.later(31)
    for _ in range(6):
        await withheld(case)
    shown = await overview_from(case, "schon erinnert")
    assert re.findall(r'href="/betrieb/nachrichten/([0-9a-f-]{36})"', shown) == [old]


async def overview_from(case: Case, heading: str) -> str:
    """The overview from a heading on, as soon as it has that; by somebody who logs in now: the clock went ahead."""
    access = await account(case.hub, "n.eu", "betrieb")
    async with visiting(case.hub, case.hub_ca, access) as visitor, asyncio.timeout(30):
        while True:
            before, found, after = (await visitor.get("/betrieb/")).text.partition(heading)
            if found:
                return after
            assert "Übersicht" in before
            await asyncio.sleep(0.05)


async def withheld(case: Case) -> dict[str, Any]:
    head = {"aktenzeichen": f"7-{len(case.ids)}/26"}
    return await case.post("polizei", "ermittlungsverfahren_eingeleitet", head, gefaehrdet_untersuchungszweck=True)


async def test_what_is_late_is_shown_with_its_last_error(case: Case) -> None:
    pair = case.hub_ca.issue(Request(purpose="encrypt", name="Stadt Bonn"))
    certificates = (agreed("verschluesselung", pair.certificate), agreed("signatur", pair.certificate))
    down = "https://localhost:1/as2"
    await agree(
        case.hub,
        Partner(id="bonn", behoerden=(BONN,), weg="as2", url=down, as2_id="bonn", zertifikate=certificates),
    )
    facts = {"azr": {"abgefragt": True, "aktenfuehrende_abh": BONN}}
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", **facts)

    async def tried() -> list[str]:
        (delivery,) = (await case.get("betrieb", f"/v1/messages/{answer['id']}"))["zustellungen"]
        return [delivery["letzter_fehler"]] if delivery["letzter_fehler"] else []

    (error,) = await until(tried, 1)
    case.later(1.1)
    shown = await overview_from(case, "Verspätete Zustellungen")
    assert answer["id"] in shown
    assert error in html.unescape(shown)


async def test_a_search_is_a_post_and_finds_by_what_is_personal(case: Case, operator: Visitor) -> None:
    first = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    other = await case.post("jva", "untersuchungshaft_antritt")
    for field, value, wanted in (
        ("nachrichten_id", first["nachrichten_id"], first["id"]),
        ("absender", "gds:R8088", other["id"]),
        ("nummer", first["entscheidung"]["nummer"], first["id"]),
    ):
        found = await operator.post("/betrieb/nachrichten", **{field: value})
        assert re.findall(
            r'th scope="row" role="rowheader"><a href="/betrieb/nachrichten/([0-9a-f-]+)"', found.text
        ) == [wanted], field
    assert (await operator.post("/betrieb/nachrichten", von="gestern")).status == 422
    assert other["id"] in (await operator.get("/betrieb/nachrichten?status=unterwegs&azr_nummer=1")).text


async def test_the_next_page_of_a_list(case: Case, operator: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.service.views.searching.DEFAULT_COUNT", 2)
    ids = [(await case.post("jva", "untersuchungshaft_antritt"))["id"] for _ in range(3)]
    found = r'th scope="row" role="rowheader"><a href="/betrieb/nachrichten/([0-9a-f-]+)"'
    first = await operator.post("/betrieb/nachrichten", absender="gds:R8088")
    cursor = re.search(r'name="nach" value="([^"]+)"', first.text)
    assert cursor is not None
    second = await operator.post("/betrieb/nachrichten", absender="gds:R8088", nach=cursor[1])
    assert re.findall(found, first.text) + re.findall(found, second.text) == ids[::-1]


async def test_assigning_says_what_will_happen_then_does_it(case: Case, operator: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    path = f"/betrieb/nachrichten/{answer['id']}/tun/zuweisen"
    for wrong in ({"an": BONN}, {"an": "abh:99999999", **REASON}, {"an": "", **REASON}):
        refused = await operator.post(path, **wrong)
        assert refused.status in (400, 422)
        assert 'role="alert"' in refused.text
    assert await status_of(case, answer["id"]) == "klaerung"
    said = await act(operator, answer["id"], "zuweisen", an=BONN, **REASON)
    assert BONN in said
    message = await case.get("betrieb", f"/v1/messages/{answer['id']}")
    assert message["entscheidung"]["empfaenger"] == [BONN]
    (event,) = [e for e in await case.events("polizei", answer["id"]) if e["art"] == "zuweisung"]
    assert event["akteur"].startswith("person:")
    assert event["angaben"]["grund"] == REASON["grund"]
    assert (await operator.get(path)).status == 409


async def test_releasing_resending_cancelling(case: Case, operator: Visitor) -> None:
    withheld = await case.post("polizei", "ermittlungsverfahren_eingeleitet", gefaehrdet_untersuchungszweck=True)
    await act(operator, withheld["id"], "freigeben", **REASON)
    assert await status_of(case, withheld["id"]) == "unterwegs"
    stuck = await case.post("jva", "strafhaft_antritt", {"test": True})
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf", test=True))
    await act(operator, stuck["id"], "neu-versenden", **REASON)
    assert len(await case.inbox("koeln")) == 1
    said = await act(operator, stuck["id"], "stornieren", **REASON)
    assert "endet" in said
    assert await status_of(case, stuck["id"]) == "storniert"


async def test_content_is_kept_beyond_its_days(case: Case, operator: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    page = f"/betrieb/nachrichten/{answer['id']}"
    await act(operator, answer["id"], "aufbewahren", **REASON)
    assert "über die Frist hinaus" in (await operator.get(page)).words
    assert (await operator.get(f"{page}/tun/aufbewahren")).status == 409
    await act(operator, answer["id"], "aufbewahrung-beenden", **REASON)
    assert "über die Frist hinaus" not in (await operator.get(page)).words
    arts = [e["art"] for e in await case.events("betrieb", answer["id"]) if e["art"].startswith("aufbewahrung")]
    assert arts == ["aufbewahrung", "aufbewahrung_ende"]


async def test_an_authority_forwards_what_it_received(case: Case) -> None:
    answer = await case.post("jva", "untersuchungshaft_antritt", wohnsitz_ags=None)
    access = await account(case.hub, "k.oeln", "betrieb", behoerden=(KOELN,))
    async with visiting(case.hub, case.hub_ca, access) as koeln:
        assert "Eingangsfach" in (await koeln.get("/betrieb/")).words
        said = await act(koeln, answer["id"], "weiterleiten", an=RHEIN_SIEG, grund="wohnt in Siegburg")
        assert "unveränderte Original" in said
        page = (await koeln.get(f"/betrieb/nachrichten/{answer['id']}")).words
        assert "Weiterleitungen" in page
        assert RHEIN_SIEG in page
    assert len(await case.inbox("rhein_sieg")) == 1


async def test_content_needs_a_reason_and_a_second_person(case: Case, operator: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    path = f"/betrieb/nachrichten/{answer['id']}/einsicht"
    assert (await operator.get(path)).status == 200
    assert (await operator.post(path, grund="")).status == 422
    asked = await operator.post(path, **REASON)
    look = asked.location
    assert "zweite Person muss zustimmen" in (await operator.get(look)).words
    for closed in ("/nachricht", "/teile/0"):
        assert (await operator.get(look + closed)).status == 409
    assert (await operator.post(f"{look}/zustimmen")).status == 404  # never one's own
    second = await account(case.hub, "z.weit", "revision")
    async with visiting(case.hub, case.hub_ca, second) as other:
        assert (await other.get(look)).status == 404
        waiting = await other.get("/betrieb/einsichten")
        assert "b.trieb möchte den Inhalt" in waiting.words
        assert (await other.post(f"{look}/zustimmen")).location == "/betrieb/einsichten"
        assert (await other.post(f"{look}/zustimmen")).status == 409
        assert (await other.get(f"{look}/nachricht")).status == 404
    page = await operator.get(f"{look}/nachricht")
    assert page.status == 200
    assert "Beispielová" in page.text
    assert "script" not in page.headers["Content-Security-Policy"]
    xml = await operator.get(f"{look}/teile/0")
    assert answer["nachrichten_id"] in xml.text
    assert xml.headers["Content-Disposition"].startswith("attachment")
    assert (await operator.get(f"{look}/teile/7")).status == 404
    arts = [e["art"] for e in await case.events("betrieb", answer["id"]) if e["art"].startswith("einsicht")]
    assert arts == ["einsicht_erbeten", "einsicht_zugestimmt", "einsicht", "einsicht"]


async def test_a_look_ends(case: Case, operator: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    config = case.hub.ctx.config
    alone = config.betrieb.model_copy(update={"vier_augen": False})
    case.hub.ctx.config = config.model_copy(update={"betrieb": alone})
    look = (await operator.post(f"/betrieb/nachrichten/{answer['id']}/einsicht", **REASON)).location
    assert (await operator.get(f"{look}/nachricht")).status == 200
    later = case.hub.ctx.now() + 31 * 60_000_000
    monkeypatch.setattr("gateway.service.betrieb.looking.Looking._end", lambda self, row: later - 62 * 60_000_000)
    assert (await operator.get(f"{look}/nachricht")).status == 409
    assert "beendet" in (await operator.get(look)).words


async def test_no_content_on_any_page_without_a_look(case: Case, operator: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    for path in ("/betrieb/", "/betrieb/nachrichten", f"/betrieb/nachrichten/{answer['id']}", "/betrieb/fristen"):
        page = await operator.get(path)
        assert page.status == 200
        assert "Beispielová" not in page.text
        assert AZR not in page.text


async def test_the_evidence_is_the_package_that_verifies_offline(case: Case, operator: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    address = f"/betrieb/nachrichten/{answer['id']}/nachweis"
    async with asyncio.timeout(30):
        while (got := await operator.get(address)).status == 503:  # the log has yet to seal its events
            assert "Protokoll" in got.words
            await asyncio.sleep(0.05)
    assert got.headers["Content-Disposition"] == f"attachment; filename=nachweis-{answer['id']}.tar"
    found = verify_package(io.BytesIO(got.raw), [case.hub.ctx.keys.pairs["log"][0].certificate])
    assert found.verified, found
    assert (await operator.call("HEAD", address)).status == 200


async def test_vorgang_duties_rules_partners_certificates(case: Case, operator: Visitor) -> None:
    answer = await case.post("jva", "untersuchungshaft_antritt")
    await case.collect("koeln")
    found = await operator.post("/betrieb/vorgaenge", nachrichten_id=answer["nachrichten_id"])
    vorgang = re.search(r'href="(/betrieb/vorgaenge/[0-9a-f-]+)"', found.text)
    assert vorgang is not None
    page = (await operator.get(vorgang[1])).words
    assert "Nachweislich unterrichtet" in page
    assert KOELN in page
    assert "3.3" in (await operator.get("/betrieb/fristen")).words
    assert "untersuchungshaft_antritt" in (await operator.get("/betrieb/regeln/3.2")).words
    assert "Nummer 3.2" in (await operator.get("/betrieb/regeln")).words
    assert (await operator.get("/betrieb/regeln/99")).status == 404
    partners = await operator.get("/betrieb/partner")
    name = re.search(r'href="(/betrieb/partner/[a-z0-9_.-]+)"', partners.text)
    assert name is not None
    assert 'class="fenster"' in (await operator.get(name[1])).text
    assert (await operator.get("/betrieb/partner/niemand")).status == 404
    assert "dieses Gateway" in (await operator.get("/betrieb/zertifikate")).words
    assert (await operator.post("/betrieb/partner/koeln/pruefen")).status in (404, 409)
    assert JS not in (await operator.get("/betrieb/fristen")).text


async def test_a_lane_is_held_and_goes_on(case: Case, operator: Visitor) -> None:
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf"))
    lane = "/betrieb/partner/koeln/spur"
    assert (await operator.get("/betrieb/partner/niemand/spur/anhalten")).status == 404
    assert (await operator.get(f"{lane}/loeschen")).status == 404
    assert (await operator.get(f"{lane}/anhalten")).status == 200
    for address in (f"{lane}/anhalten", f"{lane}/anhalten/ausfuehren"):
        assert (await operator.post(address, grund="")).status == 422
    assert "Andere Partner sind nicht betroffen" in (await operator.post(f"{lane}/anhalten", **REASON)).words
    assert "angehalten" not in (await operator.get("/betrieb/partner")).words
    assert (await operator.post(f"{lane}/anhalten/ausfuehren", **REASON)).location == "/betrieb/partner/koeln"
    assert f"angehalten: {REASON['grund']}" in (await operator.get("/betrieb/partner/koeln")).words
    assert "angehalten" in (await operator.get("/betrieb/")).words
    assert (await operator.post(f"{lane}/anhalten/ausfuehren", **REASON)).status == 409
    assert (await operator.post(f"{lane}/weiter/ausfuehren", **REASON)).status == 303
    assert "holt seine Nachrichten selbst ab" in (await operator.get("/betrieb/partner/koeln")).words


async def test_the_directory_is_corrected_with_a_look_before(case: Case) -> None:
    access = await account(case.hub, "v.walt", "verwaltung")
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        row = f"/betrieb/verzeichnis/behoerde/{KOELN}"
        assert KOELN in (await visitor.get("/betrieb/verzeichnis?text=Stadt+K%C3%B6ln")).text
        assert (await visitor.get(row)).status == 200
        assert (await visitor.post(row, name="Stadt Köln, Amt 33")).status == 422  # no reason
        assert (await visitor.post(row, **REASON)).status == 422  # nothing changes
        shown = await visitor.post(row, name="Stadt Köln, Amt 33", **REASON)
        assert "Stadt Köln, Amt 33" in shown.words
        assert "Nie berichtigt" in (await visitor.get(row)).words
        assert (await visitor.post(f"{row}/berichtigen", name="Stadt Köln, Amt 33", **REASON)).location == row
        assert "durch v.walt" in (await visitor.get(row)).words
        assert (await visitor.get("/betrieb/verzeichnis/behoerde/abh:0")).status == 404
        assert (await visitor.get("/betrieb/verzeichnis?tabelle=person")).status == 404
    found = case.hub.ctx.directory.behoerde(KOELN)
    assert found is not None
    assert found.name == "Stadt Köln, Amt 33"


async def test_accounts_are_kept_at_the_pages(case: Case) -> None:
    access = await account(case.hub, "v.walt", "verwaltung")
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        made = await visitor.post("/betrieb/konten", name="n.eu", rolle_lesen="1", behoerden=STA)
        password = re.search(r"Passwort</dt><dd><code>([^<]+)", made.text)
        assert password is not None
        assert password[1] not in (await visitor.get("/betrieb/konten")).text
        assert (await visitor.post("/betrieb/konten", name="n.eu", rolle_lesen="1")).status == 422
        ids = {each["name"]: each["id"] for each in await case_accounts(case)}
        assert (await visitor.post(f"/betrieb/konten/{ids['n.eu']}/sperren")).status == 303
        assert "gesperrt" in (await visitor.get("/betrieb/konten")).words
        assert (await visitor.post(f"/betrieb/konten/{ids['v.walt']}/sperren")).status == 422
        assert (await visitor.post(f"/betrieb/konten/{ids['n.eu']}/erneuern")).status == 200
        assert (await visitor.post(f"/betrieb/konten/{ids['n.eu']}/loeschen")).status == 404
        assert (await visitor.post("/betrieb/konto", bisher="falsch", neu="x" * 14)).status == 422
        changed = await visitor.post("/betrieb/konto", bisher=access.password, neu="ein ganz neues Passwort")
        assert changed.location == "/betrieb/anmelden"
        assert (await visitor.get("/betrieb/")).status == 303


async def case_accounts(case: Case) -> list[dict[str, Any]]:
    from gateway.service.betrieb.people import People

    return await People(case.hub.ctx).all()
