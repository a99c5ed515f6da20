"""When something is told, told again, and told to be over; in which words; and how a webhook is signed."""

import base64
import hashlib
import hmac
import string

import pytest

from gateway.alarms import WORDS, Condition, Kind, Occasion, Open, compare, told
from gateway.send.webhook import signed
from gateway.service.upkeep.alarm_mail import OCCASIONS, alarm_mail
from gateway.service.upkeep.conditions import first_id

DETAILS = {"tage": 3, "verwendung": "sign", "inhaber": "koeln", "stunden": "24", "minuten": 20, "megabyte": 7,
           "aeltester_tag": "01.11.2026"}  # fmt: skip
MINUTE = 60


def known(kind: Kind, seen: int = 0, reported: int = 0, subject: str = "") -> Open:
    return Open("1", str(kind), subject, seen, reported, {})


def changes(found: list[Condition], open_: list[Open], now: int, judged: set[Kind] | None = None):
    return compare(found, open_, now, judged=set(Kind) if judged is None else judged, repeat=600, rest=100)


def test_what_is_new_is_told_once() -> None:
    so = Condition(Kind.PLATZ)
    assert changes([so], [], 0).begun == (so,)
    later = changes([so], [known(Kind.PLATZ, 10, 10)], 20)
    assert (later.begun, later.again, later.ended) == ((), (), ())
    assert [condition for _, condition in later.seen] == [so]
    other = changes([Condition(Kind.PARTNER_GESTOERT, "a")], [known(Kind.PARTNER_GESTOERT, subject="b")], 20)
    assert other.begun == (Condition(Kind.PARTNER_GESTOERT, "a"),)


def test_what_goes_on_is_told_again_after_its_time_and_not_before() -> None:
    so = Condition(Kind.PLATZ)
    assert changes([so], [known(Kind.PLATZ, 599, 0)], 599).again == ()
    assert [condition for _, condition in changes([so], [known(Kind.PLATZ, 599, 0)], 600).again] == [so]


def test_what_is_over_has_ended_after_a_rest_and_only_where_it_was_looked_at() -> None:
    open_ = known(Kind.PLATZ, 1000)
    assert changes([], [open_], 1099).ended == ()
    assert changes([], [open_], 1100).ended == (open_,)
    assert changes([], [open_], 5000, judged=set(Kind) - {Kind.PLATZ}).ended == ()


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_says_what_happened_what_it_means_and_what_to_do(kind: Kind) -> None:
    words = told(str(kind), "koeln", 2, DETAILS)
    texts = (words.titel, words.was, words.bedeutet, words.tun)
    for text in texts:
        assert text
        assert "{" not in text
    assert all(text.endswith(".") for text in texts[1:])
    assert set(WORDS) == set(Kind)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("occasion", list(Occasion))
def test_a_mail_is_plain_and_machine_made(kind: Kind, occasion: Occasion) -> None:
    words = told(str(kind), "köln", 2, DETAILS)
    body = {
        "gateway": "gw:nrw", "alarm": "a1", "anlass": str(occasion), "art": str(kind), "gegenstand": "köln",
        "seit": "2026-11-22T12:00:00.000Z", "gemeldet": "2026-11-22T12:30:00.000Z", "titel": words.titel,
        "was": words.was, "bedeutet": words.bedeutet, "tun": words.tun,
    }  # fmt: skip
    mail = alarm_mail(body, sender="gateway@example.org", recipient="b@example.org", notice="n1")
    assert set(mail.decode("ascii")) <= set(string.printable)
    assert mail.count(b"\n") == mail.count(b"\r\n")
    assert max(map(len, mail.splitlines())) <= 998
    assert b"Auto-Submitted: auto-generated\r\n" in mail
    assert b"Message-ID: <n1@example.org>\r\n" in mail
    assert set(OCCASIONS) == {str(each) for each in Occasion}
    for header in ("From: gateway@example.org", "To: b@example.org"):
        assert f"\r\n{header}\r\n" in f"\r\n{mail.decode()}"
    with pytest.raises(ValueError, match="address"):
        alarm_mail(body, sender="gateway@example.org", recipient="b@example.org\r\nBcc: x@example.org", notice="n1")


def test_a_webhook_is_signed_as_its_receiver_checks_it() -> None:
    old, new, body = b"o" * 24, b"n" * 32, b'{"art": "platz"}'
    headers = dict(signed([new, old], "id1", 1_700_000_000, body))
    macs = [hmac.new(key, b"id1.1700000000." + body, hashlib.sha256).digest() for key in (new, old)]
    assert headers["webhook-signature"] == " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("id1", "1700000000")
    for secrets in ([], [b"short"], [new, b"x" * 23]):
        with pytest.raises(ValueError, match="24"):
            signed(secrets, "id1", 1, body)


def test_the_first_id_of_a_moment_sorts_before_every_later_one() -> None:
    assert first_id(1_700_000_000_000_000) == "018bcfe5-6800-7000-8000-000000000000"
    assert first_id(0) < first_id(1_700_000_000_000_000) < first_id(1_800_000_000_000_000)
