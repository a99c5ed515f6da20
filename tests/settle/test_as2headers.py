"""AS2 headers: names, Message-IDs, receipts asked for; what is ambiguous is refused."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.as2headers import (
    As2HeaderError,
    ReceiptRequest,
    new_message_id,
    quote_as2_name,
    read_as2_name,
    read_micalg,
    read_request,
    receipt_options,
    request_headers,
)

NOW = 1_790_000_000_000_000
BASE = [
    (b"AS2-From", b"gw-nrw"),
    (b"AS2-To", b'"Stadt Koeln"'),
    (b"Message-ID", b"<1@gw.example>"),
    (b"Content-Type", b"application/pkcs7-mime; smime-type=enveloped-data"),
]


def code_of(headers: list[tuple[bytes, bytes]]) -> str:
    with pytest.raises(As2HeaderError) as caught:
        read_request(headers)
    assert caught.value.status == 400
    return caught.value.code


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128))
def test_a_name_survives_quoting(name: str) -> None:
    assert read_as2_name(quote_as2_name(name)) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "Köln", "a\r\nX: y", "a\tb"])
def test_what_is_no_name_is_not_written(name: str) -> None:
    with pytest.raises(ValueError):
        quote_as2_name(name)


@pytest.mark.parametrize("value", ["", "a b", 'a"b', "a\\b", '"a', '"a\\x"', '""', '"' + "x" * 129 + '"', "K\xf6ln"])
def test_what_is_no_name_is_refused(value: str) -> None:
    with pytest.raises(As2HeaderError):
        read_as2_name(value)


def test_case_of_a_name_counts() -> None:
    assert read_as2_name("Gw-NRW") != read_as2_name("gw-nrw")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("sha1", "sha-1"),
        ("sha-1", "sha-1"),
        ("SHA256", "sha-256"),
        ("sha-256", "sha-256"),
        (' "Sha-256" ', "sha-256"),
        ("sha2-256", "sha-256"),
        ("sha_256", "sha-256"),
        ("rsa-sha256", "sha-256"),
        ("SHA 512", "sha-512"),
        ("sha-384", "sha-384"),
        ("md5", "md5"),
        ("2.16.840.1.101.3.4.2.1", "sha-256"),
        ("sha3-256", None),
        ("sha", "sha-1"),
        ("", None),
        ("crc32", None),
    ],
)
def test_all_spellings_of_algorithms_are_read(spelling: str, name: str | None) -> None:
    assert read_micalg(spelling) == name


@pytest.mark.parametrize("name", ["AS2-From", "as2-to", "MESSAGE-ID", "Content-Type", "Receipt-Delivery-Option"])
def test_a_header_that_stands_twice_is_refused(name: str) -> None:
    extra = [(name.encode(), b"x"), (name.encode(), b"x")]
    assert code_of([*BASE, *extra]) == "kopf_doppelt"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"AS2-From", "as2_from_fehlt"),
        (b"AS2-To", "as2_to_fehlt"),
        (b"Message-ID", "message_id_fehlt"),
        (b"Content-Type", "content_type_fehlt"),
    ],
)
def test_a_missing_or_empty_header_is_refused(name: bytes, code: str) -> None:
    rest = [header for header in BASE if header[0] != name]
    assert code_of(rest) == code
    assert code_of([*rest, (name, b"  ")]) == code


@pytest.mark.parametrize("value", [b"a\r\n b", b"a\n\tb", b"a\rb", b"a\0b"])
def test_folded_lines_are_refused(value: bytes) -> None:
    assert code_of([*BASE, (b"Subject", value)]) == "kopf_gefaltet"


@pytest.mark.parametrize("name", [b" Subject", b"Sub ject", b"", b"Subject\xff", b"Subject:"])
def test_a_broken_name_is_refused(name: bytes) -> None:
    assert code_of([*BASE, (name, b"x")]) == "kopf_gefaltet"


def test_a_header_beyond_the_limit_is_refused() -> None:
    assert code_of([*BASE, (b"Subject", b"x" * 9_000)]) == "kopf_zu_lang"
    assert code_of([*BASE[:2], (b"Message-ID", b"x" * 999), BASE[3]]) == "message_id"


def test_message_id_is_kept_byte_for_byte() -> None:
    odd = b'"<A b\xe4@X>"'
    request = read_request([*BASE[:2], (b"message-id", b" " + odd + b"\t"), BASE[3]])
    assert request.message_id.encode("latin-1") == odd


def test_defaults_of_an_old_peer() -> None:
    request = read_request(BASE)
    assert (request.version, request.transfer_encoding, request.receipt) == ("1.0", "binary", None)
    assert (request.sender, request.recipient) == ("gw-nrw", "Stadt Koeln")


def receipt_of(**headers: bytes) -> ReceiptRequest | None:
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return read_request([*BASE, *named]).receipt


def test_without_notification_to_no_receipt_is_asked_for() -> None:
    assert receipt_of(receipt_delivery_option=b"https://x.example/mdn") is None


def test_an_unsigned_receipt_is_asked_for_without_options() -> None:
    assert receipt_of(disposition_notification_to=b"x") == ReceiptRequest(signed=False, micalgs=())


def test_options_are_read_in_their_order_and_any_spelling() -> None:
    receipt = receipt_of(
        disposition_notification_to=b"x",
        disposition_notification_options=b"Signed-Receipt-Protocol = Optional , pkcs7-signature;"
        b"signed-receipt-micalg=optional,SHA512, sha-256 ,x,sha512",
        receipt_delivery_option=b"https://x.example/mdn",
    )
    assert receipt == ReceiptRequest(micalgs=("sha-512", "sha-256"), url="https://x.example/mdn")


@pytest.mark.parametrize(
    ("options", "unmet"),
    [
        (b"signed-receipt-protocol=required, pgp-signature", "format"),
        (b"signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, whirlpool", "micalg"),
        (b"signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha-256", None),
        (b"signed-receipt-protocol=optional, pgp-signature", None),
        (b"signed-receipt-shine=required, yes", "format"),
        (b";;;=;,=,", None),
        (b"signed-receipt-protocol=", None),
    ],
)
def test_what_is_required_and_unknown_is_told(options: bytes, unmet: str | None) -> None:
    receipt = receipt_of(disposition_notification_to=b"x", disposition_notification_options=options)
    assert receipt is not None
    assert receipt.unmet == unmet


def test_what_we_write_is_what_we_read() -> None:
    receipt = ReceiptRequest(micalgs=("sha-256", "sha-384"), url="https://gw.example/mdn", required=True)
    headers = request_headers(
        sender="gw nrw",
        recipient='a"b\\c',
        message_id="<1@gw.example>",
        content_type="application/pkcs7-mime",
        now=NOW,
        receipt=receipt,
    )
    request = read_request([(name.encode(), value.encode()) for name, value in headers])
    assert (request.sender, request.recipient, request.message_id) == ("gw nrw", 'a"b\\c', "<1@gw.example>")
    assert (request.receipt, request.version) == (receipt, "1.2")
    assert request.features == {"multiple-attachments"}
    assert dict(headers)["Date"] == "Mon, 21 Sep 2026 14:13:20 GMT"
    assert dict(headers)["Subject"] == "Nachricht"
    assert "Content-Length" not in dict(headers)


def test_a_receipt_asks_for_none() -> None:
    headers = dict(
        request_headers(sender="a", recipient="b", message_id="<1@x>", content_type="multipart/signed", now=NOW)
    )
    assert not {"Disposition-Notification-To", "Receipt-Delivery-Option"} & headers.keys()


@pytest.mark.parametrize("field", ["message_id", "content_type", "notify"])
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "ä", "\0"])
def test_no_header_value_breaks_out(field: str, value: str) -> None:
    values = {"sender": "a", "recipient": "b", "message_id": "<1@x>", "content_type": "text/xml", "notify": "x"}
    with pytest.raises(ValueError):
        request_headers(**{**values, field: value}, now=NOW, receipt=ReceiptRequest())  # type: ignore[arg-type]


def test_the_form_of_receipt_options() -> None:
    assert receipt_options(ReceiptRequest()) == (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"
    )


@given(st.text(string.ascii_letters + string.digits + ".-", max_size=20), st.text(max_size=20))
def test_a_message_id_is_well_formed_or_not_made(token: str, domain: str) -> None:
    try:
        message_id = new_message_id(domain, token)
    except ValueError:
        return
    assert message_id == f"<{token}@{domain}>"
    assert message_id.isascii()
    assert not set(message_id[1:-1]) & set("<> \r\n")


def test_a_message_id_has_its_limit() -> None:
    assert new_message_id("gw.example", "0199-abc") == "<0199-abc@gw.example>"
    with pytest.raises(ValueError):
        new_message_id("gw.example", "x" * 250)


@given(st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=60)), max_size=8))
def test_hostile_headers_are_read_or_refused(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        request = read_request([*headers, *BASE])
    except As2HeaderError:
        return
    assert request.sender == "gw-nrw"


@given(st.binary(max_size=200))
def test_hostile_receipt_options_are_read_or_refused(options: bytes) -> None:
    try:
        receipt = receipt_of(disposition_notification_to=b"x", disposition_notification_options=options)
    except As2HeaderError:
        return
    assert receipt is not None
    assert len(set(receipt.micalgs)) == len(receipt.micalgs)
