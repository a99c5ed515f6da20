"""Messages that want to harm their reader: markup, hidden characters, unknown grammar, sheer size."""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html
from pypdf import PdfReader

from gateway.check.intake import parse
from gateway.errors import TooLarge
from gateway.render import build, pdf, resources
from gateway.render.html import render_html
from gateway.render.pdf import render_pdf
from gateway.render.visible import MAX_MARKS, visible
from routing.verzeichnis import Verzeichnis
from tools import build_din91379 as din

EVIL = '</bdi><script>alert(1)</script><img src=x onerror=alert(1)><a href="http://evil.example/">&amp;</a>'
ALLOWED_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "div", "p", "strong"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "dl", "dt", "dd", "ul", "li", "span", "bdi", "blockquote"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}


def message(body: str, *, root: str = "nachricht.fremd.9999999", attributes: str = "") -> etree._Element:
    return parse(f"<{root} {attributes}>{body}</{root}>".encode()).root


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def safe(page: str) -> html.HtmlElement:
    """The page as a browser reads it, once it is known to be harmless."""
    tree = html.fromstring(page)
    for element in tree.iter():
        assert element.tag in ALLOWED_TAGS
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name not in {"href", "src", "style", "action", "srcset", "background", "id", "target"}
            assert "javascript:" not in value
    assert page.count("<style>") == 1
    assert "@import" not in page
    assert not re.search(r"url\(", page)
    return tree


@pytest.mark.parametrize(
    "xml",
    [
        f"<a>{escaped(EVIL)}</a>",
        f'<a b="{escaped(EVIL)}"/>',
        f"<fachdaten><auswahl_anlass><einvernehmenErsuchen><massnahme>{escaped(EVIL)}</massnahme>"
        "</einvernehmenErsuchen></auswahl_anlass></fachdaten>",
        f"<nachrichtenkopf test='{escaped(EVIL)}'><absender><informationen><auswahl_kommunikationspartner><sonstige>"
        f"{escaped(EVIL)}</sonstige></auswahl_kommunikationspartner></informationen></absender></nachrichtenkopf>",
        f"<grunddaten><beteiligung><rolle><rollennummer>{escaped(EVIL)}</rollennummer></rolle></beteiligung></grunddaten>",
    ],
)
def test_markup_stays_text(xml: str, directory: Verzeichnis) -> None:
    tree = safe(render_html(message(xml), directory))
    assert "<script>alert(1)</script>" in tree.text_content()


def test_the_policy_names_the_one_style_sheet_and_nothing_else(directory: Verzeichnis) -> None:
    tree = safe(render_html(message("<a>b</a>"), directory))
    policy = tree.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'", policy
    )


def test_a_pdf_has_no_active_content(directory: Verzeichnis) -> None:
    content = render_pdf(message(f"<a>{escaped(EVIL)}</a>"), directory)
    names = set(re.findall(rb"/[A-Za-z]+", content))
    assert not names & {
        b"/JavaScript",
        b"/JS",
        b"/AA",
        b"/Launch",
        b"/URI",
        b"/SubmitForm",
        b"/EmbeddedFile",
        b"/Annots",
    }
    assert re.findall(rb"/OpenAction ?(.)", content) == [b"["]  # a place to show first, not an action


@pytest.mark.parametrize(
    "character", ["\u202e", "\u200b", "\u2066", "\ufeff", "\u0085", "\u2028", "\U000e0041", "\u00ad"]
)
def test_a_character_without_shape_becomes_a_mark(character: str, directory: Verzeichnis) -> None:
    marked = f"a[U+{ord(character):04X}]b"
    root = message(f"<a>a{character}b</a>")
    assert marked in render_html(root, directory)
    assert character not in render_html(root, directory)
    assert marked in pdf_text(root, directory)


def test_piles_of_marks_are_spelled_out() -> None:
    assert visible("e" + "\u0301" * (MAX_MARKS + 1)) == "e" + "\u0301" * MAX_MARKS + "[U+0301]"


