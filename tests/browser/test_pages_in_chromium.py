"""The pages in Debian's chromium: each page, each act; by keyboard, at 320 pixels, in both themes, without script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gatewayworld import BONN, RHEIN_SIEG
from pagesworld import current_code, visiting
from playwright.async_api import Locator, Page, expect

from tests.browser.visits import NO_PAGE, REASON, VISITS, Visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.browser.conftest import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
NARROW: Any = {"viewport": {"width": 320, "height": 640}}
WIDE: Any = {"viewport": {"width": 1280, "height": 800}}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def barriers(page: Page, axe: str) -> list[str]:
    """What axe-core finds on the page; evaluated from outside, so that the page's own policy stays as it is."""
    await page.evaluate(axe)
    found = await page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", WCAG
    )
    return [f"{each['id']}: {node['html'][:150]}" for each in found["violations"] for node in each["nodes"]]


async def test_every_address_of_the_router_is_visited(stage: Stage) -> None:
    routes = stage.case.hub.pages.app().router.routes()
    known = {(each.method, each.resource.canonical) for each in routes if each.resource is not None}
    known -= {each for each in known if each[0] == "HEAD"}
    assert known == {(visit.method, visit.route) for visit in VISITS} | NO_PAGE


async def looks(stage: Stage) -> dict[str, str]:
    """A look that is open, and one that waits for a second person."""
    found = {}
    for name, who, message in (("offen", "koeln", "haft"), ("wartet", "betrieb", "zugestellt")):
        person = stage.day.access[who].id
        seen = await stage.case.hub.ctx.db.fetch("looks_of_person", person, 1)
        if not seen:
            async with visiting(stage.case.hub, stage.case.hub_ca) as visitor:
                visitor.cookie = stage.day.cookies[who]
                await visitor.get("/betrieb/konto")
                await visitor.post(f"/betrieb/nachrichten/{stage.ids[message]}/einsicht", grund=REASON)
            seen = await stage.case.hub.ctx.db.fetch("looks_of_person", person, 1)
        found[name] = str(seen[0]["id"])
    return found


async def come(page: Page, base: str, visit: Visit, filled: Mapping[str, str]) -> int:
    """Goes to a page, by its address or by a form; the status of the answer."""
    path = base + visit.path.format(**filled)
    if visit.method == "GET":
        answer = await page.goto(path)
    else:
        await page.goto(f"{base}/betrieb/konto" if visit.who else f"{base}/betrieb/anmelden")
        form = {name: value.format(**filled) for name, value in visit.form.items()}
        async with page.expect_navigation() as going:
            await page.evaluate(SEND, [path, form])
        answer = await going.value
    assert answer is not None
    return answer.status


SEND = """([path, fields]) => {
  const mark = document.querySelector("input[name=marke]");
  const form = Object.assign(document.createElement("form"), {method: "post", action: path});
  for (const [name, value] of Object.entries({...(mark ? {marke: mark.value} : {}), ...fields}))
    form.append(Object.assign(document.createElement("input"), {name, value}));
  document.body.append(form);
  form.submit();
}"""


@pytest.mark.parametrize(("theme", "size"), [("light", NARROW), ("dark", WIDE)], ids=["light-320", "dark-1280"])
async def test_no_page_has_a_barrier_in_either_theme(stage: Stage, window: Any, theme: str, size: Any) -> None:
    message = await stage.case.get("betrieb", f"/v1/messages/{stage.ids['zugestellt']}")
    filled = stage.ids | await looks(stage)
    filled |= {"vorgang": message["vorgang"], "zugestellt_eigene": message["nachrichten_id"], "lauf": theme}
    pages: dict[str | None, Page] = {}
    found: dict[str, list[str]] = {}
    for visit in VISITS:
        if visit.who not in pages:
            pages[visit.who] = await window(visit.who, "/betrieb/anmelden", color_scheme=theme, **size)
        page = pages[visit.who]
        status = await come(page, stage.base, visit, filled)
        faults = await barriers(page, stage.axe)
        width = await page.evaluate("document.documentElement.scrollWidth")
        faults += [f"{width} pixels wide"] if width > size["viewport"]["width"] else []
        faults += [f"{status} instead of {visit.status}"] if status != visit.status else []
        found[f"{visit.who} {visit.method} {visit.path} {visit.form}"] = faults
    assert {path: each for path, each in found.items() if each} == {}


