"""Returned mails are read tolerantly: what servers write, and what nobody would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settle.dsn import Dsn, is_dsn_type, parse_dsn

TOKEN = "0123456789abcdef01234567"


def mail(*groups: str, kind: str = "message/delivery-status", end: str = "\r\n--b--\r\n", top: str = "") -> bytes:
    """A notification with these groups of fields."""
    head = top or "multipart/report; report-type=delivery-status; boundary=b"
    body = "\r\n\r\n".join(groups)
    return (
        f"From: MAILER-DAEMON@mx.example\r\nContent-Type: {head}\r\n\r\n--b\r\n\r\nText\r\n"
        f"--b\r\nContent-Type: {kind}\r\n\r\n{body}\r\n{end}"
    ).encode()


ABOUT = f"Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: {TOKEN}"
FAILED = "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1 (unknown)"
DELAYED = "Final-Recipient: rfc822; a@b.example\r\nAction: delayed\r\nStatus: 4.4.1"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (mail(ABOUT, FAILED), Dsn("failed", "5.1.1", TOKEN)),
        (mail(ABOUT, DELAYED), Dsn("delayed", "4.4.1", TOKEN)),
        (mail(ABOUT, DELAYED, FAILED), Dsn("failed", "5.1.1", TOKEN)),
        (mail("Reporting-MTA: dns; mx", FAILED), Dsn("failed", "5.1.1", None)),
        (mail(ABOUT, FAILED, end=""), Dsn("failed", "5.1.1", TOKEN)),
        (mail(ABOUT, FAILED).replace(b"\r\n", b"\n"), Dsn("failed", "5.1.1", TOKEN)),
        (mail(ABOUT, "ACTION: Failed (mx)\r\nstatus:  5.7.1"), Dsn("failed", "5.7.1", TOKEN)),
        (mail(ABOUT, "Action: failed\r\nStatus: sorry"), Dsn("failed", None, TOKEN)),
        (mail(ABOUT, "Action:\r\n failed\r\nStatus: 5.0.0"), Dsn("failed", "5.0.0", TOKEN)),
        (mail(ABOUT, FAILED, kind="message/global-delivery-status"), Dsn("failed", "5.1.1", TOKEN)),
        (mail(ABOUT, "Action: delivered\r\nStatus: 2.1.5"), Dsn("delivered", "2.1.5", TOKEN)),
        (mail(ABOUT), None),
        (mail(ABOUT, "Action: exploded\r\nStatus: 5.1.1"), None),
        (mail(ABOUT, FAILED, kind="text/plain"), None),
        (mail(ABOUT, FAILED, top="multipart/mixed; boundary=b"), None),
        (mail(ABOUT, FAILED, top="multipart/report; report-type=disposition-notification; boundary=b"), None),
        (b"", None),
    ],
)
def test_what_a_notification_says(raw: bytes, found: Dsn | None) -> None:
    assert parse_dsn(raw) == found


def test_two_machine_parts_say_nothing() -> None:
    second = f"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n{ABOUT}\r\n\r\n{DELAYED}\r\n--b--\r\n"
    assert parse_dsn(mail(ABOUT, FAILED, end=second)) is None


def test_a_huge_one_is_cut_and_read_as_far_as_it_goes() -> None:
    raw = mail(ABOUT, FAILED, end="\r\n--b\r\n\r\n" + "x" * (3 * 1024 * 1024) + "\r\n--b--\r\n")
    assert parse_dsn(raw) == Dsn("failed", "5.1.1", TOKEN)
    assert parse_dsn(mail(ABOUT, *["X: y"] * 1000, FAILED)) is None, "lines beyond the limit"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(octets: bytes) -> None:
    parse_dsn(octets)
    parse_dsn(mail(ABOUT, FAILED).replace(b"Text", octets))
    parse_dsn(mail(ABOUT).replace(b"Reporting-MTA", octets))


def test_the_type_alone() -> None:
    assert is_dsn_type('multipart/report; boundary="x"; Report-Type="delivery-status"')
    assert not is_dsn_type("multipart/report; boundary=x")
    assert not is_dsn_type("")