def test_what_the_font_lacks_is_spelled_out_in_the_pdf(directory: Verzeichnis) -> None:
    root = message("<a>\u4e2d\u05d0\U0001f600</a>")
    assert "[U+4E2D][U+05D0][U+1F600]" in pdf_text(root, directory)
    assert "\u4e2d\u05d0\U0001f600" in render_html(root, directory)


def repertoire() -> tuple[list[str], list[str]]:
    """Single characters and sequences of DIN 91379."""
    single: list[str] = []
    groups = (din.NAMES, din.SIGNS, din.MORE_SIGNS, din.GREEK, din.CYRILLIC)
    for first, _, last in (part.partition("-") for group in groups for part in group.split()):
        single.extend(chr(code) for code in range(int(first, 16), int(last or first, 16) + 1))
    sequences: list[str] = []
    for base, _, marks in (part.partition(":") for part in din.SEQUENCES.split()):
        letter = base if len(base) == 1 else chr(int(base, 16))
        sequences.extend(letter + "".join(chr(int(m, 16)) for m in mark.split("+")) for mark in marks.split(","))
    return single, sequences


def test_all_of_din_91379_has_a_shape_of_its_own(directory: Verzeichnis) -> None:
    single, sequences = repertoire()
    assert len(single) > 700
    assert len(sequences) > 100
    text = " ".join([*single, *sequences])
    assert visible(text) == text
    page = build.build_page(message("<a/>"), directory, {}, resources.decree())
    with resources.font_files() as fonts, closing(pdf._Sheet(page, fonts)) as sheet:
        assert sheet.shown(text) == text


def test_the_combining_sequences_do_not_vanish_from_the_pdf(directory: Verzeichnis) -> None:
    for sequence in repertoire()[1]:
        assert all(mark in pdf_sequences(directory) for mark in sequence[1:] if not mark.isspace())


_SEQUENCES: list[str] = []


def pdf_sequences(directory: Verzeichnis) -> str:
    """Text of a PDF that holds every sequence; drawn once."""
    if not _SEQUENCES:
        _SEQUENCES.append(pdf_text(message(f"<a>{' '.join(repertoire()[1])}</a>"), directory))
    return _SEQUENCES[0]


def pdf_text(root: etree._Element, directory: Verzeichnis) -> str:
    return "".join(page.extract_text() for page in PdfReader(BytesIO(render_pdf(root, directory))).pages)


def test_an_unknown_grammar_loses_nothing(directory: Verzeichnis) -> None:
    root = message(
        "<u:x xmlns:u='urn:u' kind='k1'>vor<y z='z1'>innen</y>nach</u:x><leer/><x><y>1</y></x><x><y>2</y><w>3</w></x>",
        attributes="a='a1'",
    )
    text = safe(render_html(root, directory)).text_content()
    for part in ("x", "kind", "k1", "vor", "y", "z", "z1", "innen", "nach", "leer", "(ohne Inhalt)", "w", "3", "a1"):
        assert part in text
    assert "nachricht.fremd.9999999" in text


