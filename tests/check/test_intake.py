"""Hostile bytes: each refusal with its status, code and place; nothing expanded, nothing fetched."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.check import intake
from gateway.check.intake import parse
from gateway.errors import Malformed, Refusal, TooLarge


def refused(xml: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(xml)
    return caught.value


@pytest.mark.parametrize(
    ("xml", "line"),
    [
        (b"", None),
        (b"   ", None),
        (b"Sehr geehrte Damen und Herren", 1),
        (b'{"anlass": "strafhaft_antritt"}', 1),
        (b"%PDF-1.7\n", 1),
        (b"<a>\n <b>\n</a>", 3),
        (b"<a>\n<b", 2),
        (b"<a/>\n<b/>", 2),
        (b'<a b="1" b="2"/>', 1),
        (b"<a>\n\x01</a>", 2),
        (b"<p:a/>", 1),
    ],
)
def test_what_is_no_xml_is_malformed_with_its_line(xml: bytes, line: int | None) -> None:
    refusal = refused(xml)
    assert isinstance(refusal, Malformed)
    assert refusal.code == "kein_xml"
    if line is not None:
        assert refusal.befunde[0].zeile == line
        assert refusal.befunde[0].spalte is not None


@pytest.mark.parametrize(
    "prolog",
    [
        b"<!DOCTYPE a>",
        b'<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
        b'<!-- <a/> --><?pi -->?><!DOCTYPE a PUBLIC "x" "file:///etc/passwd">',
        codecs.BOM_UTF8 + b"\n\t<!DOCTYPE a [ <!ELEMENT a ANY> ]>",
    ],
)
def test_any_doctype_is_refused(prolog: bytes) -> None:
    refusal = refused(prolog + b"<a/>")
    assert (refusal.status, refusal.code) == (400, "doctype")


def test_a_doctype_in_a_comment_or_in_cdata_is_only_text() -> None:
    assert parse(b"<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>").root.text == "<!DOCTYPE a>"


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&z;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><a/>',
        b"<a>&x;</a>",
        b'<a b="&x;"/>',
    ],
)
def test_entities_are_refused_with_a_code_of_their_own(xml: bytes) -> None:
    refusal = refused(xml)
    assert (refusal.status, refusal.code) == (400, "entitaeten")


def test_the_five_entities_of_xml_and_character_references_are_read() -> None:
    assert parse(b"<a>&amp;&lt;&gt;&apos;&quot;&#228;</a>").root.text == "&<>'\"ä"


@pytest.mark.parametrize(
    "xml",
    [
        "<a>ä</a>".encode("utf-16"),
        "<a>ä</a>".encode("utf-16-le"),
        "<a>ä</a>".encode("utf-16-be"),
        "<a>ä</a>".encode("utf-32"),
        "<a>ä</a>".encode("latin-1"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>'.encode("latin-1"),
        b'<?xml version="1.0" encoding="windows-1252"?><a/>',
        b"<?xml version='1.0' encoding='UTF-16'?><a/>",
        b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>',
    ],
)
def test_only_utf_8_is_taken(xml: bytes) -> None:
    refusal = refused(xml)
    assert (refusal.status, refusal.code) == (400, "kodierung")


def test_bytes_that_are_not_utf_8_are_found_by_line() -> None:
    assert refused(b"<a>\n\n\xff</a>").befunde[0].zeile == 3


def test_a_byte_order_mark_and_a_declaration_in_any_case_are_fine() -> None:
    document = parse(codecs.BOM_UTF8 + '<?xml version="1.0" encoding="utf-8"?><a xmlns="urn:x">ä</a>'.encode())
    assert (document.namensraum, document.wurzel, document.root.text) == ("urn:x", "a", "ä")


def test_xml_1_1_is_refused() -> None:
    assert refused(b'<?xml version="1.1"?><a/>').code == "xml_version"


@pytest.mark.parametrize("xml", [b"<?x y?><a/>", b"<a><?x y?></a>", b"<a/><?x y?>"])
def test_processing_instructions_are_refused(xml: bytes) -> None:
    assert refused(xml).code == "verarbeitungsanweisung"


def test_a_comment_does_not_split_a_text() -> None:
    assert parse(b"<a>abh:05<!-- x -->315000</a>").root.text == "abh:05315000"


def test_schema_locations_are_never_followed() -> None:
    xml = (
        b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        b'xsi:schemaLocation="urn:x http://127.0.0.1:1/x.xsd">x</a>'
    )
    assert parse(xml).root.text == "x"


def _nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


LIMITS = {
    "xml_zu_gross": lambda extra: b"<a>" + b" " * (intake.MAX_BYTES - 7 + extra) + b"</a>",
    "grenze_tiefe": lambda extra: _nested(intake.MAX_DEPTH + extra),
    "grenze_elemente": lambda extra: b"<a>" + b"<b/>" * (intake.MAX_ELEMENTS - 1 + extra) + b"</a>",
    "grenze_attribute": lambda extra: (
        b"<a " + b" ".join(b'b%d="1"' % n for n in range(intake.MAX_ATTRIBUTES_PER_ELEMENT + extra)) + b"/>"
    ),
    "grenze_text": lambda extra: b"<a>" + b"x" * (intake.MAX_TEXT + extra) + b"</a>",
    "grenze_name": lambda extra: b"<" + b"a" * (intake.MAX_NAME + extra) + b"/>",
}


@pytest.mark.parametrize("code", [name for name in LIMITS if name not in ("xml_zu_gross",)])
def test_each_named_limit_holds_what_it_says_and_refuses_one_more(code: str) -> None:
    parse(LIMITS[code](0))
    refusal = refused(LIMITS[code](1))
    assert isinstance(refusal, TooLarge)
    assert (refusal.status, refusal.code) == (413, code)


def test_the_size_is_refused_before_anything_is_read() -> None:
    assert refused(LIMITS["xml_zu_gross"](1)).code == "xml_zu_gross"
    assert refused(LIMITS["xml_zu_gross"](0)).code == "grenze_text"  # the size is kept, the text is not


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b'<a b="' + b"x" * (intake.MAX_TEXT + 1) + b'"/>', "grenze_text"),
        (b"<a " + b"b" * (intake.MAX_NAME + 1) + b'="1"/>', "grenze_name"),
        (b"<a>" + b"<b></b>" * intake.MAX_ELEMENTS + b"</a>", "grenze_elemente"),
        (b"<a>" + b"<!---->" * (intake.MAX_MARKUP + 1) + b"</a>", "grenze_elemente"),
        (b"<a>" + b"<b c='' d='' e='' f=''/>" * (intake.MAX_ATTRIBUTES // 4 + 1) + b"</a>", "grenze_attribute"),
    ],
)
def test_the_limits_hold_for_attributes_comments_and_sums(xml: bytes, code: str) -> None:
    assert refused(xml).code == code


def test_errors_never_quote_content() -> None:
    refusal = refused(b"<a><name>Geheim</nme></a>")
    assert "Geheim" not in str(refusal.as_problem())


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_arbitrary_bytes_are_refused_or_read_never_worse(data: bytes) -> None:
    for xml in (data, b"<a>" + data + b"</a>"):
        try:
            status = 202 if parse(xml).wurzel else None
        except Refusal as refusal:
            status = refusal.status
        assert status in (202, 400, 413)
