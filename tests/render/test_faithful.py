"""The page against its message: all that the XML says stands there, and nothing else but fixed text.

The reading of the XML here is the test's own: it knows types by the XSDs' tables of words, but walks the tree itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from lxml import etree, html
from pypdf import PdfReader

from gateway.check.intake import parse
from gateway.render import build, describe, form, resources, words
from gateway.render.codes import CODES
from gateway.render.decree import sentence
from gateway.render.html import render_html
from gateway.render.labels import ANLASS_LABELS, ATTRIBUTE_LABELS, CODE_LABELS, LABELS, WITHIN
from gateway.render.pdf import render_pdf
from routing.verzeichnis import Verzeichnis

YES = {"true": "ja", "false": "nein"}


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def is_code(element: etree._Element) -> bool:
    return [local(child) for child in element] == ["code"] and set(element.attrib) <= {"listURI", "listVersionID"}


def german(name: str, raw: str) -> str:
    """A value as an official would write it."""
    if name in words.YES_OR_NO:
        return YES[raw]
    if name in words.DAYS:
        year, *rest = raw.split("-")
        return date.fromisoformat(raw).strftime("%d.%m.%Y") if len(rest) == 2 else ".".join([*reversed(rest), year])
    if name in words.TIMES:
        moment = datetime.fromisoformat(raw)
        seconds = "%H:%M:%S" if moment.second else "%H:%M"
        zone = "UTC" if raw.endswith("Z") else f"UTC{raw[-6:]}"
        return f"{moment:%d.%m.%Y}, {moment:{seconds}} Uhr ({zone})"
    return words.WORDS.get(name, {}).get(raw, raw)


def says(root: etree._Element, directory: Verzeichnis) -> Iterator[tuple[str, str]]:
    """(text, what must stand beside it) of everything in a message that carries meaning."""
    for element in root.iter("*"):
        name, raw = local(element), (element.text or "").strip()
        parent = element.getparent()
        if parent is not None and is_code(parent):
            key = {"gericht": "gds:", "polizeibehoerde": "pol:", "auslaenderbehoerde": ""}.get(local(parent), "?") + raw
            authority = directory.behoerden.get(key)
            title = resources.titles().get(raw) if local(parent) == "nachrichtentyp" else None
            word = authority.name if authority else CODES.get(local(parent), {}).get(raw) or title
            yield word or raw, raw if word else ""
        elif len(element) == 0 and raw:
            if name.startswith("ref."):
                yield "", raw
            elif raw in directory.behoerden:
                yield directory.behoerden[raw].name, raw
            elif name in words.MUNICIPALITIES:
                yield directory.gemeinden[raw].name, raw
            elif name == "wurzel":
                yield resources.titles()[raw], raw
            else:
                yield german(name, raw), ""
        yield from (("", value) if is_code(element) else (value, "") for value in map(str, element.attrib.values()))
    yield local(root), ""


def values(page: html.HtmlElement) -> Iterator[tuple[str, str]]:
    """(text, small print) of every value on a page; a ticked box is one."""
    for shown in page.iter("bdi"):
        if shown.get("class") == "v":
            beside = shown.getnext()
            yield shown.text or "", (beside.text or "") if beside is not None and beside.get("class") == "n" else ""
    for box in page.iter("li"):
        if box.get("class") == "on":
            yield box.text_content(), ""


def page_of(root: etree._Element, directory: Verzeichnis) -> html.HtmlElement:
    return html.fromstring(render_html(root, directory))


def test_everything_that_the_message_says_stands_on_the_page(root: etree._Element, directory: Verzeichnis) -> None:
    shown = list(values(page_of(root, directory)))
    texts = Counter(text for text, _ in shown)
    for (text, beside), times in Counter(says(root, directory)).items():
        if not beside:
            assert texts[text] >= times, text
        else:
            fitting = [note for found, note in shown if text in ("", found) and beside in note.replace(",", "").split()]
            assert len(fitting) >= times, (text, beside)


def test_a_decision_ticks_its_box(root: etree._Element, directory: Verzeichnis) -> None:
    ticked = [box.text_content() for box in page_of(root, directory).iter("li") if box.get("class") == "on"]
    branches = {branch for names in form.BRANCHES.values() for branch in names}
    chosen = {LABELS[local(element)] for element in root.iter("*") if local(element) in branches}
    assert chosen <= set(ticked)


FIXED = {
    build.FOOTER,
    build.TEST_NOTICE,
    build.TO_BE_FOUND,
    build.UNKNOWN,
    describe.EMPTY,
    describe.KEY_UNKNOWN,
    describe.TEXT,
    "–",
    "Testnachricht",
    "Unser Zeichen",
    "Ihr Zeichen",
    "Datum",
    "Nachrichten-ID",
    "Bezug: Nachrichten-ID",
    "Wurzelelement",
    "Betroffene Person",
    "Sachverhalt",
    "Weitere Angaben zum Sachverhalt",
    "Inhalt der Nachricht",
    "Verfahren und weitere Beteiligte",
    "Anlagen",
    "Weitere Angaben",
    "Angaben zur Übermittlung",
    "§ 20 EGGVG",
    *LABELS.values(),
    *ANLASS_LABELS.values(),
    *ATTRIBUTE_LABELS.values(),
    *CODE_LABELS.values(),
    *WITHIN.values(),
    *(section.title for sections in form.FORMS.values() for section in sections),
    *(text for options in form.OPTIONS.values() for _, text in options),
}
NUMBERED = re.compile(r"\d+\. | \d+$")
DECREE = re.compile(r"Nummer [\d.]+( Satz \d)?( und [\d.]+ Satz \d)? des Gemeinsamen Runderlasses vom .*")


def decree_sentences() -> set[str]:
    erlass = resources.decree()
    numbers = [part["nummer"] for part in erlass["nummer"]]
    return {
        sentence(f"{number}{part}", erlass) for number in numbers for part in ("", *(f" Satz {n}" for n in "12345"))
    }


def test_nothing_stands_on_the_page_that_is_neither_in_the_message_nor_fixed(
    root: etree._Element, directory: Verzeichnis
) -> None:
    said = list(says(root, directory))
    allowed = {text for text, _ in said} | set(resources.titles().values()) | FIXED | decree_sentences()
    names = {" ".join(t for t in (n.findtext("{*}vorname"), n.findtext("{*}nachname")) if t) for n in named(root)}
    own_names = {local(element) for element in root.iter("*")} | {local(root)}
    atoms = {text for pair in said for text in pair} | {str(v) for e in root.iter("*") for v in e.attrib.values()}
    small = {"Code", "Version", "der", "Codeliste", "AGS", "Rollennummer", "Beteiligtennummer", "Dokument"}
    small |= set(describe.KEY_UNKNOWN.split())
    for element in page_of(root, directory).iter():
        if element.tag in ("style", "head", "meta", "title"):
            continue
        for text in filter(str.strip, (element.text or "", element.tail or "")):
            text = text.strip()
            if element.get("class") == "n" and text == (element.text or "").strip():
                left = set(text.replace(",", "").split()) - small
                assert left <= atoms | set(directory.behoerden), text
            else:
                known = text in allowed | names | own_names | atoms or DECREE.fullmatch(text)
                assert known or NUMBERED.sub("", text) in allowed, text


def named(root: etree._Element) -> Iterator[etree._Element]:
    return root.iter("{*}vollerName")


def squeezed(text: str) -> str:
    """Text without spaces and with its marks apart and in order: what a PDF keeps of a text."""
    return "".join(unicodedata.normalize("NFKD", text).split()).replace("\u00ad", "")


def pdf_text(content: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


def test_the_pdf_shows_what_the_page_says(root: etree._Element, directory: Verzeichnis) -> None:
    page = build.build_page(root, directory, resources.titles(), resources.decree())
    shown = squeezed(pdf_text(render_pdf(root, directory)))
    for text in page.texts():
        assert squeezed(text) in shown, text


def test_the_same_message_gives_the_same_bytes(directory: Verzeichnis) -> None:
    root = parse((Path(__file__).parents[2] / "schemas/beispiele/weiterleitung.xml").read_bytes()).root
    assert render_pdf(root, directory) == render_pdf(root, directory)
    assert render_html(root, directory) == render_html(root, directory)


def test_the_page_leaves_the_message_as_it_is(example: Path, directory: Verzeichnis) -> None:
    root = parse(example.read_bytes()).root
    before = etree.tostring(root)
    render_html(root, directory)
    assert etree.tostring(root) == before


@pytest.mark.parametrize("key", ["einvernehmenErsuchen", "einvernehmenEntscheidung"])
def test_the_two_forms_have_numbered_sections(key: str, directory: Verzeichnis) -> None:
    path = Path(__file__).parents[2] / f"schemas/beispiele/{key}.xml"
    headings = [found.text for found in page_of(parse(path.read_bytes()).root, directory).iter("h2")]
    numbers = [heading.partition(".")[0] for heading in headings if heading and heading[0].isdigit()]
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    assert len(numbers) >= 4