async def test_log_in_and_out_by_keyboard_alone(stage: Stage, window: Any) -> None:
    page = await window(None)
    await expect(page).to_have_title("Anmelden – Nachrichtengateway")
    access = stage.day.access["neu"]
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Zum Inhalt")).to_be_focused()
    for text in (access.name, access.password, current_code(stage.case.hub, access)):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Übersicht")
    button = page.get_by_role("button", name="Abmelden")
    await tab_to(page, button)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Anmelden")


async def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until the element has the focus, and sees that the focus can be seen."""
    while not await wanted.evaluate("each => each === document.activeElement"):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement !== document.body"), "it is reached by Tab"
    assert await wanted.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"


async def test_a_whole_act_by_keyboard_alone(stage: Stage, window: Any) -> None:
    page = await window("betrieb", f"/betrieb/nachrichten/{stage.ids['klaerung_hell']}")
    await tab_to(page, page.get_by_role("link", name="Empfänger zuweisen", exact=True))
    await page.keyboard.press("Enter")
    for field, text in (("#an", BONN), ("#grund", REASON)):
        await tab_to(page, page.locator(field))
        await page.keyboard.type(text)
    await tab_to(page, page.get_by_role("button", name="Weiter: Folgen ansehen"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Das wird geschehen")).to_be_visible()
    await tab_to(page, page.get_by_role("button", name="Empfänger zuweisen", exact=True))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").first).to_contain_text("Ausgeführt")
    await expect(page.locator("#kopf")).to_contain_text(BONN)


async def test_what_does_not_fit_is_said_at_the_form(window: Any) -> None:
    page = await window(None)
    for label in ("Name", "Passwort", "Einmalcode"):
        await page.get_by_label(label).fill("123456")
    await page.get_by_role("button", name="Anmelden").click()
    await expect(page.get_by_role("alert")).to_contain_text("passen nicht zusammen")


async def act(page: Page, stage: Stage, message: str, title: str, **fields: str) -> None:
    """From the message's page through form and confirmation back to the message's page."""
    await page.goto(f"{stage.base}/betrieb/nachrichten/{stage.ids[message]}")
    await page.get_by_role("link", name=title, exact=True).click()
    for name, value in {"grund": REASON, **fields}.items():
        await page.locator(f"#{name}").fill(value)
    await page.get_by_role("button", name="Weiter: Folgen ansehen").click()
    await expect(page.get_by_role("heading", name="Das wird geschehen")).to_be_visible()
    await page.get_by_role("button", name=title, exact=True).click()
    await expect(page.get_by_role("status").first).to_contain_text("Ausgeführt")


async def test_every_act_with_a_message(stage: Stage, window: Any) -> None:
    page = await window("betrieb")
    await act(page, stage, "klaerung", "Empfänger zuweisen", an=BONN)
    await expect(page.locator("#kopf")).to_contain_text(BONN)
    await act(page, stage, "zurueck", "Freigeben")
    await act(page, stage, "gescheitert", "Neu versenden")
    await act(page, stage, "gescheitert", "Stornieren")
    await expect(page.locator("#kopf .ton").first).to_have_text("storniert")
    await expect(page.locator("#verlauf")).to_contain_text("p.betrieb")
    koeln = await window("koeln")
    await act(koeln, stage, "haft", "Weiterleiten", an=RHEIN_SIEG)
    await expect(koeln.get_by_role("heading", name="Weiterleitungen")).to_be_visible()


async def test_search_leads_to_the_message_and_its_vorgang(stage: Stage, window: Any) -> None:
    page = await window("betrieb", "/betrieb/nachrichten")
    message = await stage.case.get("betrieb", f"/v1/messages/{stage.ids['zugestellt']}")
    await page.get_by_label("Nachrichten-ID").fill(message["nachrichten_id"])
    await page.get_by_role("button", name="Suchen").click()
    assert message["nachrichten_id"] not in page.url
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.locator("tbody a").click()
    await page.get_by_text("Wortlaut der Nummer").click()
    await expect(page.locator("blockquote").first).to_be_visible()
    await page.get_by_role("link", name="Vorgang öffnen").click()
    await expect(page.get_by_role("heading", name="Nachweislich unterrichtet")).to_be_visible()


async def test_content_after_a_reason_and_a_second_person(stage: Stage, window: Any) -> None:
    page, second = await window("betrieb"), await window("zweite")
    await page.goto(f"{stage.base}/betrieb/nachrichten/{stage.ids['zugestellt']}")
    await page.get_by_role("link", name="Inhalt ansehen").click()
    await page.locator("#grund").fill(REASON)
    await page.get_by_role("button", name="Einsicht erbitten").click()
    await expect(page.locator("#einsicht-titel")).to_have_text("Eine zweite Person muss zustimmen")
    await second.goto(f"{stage.base}/betrieb/einsichten")
    await second.get_by_role("button", name="Zustimmen").first.click()
    await page.reload()
    await page.get_by_role("link", name="Nachricht lesen").click()
    await expect(page.get_by_text("Beispielová").first).to_be_visible()


async def test_a_correction_of_the_directory_and_a_new_account(stage: Stage, window: Any) -> None:
    page = await window("alle", f"/betrieb/verzeichnis/behoerde/{BONN}")
    await page.locator("#name").fill("Bundesstadt Bonn, Ausländeramt")
    await page.locator("#grund").fill(REASON)
    await page.get_by_role("button", name="Weiter: Änderung ansehen").click()
    await page.get_by_role("button", name="Berichtigen").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bundesstadt Bonn, Ausländeramt")
    await page.goto(f"{stage.base}/betrieb/konten")
    await page.get_by_label("Name").fill("p.angelegt")
    await page.get_by_label("Lesen").check()
    await page.get_by_role("button", name="Anlegen").click()
    await expect(page.get_by_role("heading", name="Zugang für p.angelegt")).to_be_visible()
    await page.get_by_role("button", name="Sperren: p.angelegt").click()
    await expect(page.get_by_role("row", name="p.angelegt")).to_contain_text("gesperrt")


async def test_a_partner_is_tested_by_a_real_round(stage: Stage, window: Any) -> None:
    page = await window("betrieb", "/betrieb/partner/koeln")
    await page.get_by_role("button", name="Verbindung prüfen").click()
    await expect(page.get_by_role("status").first).to_contain_text("bestanden")
    await page.get_by_role("link", name="Testnachricht ansehen").click()
    await expect(page.locator("#kopf .ton").first).to_have_text("zugestellt")
    await expect(page.locator(".pruefung .gut")).to_have_count(7)


async def test_the_overview_follows_without_a_reload(stage: Stage, window: Any) -> None:
    page = await window("betrieb")
    await expect(page.locator("#stand")).to_contain_text("hält sich selbst aktuell")
    answer = await stage.case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    await expect(page.locator(f'a[href="/betrieb/nachrichten/{answer["id"]}"]')).to_be_visible(timeout=30_000)


async def test_it_all_works_without_script(stage: Stage, window: Any) -> None:
    page = await window("betrieb", java_script_enabled=False)
    await act(page, stage, "klaerung_ohne_skript", "Empfänger zuweisen", an=BONN)
    await expect(page.locator("#kopf")).to_contain_text(BONN)