@pytest.mark.parametrize(
    "xml",
    [
        "<fachdaten/>",
        "<fachdaten>lose</fachdaten>",
        "<nachrichtenkopf/>",
        "<nachrichtenkopf.g2g><autor/><leser><kennung/></leser></nachrichtenkopf.g2g>",
        "<fachdaten><auswahl_anlass/></fachdaten>",
        "<fachdaten><auswahl_anlass><untersuchungshaftAntritt/><berichtigung/></auswahl_anlass></fachdaten>",
        "<fachdaten><auswahl_anlass><einvernehmenErsuchen/></auswahl_anlass></fachdaten>",
        "<fachdaten><auswahl_anlass><einvernehmenErsuchen><massnahme>krieg</massnahme><massnahme x='1'>abschiebung"
        "</massnahme><eilbeduerftig>vielleicht</eilbeduerftig></einvernehmenErsuchen></auswahl_anlass></fachdaten>",
        "<fachdaten><auswahl_anlass><einvernehmenEntscheidung><auswahl_entscheidung/></einvernehmenEntscheidung>"
        "</auswahl_anlass></fachdaten>",
        "<fachdaten><betroffenePerson><ref.rollennummer>9</ref.rollennummer></betroffenePerson></fachdaten>",
        "<grunddaten><beteiligung/><aktenzeichen a='1'><eigenes>x</eigenes></aktenzeichen></grunddaten>",
        "<verfahren><code/></verfahren><gericht><code><x/></code></gericht><gericht u='1'><code>R8088</code></gericht>",
    ],
)
def test_an_invalid_message_is_shown_whole(xml: str, directory: Verzeichnis) -> None:
    root = message(xml)
    text = safe(render_html(root, directory)).text_content()
    for element in root.iter("*"):
        for part in ((element.text or "").strip(), *element.attrib.values()):
            assert part in text or part == "abschiebung" or part == "R8088"
    assert render_pdf(root, directory).startswith(b"%PDF-")


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, name=st.sampled_from(["grund", "staatsangehoerigkeit", "kennung", "stand", "termin", "ags", "neu"]))
def test_any_text_in_any_element_is_shown_and_harmless(text: str, name: str, directory: Verzeichnis) -> None:
    page = render_html(message(f"<fachdaten><{name}>{escaped(text)}</{name}></fachdaten>"), directory)
    tree = safe(page)
    wanted = visible(text.strip())
    if name in {"grund", "neu"}:
        assert " ".join(wanted.split()) in " ".join(tree.text_content().split())


def test_a_deep_message_is_shown(directory: Verzeichnis) -> None:
    root = message("<x>" * 60 + "tief" + "</x>" * 60)
    assert "tief" in safe(render_html(root, directory)).text_content()
    assert "tief" in pdf_text(root, directory)


def test_a_long_word_and_a_long_text_fit_on_paper(directory: Verzeichnis) -> None:
    text = "Q" * 3000 + " " + "\n".join(f"Zeile {n}" for n in range(200))
    shown = pdf_text(message(f"<grund>{text}</grund>"), directory)
    assert shown.count("Q") == 3000
    assert "Zeile 199" in shown


def test_too_many_elements_are_refused(directory: Verzeichnis) -> None:
    with pytest.raises(TooLarge, match="Elemente"):
        render_html(message("<a/>" * (build.MAX_ELEMENTS + 1)), directory)


def test_too_many_characters_are_refused(directory: Verzeichnis) -> None:
    piece = "x" * 900_000
    with pytest.raises(TooLarge, match="Zeichen"):
        render_html(message(f"<a>{piece}</a><a>{piece}</a><a b='{piece}'/>"), directory)


def test_a_text_that_html_shows_can_be_too_long_for_a_pdf(directory: Verzeichnis) -> None:
    root = message(f"<a>{'x' * (pdf.MAX_CHARACTERS + 1)}</a>")
    assert len(render_html(root, directory)) > pdf.MAX_CHARACTERS
    with pytest.raises(TooLarge, match="PDF"):
        render_pdf(root, directory)


def test_a_pdf_leaves_no_font_behind(directory: Verzeichnis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is killed later has nothing left to clean up; the same page is the same PDF."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert render_pdf(message("<a>b</a>"), directory) == render_pdf(message("<a>b</a>"), directory)
    assert list(tmp_path.iterdir()) == []


def test_who_draws_beside_another_has_fonts_of_its_own() -> None:
    """One that was half written by another thread could not be read, and the message was not sealed."""
    with resources.font_files() as ours, resources.font_files() as theirs:
        assert not set(ours.values()) & set(theirs.values())
        assert [path.read_bytes() for path in ours.values()] == [path.read_bytes() for path in theirs.values()]
