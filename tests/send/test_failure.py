"""What each failure means: temporary, permanent or ours, and nothing of the peer's words in it."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.send.failure import (
    RETRY_AFTER_MAX_S,
    At,
    Failure,
    Taken,
    Trouble,
    from_dsn,
    from_http,
    from_smtp,
    from_trouble,
    read_retry_after,
)
from gateway.states import Step

NOW_S = 1_790_000_000
NOW = NOW_S * 1_000_000


def failed(status: int, *, receipt: bool = False) -> Failure:
    failure = from_http(status, receipt=receipt)
    assert isinstance(failure, Failure)
    return failure


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_taken_and_without_a_receipt_only_handed_over(status: int) -> None:
    assert from_http(status, receipt=True) is Taken.RECEIPT
    assert from_http(status, receipt=False) is Taken.HANDED_OVER


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599, 408, 425, 429])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert failed(status).kind == "temporary"
    assert failed(status).code == f"http_{status}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415, 422, 499])
def test_other_4xx_are_final(status: int) -> None:
    assert failed(status).kind == "permanent"


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399])
def test_a_redirect_is_final(status: int) -> None:
    assert failed(status).kind == "permanent"
    assert failed(status).step is Step.GIVE_UP


@pytest.mark.parametrize("status", [-1, 0, 100, 199, 600, 999])
def test_what_is_no_answer_is_tried_again(status: int) -> None:
    assert failed(status) == from_trouble(Trouble.PROTOCOL)


def test_too_large_for_the_partner_asks_a_person() -> None:
    assert failed(413).step is Step.CANNOT_SEND


@given(st.integers(0, 999).filter(lambda status: not 200 <= status <= 299))
def test_no_refusal_is_turned_by_a_receipt_type(status: int) -> None:
    assert failed(status, receipt=True) == failed(status)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("99999999999999999999", RETRY_AFTER_MAX_S),
        (formatdate(NOW_S + 90, usegmt=True), 90),
        (formatdate(NOW_S - 90, usegmt=True), 0),
        (formatdate(NOW_S + 900_000, usegmt=True), RETRY_AFTER_MAX_S),
        ("Mon, 21 Sep 2026 14:13:30 -0000", 10),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("Mon, 99 Sep 2026 14:13:30 GMT", None),
        ("9" * 65, None),
        (None, None),
    ],
)
def test_retry_after_is_read_and_capped(value: str | None, seconds: int | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@given(st.text(max_size=70))
def test_a_hostile_retry_after_does_no_harm(value: str) -> None:
    seconds = read_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= RETRY_AFTER_MAX_S


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_retry_after_counts_where_it_is_tried_again(status: int) -> None:
    failure = from_http(status, receipt=False, retry_after="30", now=NOW)
    assert isinstance(failure, Failure)
    assert failure.retry_after == 30


@pytest.mark.parametrize(
    ("code", "message", "kind", "step"),
    [
        (421, "4.3.2 shutting down", "temporary", Step.GIVE_UP),
        (450, "greylisted", "temporary", Step.GIVE_UP),
        (452, "4.3.1 disk full", "temporary", Step.GIVE_UP),
        (454, "4.7.0 no TLS now", "temporary", Step.GIVE_UP),
        (500, "what", "permanent", Step.GIVE_UP),
        (550, "5.1.1 no such user", "permanent", Step.GIVE_UP),
        (552, "too much", "permanent", Step.CANNOT_SEND),
        (552, "5.3.4 message too big", "permanent", Step.CANNOT_SEND),
        (552, "5.2.2 mailbox full", "permanent", Step.GIVE_UP),
        (554, "5.2.3 longer than allowed here", "permanent", Step.CANNOT_SEND),
        (554, "5.7.1 spam", "permanent", Step.GIVE_UP),
        (530, "5.7.0 STARTTLS first", "ours", Step.GIVE_UP),
        (535, "5.7.8 wrong", "ours", Step.GIVE_UP),
        (299, "", "temporary", Step.GIVE_UP),
        (-1, "", "temporary", Step.GIVE_UP),
    ],
)
def test_smtp_replies(code: int, message: str, kind: str, step: Step) -> None:
    failure = from_smtp(code, message)
    assert (failure.kind, failure.step) == (kind, step)


def test_an_unknown_recipient_is_named_as_such() -> None:
    assert from_smtp(550, at="recipient").text_de.startswith("Die Mailadresse des Empfängers")


@given(st.integers(0, 999), st.text(max_size=40), st.sampled_from(["server", "recipient", "message"]))
def test_nothing_of_the_peers_words_is_kept(code: int, message: str, at: At) -> None:
    assert from_smtp(code, "x" + message, at=at) == from_smtp(code, "x", at=at)


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_its_own_meaning(trouble: Trouble) -> None:
    failure = from_trouble(trouble)
    assert failure.code
    assert failure.text_de.endswith(".")
    assert [other for other in Trouble if from_trouble(other).code == failure.code] == [trouble]


def test_what_lies_with_us_is_said() -> None:
    ours = {trouble for trouble in Trouble if from_trouble(trouble).kind == "ours"}
    assert ours == {Trouble.ADDRESS, Trouble.FORBIDDEN_ADDRESS, Trouble.BODY, Trouble.INTERNAL}


def test_mails_that_come_back_are_tried_again_and_then_a_person_decides() -> None:
    for times in (1, 2):
        again = from_dsn("5.1.1", times)
        assert (again.kind, again.code) == ("temporary", "ruecklaeufer")
        assert "(5.1.1)" in again.text_de
    last = from_dsn("5.1.1", 3)
    assert (last.kind, last.step) == ("permanent", Step.CANNOT_SEND)
    assert "3-mal" in last.text_de
    assert from_dsn(None, 3).step is Step.CANNOT_SEND
    assert from_dsn("4.4.7", 9).kind == "temporary", "it only waited too long"
