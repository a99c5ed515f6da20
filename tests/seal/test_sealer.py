"""Sealing and opening whole messages, and everything that may stand where it should not."""

import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import mime
from gateway.partner import Algorithmen, Partner, Zertifikat
from gateway.seal import cms, sealer
from gateway.seal.cms import SignatureRefused
from gateway.seal.policy import fingerprint
from gateway.seal.sealer import CannotSeal, ContentRefused, OpenRefused, TooLargeToOpen, TooLargeToSeal
from gateway.seal.signedmime import open_signed, sign_entity

XML = ("nachricht.xml", "application/xml", b"<a>\n\xc3\xa4\r\n\r</a>")
FILE = ("Stra\u00dfe 1.pdf", "application/pdf", bytes(range(256)) * 3)
HEADERS = {"X-Gateway-Empfaenger": "abh:05315000", "X-Gateway-Id": "0198"}


def cause(w: Any, body: bytes) -> str:
    with pytest.raises(OpenRefused) as error:
        w.open(body)
    assert str(error.value) == "The message could not be decrypted."
    assert error.value.disposition == "decryption-failed"
    assert error.value.__cause__ is None
    return error.value.cause_code


@pytest.mark.parametrize("transfer", ["binary", "base64"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("parts", [[XML], [XML, FILE]], ids=["one", "two"])
@pytest.mark.parametrize(("hub", "edge"), [("p256", "bp256"), ("rsa3072", "rsa3072")])
def test_what_is_sealed_opens_unchanged(
    hub: str, edge: str, parts: Any, compress: bool, transfer: str, way: Any
) -> None:
    w = way(hub, edge, kompression=compress)
    sealed = w.seal(parts, transfer)
    opened = w.open()
    assert opened.parts == tuple(parts)
    assert opened.gateway_headers == HEADERS
    assert opened.signer == w.hub.cert.public_bytes(Encoding.DER)
    assert opened.compressed is compress
    assert sealed.recipient == fingerprint(w.edge.cert)


@settings(max_examples=20)
@given(content=st.binary(max_size=300), more=st.lists(st.binary(max_size=100), max_size=3))
def test_any_content_comes_back(content: bytes, more: list[bytes], way: Any) -> None:
    parts = [
        (None, "application/xml", content),
        *((f"{n}.bin", "application/octet-stream", c) for n, c in enumerate(more)),
    ]
    for transfer in ("binary", "base64"):
        w = way()
        w.seal(parts, transfer)
        assert w.open().parts == tuple(parts)


def test_the_xml_alone_is_not_wrapped_and_files_make_it_related(way: Any) -> None:
    w = way()
    w.seal([XML])
    assert mime.parse(w.signed.getvalue()).media_type == "application/xml"
    w.seal([XML, FILE])
    entity = mime.parse(w.signed.getvalue())
    assert (entity.media_type, entity.params["type"]) == ("multipart/related", "application/xml")
    assert [part.media_type for part in mime.parts(entity)] == ["application/xml", "application/pdf"]


def test_our_fields_stand_in_the_header_of_what_is_signed(way: Any) -> None:
    for compress in (False, True):
        w = way(kompression=compress)
        w.seal([XML, FILE])
        assert mime.parse(w.signed.getvalue()).header("X-Gateway-Empfaenger") == "abh:05315000"


@pytest.mark.parametrize("transfer", ["binary", "base64"])
def test_nothing_outside_tells_about_the_content(transfer: str, way: Any) -> None:
    w = way()
    sealed = w.seal([XML, FILE], transfer)
    assert sealed.headers == {
        "Content-Type": "application/pkcs7-mime; smime-type=authEnveloped-data; name=smime.p7m",
        "Content-Transfer-Encoding": transfer,
        "Content-Disposition": "attachment; filename=smime.p7m",
    }
    assert b"nachricht.xml" not in w.sealed.getvalue()


def test_in_mail_everything_is_short_lines_of_ascii(way: Any) -> None:
    w = way(kompression=True)
    w.seal([XML, FILE], "base64")
    for octets in (w.sealed.getvalue(), w.signed.getvalue()):
        assert octets.isascii()
        assert max(map(len, octets.split(b"\r\n"))) < 200
    assert max(map(len, w.sealed.getvalue().split(b"\r\n"))) <= 76


def test_cbc_is_called_by_its_name(way: Any) -> None:
    w = way(inhalt="aes-256-cbc", ausnahmen_bis=date(2026, 12, 31))
    assert "smime-type=enveloped-data" in w.seal([XML]).headers["Content-Type"]
    assert w.open().parts == (XML,)


def test_each_sealing_is_another_ciphertext_over_the_same_entity(way: Any) -> None:
    w = way()
    first = (w.seal([XML]).mic, w.sealed.getvalue())
    second = (w.seal([XML]).mic, w.sealed.getvalue())
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_too_large_is_refused_before_anything_is_written(way: Any) -> None:
    w = way()
    half = b"x" * (sealer.ONE_SHOT_LIMIT // 2)
    with pytest.raises(TooLargeToSeal) as error:
        w.seal([("a", "application/xml", half), ("b", "application/pdf", half + b"x")])
    assert error.value.code == "too_large"
    assert (w.signed.getvalue(), w.sealed.getvalue()) == (b"", b"")


def test_the_limit_itself_goes_both_ways_and_in_base64(way: Any) -> None:
    w = way()
    half = b"x" * (sealer.ONE_SHOT_LIMIT // 2)
    w.seal([("a", "application/xml", half), ("b", "application/pdf", half)], "base64")
    assert w.open().parts[1][2] == half
    with pytest.raises(TooLargeToOpen):
        w.open(bytes(sealer.OPEN_LIMIT + 1))


@pytest.mark.parametrize("name", ["a\r\nX-Gateway-Empfaenger: abh:05314000", "\0"])
def test_a_file_name_never_makes_a_header(name: str, way: Any) -> None:
    with pytest.raises(CannotSeal) as error:
        way().seal([XML, (name, "application/pdf", b"x")])
    assert error.value.code == "header_value"


def test_without_parts_nothing_is_sealed(way: Any) -> None:
    with pytest.raises(CannotSeal) as error:
        way().seal([])
    assert error.value.code == "no_parts"


def partner_with(*holders: Any) -> Partner:
    days = [date(2025, 1, n + 1) for n in range(len(holders))]
    certificates = [
        Zertifikat(zweck="verschluesselung", pem=holder.pem, ab=day, bis=date(2027, 1, 1))
        for holder, day in zip(holders, days, strict=True)
    ]
    return Partner(id="p", behoerden=(), weg="abruf", zertifikate=tuple(certificates))


def test_the_newest_usable_certificate_is_taken_and_one_may_be_left_out(holder: Any, at: datetime) -> None:
    old, new = holder("p256", "Alt"), holder("p256", "Neu")
    expired = holder("p256", "Abgelaufen", end=datetime(2026, 1, 1, tzinfo=UTC))
    unfit = holder("rsa3072", "Unpassend", usage={"key_agreement": True})
    partner = partner_with(old, new, unfit, expired)
    assert sealer.recipient_certificate(partner, at) == new.cert
    assert sealer.recipient_certificate(partner, at, {fingerprint(new.cert)}) == old.cert
    with pytest.raises(cms.PolicyRefused) as error:
        sealer.recipient_certificate(partner, at, {fingerprint(new.cert), fingerprint(old.cert)})
    assert error.value.code == "key_usage"


def test_a_partner_without_certificate_gets_nothing(way: Any) -> None:
    w = way()
    with pytest.raises(CannotSeal) as error:
        w.seal([XML], without={fingerprint(w.edge.cert)})
    assert error.value.code == "no_certificate"
    assert w.sealed.getvalue() == b""


def test_keys_and_content_never_show(way: Any, holder: Any) -> None:
    w = way()
    w.seal([XML, FILE])
    shown = repr(w.open()) + repr(w.hub.identity) + repr(sealer.PartIn("n", "a/b", io.BytesIO(b"geheim")))
    assert "PrivateKey" not in shown
    assert "geheim" not in shown
    assert "nachricht.xml" not in shown


# --- opening what should not be opened ---------------------------------------------------------------------------


def encrypted(w: Any, entity: bytes, at: datetime) -> bytes:
    return cms.encrypt(entity, [w.edge.cert], Algorithmen(**w.algorithms), at)


def signed(w: Any, entity: bytes, at: datetime, signer: Any = None) -> bytes:
    content_type, body = sign_entity(entity, (signer or w.hub).identity, Algorithmen(**w.algorithms), at)
    return mime.build([("Content-Type", content_type)], body)


def compressed(entity: bytes, *more: tuple[str, str]) -> bytes:
    return mime.build([("Content-Type", "application/pkcs7-mime"), *more], cms.compress(entity))


PLAIN = mime.build([("Content-Type", "application/xml")], b"<a/>")


def test_unencrypted_and_unsigned_are_refused(way: Any, at: datetime) -> None:
    w = way()
    assert cause(w, encrypted(w, PLAIN, at)) == "not_signed"
    assert cause(w, signed(w, PLAIN, at)) == "unreadable"
    assert cause(w, cms.compress(PLAIN)) == "not_enveloped"
    with pytest.raises(OpenRefused) as error:
        sealer.open_sealed(io.BytesIO(PLAIN), "application/xml", w.edge.identity, None, at=at)  # type: ignore[arg-type]
    assert error.value.cause_code == "not_encrypted"


def test_a_foreign_signer_is_refused(way: Any, holder: Any, at: datetime) -> None:
    w = way()
    body = encrypted(w, signed(w, PLAIN, at, holder("p256", "Zwilling")), at)
    assert cause(w, body) == "signer_unknown"


def test_every_failure_before_the_signature_looks_the_same(way: Any, holder: Any, at: datetime) -> None:
    """One text, one disposition: wrong recipient, flipped tag, broken MIME, unsigned, foreign signer."""
    w = way()
    w.seal([XML])
    whole = w.sealed.getvalue()
    other = cms.encrypt(PLAIN, [holder("p256", "Fremd").cert], Algorithmen(), at)
    bodies = [other, whole[:-1] + bytes((whole[-1] ^ 1,)), whole[:50], b"", encrypted(w, b"no header", at)]
    bodies += [encrypted(w, PLAIN, at), encrypted(w, signed(w, PLAIN, at).replace(b"<a/>", b"<b/>"), at)]
    assert [cause(w, body) for body in bodies] == [
        "recipient",
        "content",
        "unreadable",
        "unreadable",
        "header_unterminated",
        "not_signed",
        "message_digest",
    ]


def with_parts(w: Any, at: datetime, *pieces: bytes, preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    content_type, body = mime.multipart_body("signed", pieces, {"protocol": "application/pkcs7-signature"})
    return encrypted(w, mime.build([("Content-Type", content_type)], preamble + body + epilogue), at)


def test_anything_beside_the_signed_part_is_refused(way: Any, at: datetime) -> None:
    w = way()
    first, second = (part.raw for part in mime.parts(mime.parse(signed(w, PLAIN, at))))
    assert w.open(with_parts(w, at, first, second)).signed_entity == PLAIN
    assert cause(w, with_parts(w, at, first, second, PLAIN)) == "signed_parts"
    assert cause(w, with_parts(w, at, PLAIN, first, second)) == "signed_parts"
    assert cause(w, with_parts(w, at, first)) == "signed_parts"
    assert cause(w, with_parts(w, at, second, first)) == "signed_parts"
    assert cause(w, with_parts(w, at, first, second, preamble=b"<b/>\r\n")) == "beside_signed"
    assert cause(w, with_parts(w, at, first, second, epilogue=b"<b/>")) == "beside_signed"


def test_a_signed_part_beside_another_is_refused(way: Any, at: datetime) -> None:
    w = way()
    assert cause(w, encrypted(w, mime.multipart("mixed", [signed(w, PLAIN, at), PLAIN]), at)) == "not_signed"


def test_at_most_one_of_each_layer(way: Any, at: datetime) -> None:
    w = way(kompression=True)
    inner = signed(w, PLAIN, at)
    twice = {
        "signed": signed(w, inner, at),
        "enveloped": signed(w, mime.build([("Content-Type", "application/pkcs7-mime")], encrypted(w, PLAIN, at)), at),
        "compressed": signed(w, compressed(compressed(PLAIN)), at),
        "around": compressed(signed(w, compressed(PLAIN), at)),
    }
    for entity in twice.values():
        with pytest.raises(ContentRefused) as error:
            w.open(encrypted(w, entity, at))
        assert error.value.code == "nested_layer"
        assert error.value.verified.signer == w.hub.cert
    assert cause(w, encrypted(w, compressed(compressed(inner)), at)) == "not_signed"
    assert (
        cause(w, encrypted(w, mime.build([("Content-Type", "application/pkcs7-mime")], encrypted(w, inner, at)), at))
        == "not_signed"
    )


def test_compression_is_read_in_both_orders_if_agreed(way: Any, at: datetime) -> None:
    """RFC 5402 section 2: before or after signing; the MIC is over what was signed."""
    w, plain = way(kompression=True), way()
    for entity in (signed(w, compressed(PLAIN), at), compressed(signed(w, PLAIN, at))):
        opened = w.open(encrypted(w, entity, at))
        assert (opened.parts, opened.compressed) == (((None, "application/xml", b"<a/>"),), True)
    with pytest.raises(ContentRefused) as error:
        plain.open(encrypted(plain, signed(plain, compressed(PLAIN), at), at))
    assert error.value.code == "compressed_not_agreed"
    assert cause(plain, encrypted(plain, compressed(signed(plain, PLAIN, at)), at)) == "not_agreed"


def test_a_bomb_is_refused_on_either_side_of_the_signature(way: Any, at: datetime) -> None:
    w = way(kompression=True)
    bomb = mime.build([("Content-Type", "application/xml")], bytes(30 * 1024 * 1024))
    with pytest.raises(ContentRefused) as error:
        w.open(encrypted(w, signed(w, compressed(bomb), at), at))
    assert (error.value.code, error.value.disposition) == ("compressed_ratio", "decompression-failed")
    assert cause(w, encrypted(w, compressed(bomb), at)) == "ratio"


def test_a_field_outside_the_signed_header_addresses_nobody(way: Any, at: datetime) -> None:
    w = way(kompression=True)
    field = ("X-Gateway-Empfaenger", "abh:05314000")
    inside = mime.build([("Content-Type", "application/xml"), field], b"<a/>")
    around = b"X-Gateway-Empfaenger: abh:05314000\r\n" + signed(w, PLAIN, at)
    for entity in (signed(w, compressed(inside), at), around):
        assert w.open(encrypted(w, entity, at)).gateway_headers == {}
    assert w.open(encrypted(w, signed(w, inside, at), at)).gateway_headers == {"X-Gateway-Empfaenger": "abh:05314000"}


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (b"X-Gateway-Id: 1\r\nx-gateway-id: 2\r\n\r\n<a/>", "duplicate_header"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--", "multipart_subtype"),
        (b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b", "multipart_unterminated"),
        (b"Content-Type: multipart/related; boundary=b\r\n\r\nhidden\r\n--b\r\n\r\nx\r\n--b--", "beside_parts"),
        (b'Content-Type: multipart/related; boundary=b; start="<2>"\r\n\r\n--b\r\n\r\nx\r\n--b--', "related_start"),
        (b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n!", "base64"),
        (b"Content-Type: nonsense\r\n\r\nx", "content_type"),
    ],
)
def test_signed_content_that_is_no_message_is_refused_to_its_known_sender(
    entity: bytes, expected: str, way: Any, at: datetime
) -> None:
    w = way()
    with pytest.raises(ContentRefused) as error:
        w.open(encrypted(w, signed(w, entity, at), at))
    assert (error.value.code, error.value.disposition) == (expected, "unexpected-processing-error")
    assert (error.value.signed_entity, error.value.verified.signer) == (entity, w.hub.cert)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/pkcs7-mime; smime-type=authEnveloped-data",
        "application/pkcs7-mime; smime-type=authenticated-enveloped-data",
        "application/pkcs7-mime; smime-type=signed-data",
        'application/x-pkcs7-mime; name="smime.p7m"',
        "application/octet-stream",
    ],
)
def test_cms_is_recognised_by_its_oid(content_type: str, way: Any, at: datetime, partner: Any) -> None:
    w = way()
    w.seal([XML])
    opened = sealer.open_sealed(io.BytesIO(w.sealed.getvalue()), content_type, w.edge.identity, partner(w.hub), at=at)
    assert opened.parts == (XML,)


def test_a_partners_certificate_outside_its_agreed_window_verifies_nothing(way: Any, at: datetime) -> None:
    w = way()
    w.seal([XML])
    agreed = Zertifikat(zweck="signatur", pem=w.hub.pem, ab=date(2025, 1, 1), bis=date(2026, 5, 3))
    partner = Partner(id="p", behoerden=(), weg="abruf", zertifikate=(agreed,))
    with pytest.raises(OpenRefused) as error:
        sealer.open_sealed(io.BytesIO(w.sealed.getvalue()), "application/pkcs7-mime", w.edge.identity, partner, at=at)
    assert error.value.cause_code == "signer_unknown"


# --- receipts ----------------------------------------------------------------------------------------------------


MDN = b"Content-Type: multipart/report; boundary=r\r\n\r\n--r\r\n\r\nok\r\n--r--\r\n"


def test_a_signed_receipt_opens_to_its_exact_bytes(holder: Any, at: datetime) -> None:
    hub = holder()
    content_type, body = sign_entity(MDN, hub.identity, Algorithmen(), at)
    assert 'protocol="application/pkcs7-signature"; micalg=sha-256' in content_type
    verified, inner = open_signed(mime.build([("Content-Type", content_type)], body), [hub.cert], Algorithmen(), at)
    assert (inner, verified.signer) == (MDN, hub.cert)


def test_text_around_a_receipts_parts_is_ignored(holder: Any, at: datetime) -> None:
    hub = holder()
    content_type, body = sign_entity(MDN, hub.identity, Algorithmen(), at)
    raw = mime.build([("Content-Type", content_type)], b"This is signed.\r\n" + body + b"bye")
    assert open_signed(raw, [hub.cert], Algorithmen(), at)[1] == MDN


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (MDN, "not_signed"),
        (b"no mime", "mime_header_unterminated"),
        (b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--", "signed_parts"),
        (b"Content-Type: multipart/signed\r\n\r\n--b\r\n\r\nx\r\n--b--", "mime_boundary"),
    ],
)
def test_an_unsigned_receipt_is_refused(raw: bytes, expected: str, holder: Any, at: datetime) -> None:
    with pytest.raises(SignatureRefused) as error:
        open_signed(raw, [holder().cert], Algorithmen(), at)
    assert error.value.code == expected


def test_a_receipt_with_bare_line_feeds_opens_by_agreement(holder: Any, at: datetime) -> None:
    hub = holder()
    signature = cms.sign(MDN, hub.identity, Algorithmen(), at)
    raw = (
        b"Content-Type: multipart/signed; boundary=b\n\n--b\n"
        + MDN
        + b"\n--b\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n"
        + mime.base64_lines(signature).replace(b"\r\n", b"\n")
        + b"--b--\n"
    )
    with pytest.raises(SignatureRefused) as error:
        open_signed(raw, [hub.cert], Algorithmen(), at)
    assert error.value.code == "mime_bare_lf"
    assert open_signed(raw, [hub.cert], Algorithmen(), at, allow_bare_lf=True)[1] == MDN
