"""Mails as bytes: the sealed entity untouched, headers that cannot be broken out of, addresses that know their try."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import mime
from gateway.as2headers import ReceiptRequest
from gateway.send.mail_message import (
    build_message,
    build_receipt,
    checked_address,
    same_token,
    transfer_entity,
    verp_address,
    verp_token,
)

NOW = 1_790_000_000_000_000
TOKEN = "abcdefghij0123456789"
ENTITY = transfer_entity("application/pkcs7-mime; smime-type=authEnveloped-data", bytes(range(256)) * 9)


def message(**changes: object) -> bytes:
    values: dict[str, object] = {
        "sender": "gateway@hub.example",
        "recipient": "post@kreis.example",
        "message_id": "<1@hub.example>",
        "now": NOW,
        "entity": ENTITY,
        "notify": "quittung@hub.example",
        "receipt": ReceiptRequest(),
    }
    return build_message(**(values | changes))  # type: ignore[arg-type]


def receipt(**changes: object) -> bytes:
    values: dict[str, object] = {
        "sender": "gateway@hub.example",
        "recipient": "post@kreis.example",
        "message_id": "<2@hub.example>",
        "now": NOW,
        "entity": ENTITY,
        "in_reply_to": "<1@kreis.example>",
    }
    return build_receipt(**(values | changes))  # type: ignore[arg-type]


def test_the_sealed_entity_stands_in_the_mail_byte_for_byte() -> None:
    mail = message()
    assert mail.endswith(ENTITY)
    assert mime.parse(mail).decoded() == bytes(range(256)) * 9


def test_what_another_program_reads_from_a_message() -> None:
    read = message_from_bytes(message(), policy=policy.default)
    assert dict(read.items()) == {
        "From": "gateway@hub.example",
        "To": "post@kreis.example",
        "Message-ID": "<1@hub.example>",
        "Date": "Mon, 21 Sep 2026 14:13:20 -0000",
        "Subject": "Nachricht",
        "MIME-Version": "1.0",
        "Disposition-Notification-To": "quittung@hub.example",
        "Disposition-Notification-Options": (
            "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"
        ),
        "Content-Type": 'application/pkcs7-mime; smime-type="authEnveloped-data"',
        "Content-Transfer-Encoding": "base64",
    }
    assert read.defects == []


def test_equal_input_gives_equal_bytes() -> None:
    assert message() == message()


def test_an_unsigned_receipt_is_asked_for_without_options() -> None:
    assert b"Disposition-Notification-Options" not in message(receipt=ReceiptRequest(signed=False))


def test_a_receipt_is_marked_as_automatic_and_asks_for_none() -> None:
    read = message_from_bytes(receipt(), policy=policy.default)
    assert (read["Auto-Submitted"], read["In-Reply-To"], read["Subject"]) == (
        "auto-replied",
        "<1@kreis.example>",
        "Quittung",
    )
    assert read["Disposition-Notification-To"] is None


@pytest.mark.parametrize("odd", ["no brackets", "<a b@x>", "<a@x>\r\nX: y", "<ä@x>", "", "<" + "x" * 999 + ">"])
def test_an_odd_message_id_is_not_repeated_in_a_header(odd: str) -> None:
    assert b"In-Reply-To" not in receipt(in_reply_to=odd)


@pytest.mark.parametrize("field", ["sender", "recipient", "message_id", "notify"])
@pytest.mark.parametrize("value", ["a@x.example\r\nBcc: b@x", "a@x.example\n", "ä@x.example", "a\0@x.example"])
def test_no_value_breaks_out_of_its_header(field: str, value: str) -> None:
    with pytest.raises(ValueError):
        message(**{field: value})


@pytest.mark.parametrize(
    "entity",
    [
        pytest.param(b"Content-Type: text/plain\r\n\r\nLF\nalone\r\n", id="bare LF"),
        pytest.param(b"Content-Type: text/plain\r\n\r\nCR\ralone\r\n", id="bare CR"),
        pytest.param(b"Content-Type: text/plain\r\n\r\nno end", id="no line end"),
        pytest.param(b"Content-Type: text/plain\r\n\r\n\xfc\r\n", id="8-bit"),
        pytest.param(b"Content-Type: text/plain\r\n\r\n\0\r\n", id="NUL"),
        pytest.param(b"Content-Type: text/plain\r\n\r\n" + b"x" * 999 + b"\r\n", id="long line"),
        pytest.param(b"Subject: Haftsache\r\n\r\nx\r\n", id="Subject"),
        pytest.param(b"MIME-Version: 1.0\r\n\r\nx\r\n", id="MIME-Version"),
        pytest.param(b"X-Gateway-Id: 1\r\nContent-Type: text/plain\r\n\r\nx\r\n", id="X-Gateway-Id outside"),
    ],
)
def test_what_a_server_would_rewrite_or_anybody_read_is_refused(entity: bytes) -> None:
    with pytest.raises(ValueError):
        message(entity=entity)


@pytest.mark.parametrize("address", ["a@b.example", "a.b+c=d@b-c.example", "post@localhost", "x" * 64 + "@y.example"])
def test_plain_addresses(address: str) -> None:
    assert checked_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "<a@b>",
        '"a"@b',
        "A <a@b>",
        "a@b, c@d",
        "a@-b",
        "a@b.",
        "x" * 65 + "@y",
        "a@" + "y" * 253,
        "a@[127.0.0.1]",
    ],
)
def test_no_plain_address(address: str) -> None:
    with pytest.raises(ValueError):
        checked_address(address)


def test_a_returned_mail_names_its_try() -> None:
    address = verp_address("gateway@hub.example", TOKEN)
    assert address == f"gateway+{TOKEN}@hub.example"
    assert verp_token("gateway@hub.example", address) == TOKEN
    assert verp_token("Gateway@Hub.Example", f"<{address.upper()}>") == TOKEN


def test_an_address_with_a_plus_of_its_own() -> None:
    assert verp_token("a+b@x.example", verp_address("a+b@x.example", TOKEN)) == TOKEN


@pytest.mark.parametrize(
    "address",
    [
        "gateway@hub.example",
        "gateway+@hub.example",
        "gateway+short@hub.example",
        f"other+{TOKEN}@hub.example",
        f"gateway+{TOKEN}@evil.example",
        f"gateway-{TOKEN}@hub.example",
        f"+{TOKEN}@",
        "",
    ],
)
def test_no_token_in_other_addresses(address: str) -> None:
    assert verp_token("gateway@hub.example", address) is None


@pytest.mark.parametrize("token", ["", "short", "A" * 20, "a" * 41, "a" * 19 + "+", "a" * 19 + "\n"])
def test_a_token_has_its_form(token: str) -> None:
    with pytest.raises(ValueError):
        verp_address("gateway@hub.example", token)


@given(st.text(max_size=80))
def test_hostile_addresses_do_no_harm(address: str) -> None:
    token = verp_token("gateway@hub.example", address)
    assert token is None or verp_address("gateway@hub.example", token) == address.strip().strip("<>").lower()


def test_tokens_are_compared_and_an_empty_one_never_counts() -> None:
    assert same_token(TOKEN, TOKEN)
    assert not same_token(TOKEN, TOKEN[:-1] + "x")
    assert not same_token("", "")
    assert not same_token(TOKEN, None)
    assert not same_token(TOKEN, "ä")
