"""The header of a mail that came: one sender, one Message-ID, or nothing."""

import pytest

from gateway import mime
from gateway.accept.mail_headers import MailRefused, is_automatic_answer, is_sealed, read_message
from gateway.as2headers import ReceiptRequest

TYPE = "Content-Type: application/pkcs7-mime;\r\n\tsmime-type=authEnveloped-data; name=smime.p7m\r\n"
US = "Quittung@gateway.example"


def mail(sender: str = "abh@koeln.example", message_id: str = "<1.2@koeln.example>", more: str = "") -> mime.Entity:
    raw = f"Received: by mx\r\n with LMTP\r\nFrom: {sender}\r\nMessage-ID: {message_id}\r\n{TYPE}{more}\r\nMIAG\r\n"
    return mime.parse_head(raw.encode())


@pytest.mark.parametrize(
    "sender",
    [
        "abh@koeln.example",
        "ABH@Koeln.example",
        "<abh@koeln.example>",
        "Ausländerbehörde Köln <abh@koeln.example>",
        '"Stadt Köln, Ausländeramt" <abh@koeln.example>',
        "=?utf-8?q?K=C3=B6ln?=\r\n <abh@koeln.example>",
    ],
)
def test_the_sender_is_one_address(sender: str) -> None:
    request = read_message(mail(sender), US)
    assert (request.sender, request.recipient) == ("abh@koeln.example", "quittung@gateway.example")
    assert request.message_id == "<1.2@koeln.example>"
    assert request.content_type.startswith("application/pkcs7-mime;")
    assert (request.transfer_encoding, request.receipt) == ("7bit", None)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "a@b.example, abh@koeln.example",
        "a@b.example <abh@koeln.example>",
        "abh@koeln.example <>",
        "<a@b.example> <abh@koeln.example>",
        "Amt: abh@koeln.example;",
        "abh@koeln.example (a@b.example)",
        '"abh"@koeln.example',
        "abh@koeln.example@b.example",
        "abh@[127.0.0.1]",
        "äbh@koeln.example",
    ],
)
def test_what_two_readers_could_take_differently_is_no_sender(sender: str) -> None:
    with pytest.raises(MailRefused) as refused:
        read_message(mail(sender), US)
    assert refused.value.code == "absender_unlesbar"


@pytest.mark.parametrize("message_id", ["", "1@b", "<>", "<a b@c>", "<a@b> <c@d>", "<ä@b>", f"<{'x' * 998}@b>"])
def test_a_message_id_that_cannot_be_repeated(message_id: str) -> None:
    with pytest.raises(MailRefused) as refused:
        read_message(mail(message_id=message_id), US)
    assert refused.value.code == "message_id"


@pytest.mark.parametrize("twice", ["From: x@y.example", "Message-ID: <2@y.example>", "Disposition-Notification-To: x"])
def test_what_may_stand_once_stands_once(twice: str) -> None:
    more = f"{twice}\r\n" * (2 if twice.startswith("Disp") else 1)
    with pytest.raises(mime.MimeError, match="duplicate_header"):
        read_message(mail(more=more), US)


def test_the_receipt_that_is_asked_for() -> None:
    options = (
        "Disposition-Notification-To: elsewhere@y.example\r\nContent-Transfer-Encoding: BASE64\r\n"
        "Disposition-Notification-Options: signed-receipt-protocol=required, pkcs7-signature;\r\n"
        " signed-receipt-micalg=required, sha-512, SHA256\r\n"
    )
    request = read_message(mail(more=options), US)
    assert request.receipt == ReceiptRequest(True, ("sha-512", "sha-256"), None, required=True)
    assert request.transfer_encoding == "base64"


@pytest.mark.parametrize(
    ("value", "automatic"),
    [
        ("no", False),
        ("auto-generated", False),
        ("Auto-Generated; owner=x", False),
        ("auto-replied", True),
        ("Auto-Replied (away)", True),
        ("auto-notified", True),
    ],
)
def test_automatic_answers(value: str, automatic: bool) -> None:
    assert is_automatic_answer(mail(more=f"Auto-Submitted: {value}\r\n")) is automatic
    assert not is_automatic_answer(mail())


def test_what_may_be_sealed() -> None:
    assert is_sealed(mail())
    for other in ("text/plain", "multipart/signed; boundary=x", "application/octet-stream; name=smime.p7m"):
        assert not is_sealed(mime.parse_head(f"Content-Type: {other}\r\n\r\n".encode()))
    assert not is_sealed(mime.parse_head(b"Subject: x\r\n\r\n"))
