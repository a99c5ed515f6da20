"""The pages in Debian's chromium: each page, each act; by keyboard, at 320 pixels, in both themes, without script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gatewayworld import BONN, KOELN, RHEIN_SIEG
from pagesworld import current_code
from playwright.async_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
NARROW: Any = {"viewport": {"width": 320, "height": 640}}
REASON = "Weisung vom 22.11."
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = (
    ("alle", "/betrieb/"),
    ("alle", "/betrieb/nachrichten"),
    ("alle", "/betrieb/nachrichten/{zugestellt}"),
    ("alle", "/betrieb/nachrichten/{klaerung_hell}"),
    ("alle", "/betrieb/nachrichten/{klaerung_hell}/tun/zuweisen"),
    ("alle", "/betrieb/nachrichten/{zugestellt}/einsicht"),
    ("alle", "/betrieb/vorgaenge"),
    ("alle", "/betrieb/vorgaenge/{vorgang}"),
    ("alle", "/betrieb/fristen"),
    ("alle", "/betrieb/einsichten"),
    ("alle", "/betrieb/partner"),
    ("alle", "/betrieb/partner/koeln"),
    ("alle", "/betrieb/zertifikate"),
    ("alle", "/betrieb/verzeichnis"),
    ("alle", f"/betrieb/verzeichnis/behoerde/{KOELN}"),
    ("alle", "/betrieb/regeln"),
    ("alle", "/betrieb/regeln/3.2"),
    ("alle", "/betrieb/revision"),
    ("alle", "/betrieb/konten"),
    ("alle", "/betrieb/konto"),
    ("alle", "/betrieb/gibt-es-nicht"),
    ("koeln", "/betrieb/"),
    ("koeln", "/betrieb/nachrichten/{haft}"),
    (None, "/betrieb/anmelden"),
)


async def barriers(page: Page, axe: str) -> list[str]:
    """What axe-core finds on the page; evaluated from outside, so that the page's own policy stays as it is."""
    await page.evaluate(axe)
    found = await page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", WCAG
    )
    return [f"{each['id']}: {node['html'][:150]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_has_a_barrier_in_either_theme(stage: Stage, window: Any, theme: str) -> None:
    message = await stage.case.get("betrieb", f"/v1/messages/{stage.ids['zugestellt']}")
    pages: dict[str | None, Page] = {}
    found: dict[str, list[str]] = {}
    for who, path in PAGES:
        if who not in pages:
            pages[who] = await window(who, "/betrieb/anmelden", color_scheme=theme, **NARROW)
        address = path.format(**stage.ids, vorgang=message["vorgang"])
        await pages[who].goto(stage.base + address)
        found[f"{who} {path}"] = await barriers(pages[who], stage.axe)
        width = await pages[who].evaluate("document.documentElement.scrollWidth")
        if width > NARROW["viewport"]["width"]:
            found[f"{who} {path}"].append(f"{width} pixels wide")
    assert {path: each for path, each in found.items() if each} == {}


async def test_log_in_and_out_by_keyboard_alone(stage: Stage, window: Any) -> None:
    page = await window(None)
    await expect(page).to_have_title("Anmelden – Nachrichtengateway")
    access = stage.access["neu"]
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Zum Inhalt")).to_be_focused()
    for text in (access.name, access.password, current_code(stage.case.hub, access)):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Übersicht")
    button = page.get_by_role("button", name="Abmelden")
    while not await button.evaluate("each => each === document.activeElement"):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement !== document.body"), "the button is reached by Tab"
    outline = await button.evaluate("each => getComputedStyle(each).outlineStyle")
    assert outline == "solid", "focus can be seen"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Anmelden")


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
    await act(page, stage, "test", "Neu versenden")
    await act(page, stage, "test", "Stornieren")
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


async def test_the_overview_follows_without_a_reload(stage: Stage, window: Any) -> None:
    page = await window("betrieb")
    await expect(page.locator("#stand")).to_contain_text("hält sich selbst aktuell")
    answer = await stage.case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    await expect(page.locator(f'a[href="/betrieb/nachrichten/{answer["id"]}"]')).to_be_visible(timeout=30_000)


async def test_it_all_works_without_script(stage: Stage, window: Any) -> None:
    page = await window("betrieb", java_script_enabled=False)
    await act(page, stage, "klaerung_ohne_skript", "Empfänger zuweisen", an=BONN)
    await expect(page.locator("#kopf")).to_contain_text(BONN)
