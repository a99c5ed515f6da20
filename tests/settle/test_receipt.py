"""The receipt table of wire.md section 4, row by row, and what must hold for all receipts."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settle.disposition import Disposition, read_disposition
from gateway.settle.mdn import Mic, Report, build_report, parse_report
from gateway.settle.receipt import TEXTS, Evidence, Expected, Reason, Verdict, judge
from gateway.states import Step

DIGEST = hashlib.sha256(b"entity").digest()
OTHER = hashlib.sha256(b"another").digest()
EXPECTED = Expected("<1@hub.example>", base64.b64encode(DIGEST).decode(), "sha-256", ("sha-256", "sha-384"))
GOOD = Report(disposition=Disposition("processed"), original_message_id="1@hub.example", mic=Mic(DIGEST, "sha-256"))


def verdict(report: Report | None, *, signed: bool = True, refused: str | None = None) -> Verdict:
    return judge(EXPECTED, Evidence(report, signed, refused))


def with_result(value: str, **changes: object) -> Report:
    return replace(GOOD, disposition=read_disposition(value), **changes)  # type: ignore[arg-type]


def test_signed_exact_processed_and_equal_digest_is_delivered() -> None:
    got = verdict(GOOD)
    assert got.step is Step.RECEIPT_POSITIVE
    assert got.reason is Reason.ZUGESTELLT
    assert got.text == "Der Empfänger hat den Eingang der unveränderten Nachricht signiert bestätigt."


def test_also_with_the_warning_that_it_is_a_duplicate() -> None:
    got = verdict(with_result("automatic-action/x; processed/warning: duplicate-document"))
    assert (got.step, got.reason) == (Step.RECEIPT_POSITIVE, Reason.DUBLETTE)
    assert got.text == "Der Empfänger hat signiert bestätigt, dass ihm die unveränderte Nachricht bereits vorlag."


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        ("automatic-action/x; processed/error: integrity-check-failed", "integrity-check-failed"),
        ("automatic-action/x; processed/Error: unexpected-processing-error", "unexpected-processing-error"),
        ("automatic-action/x; failed/Failure: unsupported format", "unsupported-format"),
        ("automatic-action/x; failed/failure: unsupported MIC-algorithms", "unsupported-mic-algorithms"),
        ("automatic-action/x; failed", "sonstige"),
        ("automatic-action/x; denied", "sonstige"),
        ("automatic-action/x; processed/error: Herr Beispiel ist im Urlaub", "sonstige"),
    ],
)
@pytest.mark.parametrize("mic", [None, Mic(OTHER, "sha-256"), Mic(DIGEST, "sha-256")])
def test_signed_exact_and_negative_is_refused_whatever_the_digest(result: str, cause: str, mic: Mic | None) -> None:
    got = verdict(with_result(result, mic=mic))
    assert (got.step, got.reason, got.reseal) == (Step.RECEIPT_NEGATIVE, Reason.ABGELEHNT, False)
    assert got.text == "Der Empfänger hat die Nachricht mit signierter Quittung abgelehnt."
    assert got.cause == cause


@pytest.mark.parametrize("cause", ["decryption-failed", "authentication-failed", "Decryption failed"])
def test_a_recipient_that_cannot_open_it_leads_to_a_new_sealing(cause: str) -> None:
    got = verdict(with_result(f"automatic-action/x; processed/error: {cause}", mic=None))
    assert (got.step, got.reason, got.reseal) == (Step.RECEIPT_NEGATIVE, Reason.NICHT_ZU_OEFFNEN, True)
    assert got.text == "Der Empfänger konnte die Nachricht nicht öffnen oder ihre Signatur nicht prüfen."


def test_a_warning_of_that_name_is_no_refusal() -> None:
    got = verdict(with_result("automatic-action/x; processed/warning: authentication-failed, processing continued"))
    assert (got.step, got.reseal) == (Step.RECEIPT_POSITIVE, False)


INVALID = {
    "unsigned": (GOOD, False, None, Reason.NICHT_SIGNIERT),
    "unsigned and negative": (with_result("automatic-action/x; failed"), False, None, Reason.NICHT_SIGNIERT),
    "foreign signer": (GOOD, False, "fremdes_zertifikat", Reason.SIGNATUR_ABGEWIESEN),
    "verified but refused all the same": (GOOD, True, "", Reason.SIGNATUR_ABGEWIESEN),
    "other Message-ID": (replace(GOOD, original_message_id="2@hub.example"), True, None, Reason.FREMDE_MESSAGE_ID),
    "Message-ID in another case": (
        replace(GOOD, original_message_id="1@HUB.example"),
        True,
        None,
        Reason.FREMDE_MESSAGE_ID,
    ),
    "negative for another message": (
        with_result("automatic-action/x; failed", original_message_id="2@hub.example"),
        True,
        None,
        Reason.FREMDE_MESSAGE_ID,
    ),
    "no Message-ID": (replace(GOOD, original_message_id=None), True, None, Reason.QUITTUNG_UNLESBAR),
    "empty Message-ID": (replace(GOOD, original_message_id=""), True, None, Reason.QUITTUNG_UNLESBAR),
    "other digest": (replace(GOOD, mic=Mic(OTHER, "sha-256")), True, None, Reason.MIC_ABWEICHEND),
    "no digest": (replace(GOOD, mic=None), True, None, Reason.MIC_FEHLT),
    "digest in an algorithm not offered": (
        replace(GOOD, mic=Mic(hashlib.sha512(b"entity").digest(), "sha-512")),
        True,
        None,
        Reason.MIC_ALGORITHMUS,
    ),
    "digest in an algorithm offered, but not requested": (
        replace(GOOD, mic=Mic(hashlib.sha384(b"entity").digest(), "sha-384")),
        True,
        None,
        Reason.MIC_ALGORITHMUS,
    ),
    "no disposition": (replace(GOOD, disposition=None), True, None, Reason.QUITTUNG_UNLESBAR),
    "unknown result": (with_result("automatic-action/x; displayed"), True, None, Reason.UNBEKANNTES_ERGEBNIS),
    "processed, but superseded": (
        with_result("automatic-action/x; processed/superseded"),
        True,
        None,
        Reason.UNBEKANNTES_ERGEBNIS,
    ),
    "two dispositions": (replace(GOOD, conflicts=("disposition",)), True, None, Reason.WIDERSPRUECHLICH),
    "processed beside an error": (replace(GOOD, details=("error",)), True, None, Reason.WIDERSPRUECHLICH),
    "empty report": (Report(), True, None, Reason.QUITTUNG_UNLESBAR),
    "no report": (None, True, None, Reason.QUITTUNG_FEHLT),
    "nothing at all": (None, False, None, Reason.QUITTUNG_FEHLT),
}


@pytest.mark.parametrize(("report", "signed", "refused", "reason"), INVALID.values(), ids=INVALID.keys())
def test_everything_else_proves_nothing(
    report: Report | None, signed: bool, refused: str | None, reason: Reason
) -> None:
    assert verdict(report, signed=signed, refused=refused) == Verdict(Step.RECEIPT_INVALID, reason, TEXTS[reason])


def test_every_reason_has_its_sentence() -> None:
    assert TEXTS.keys() == set(Reason)
    assert len(set(TEXTS.values())) == len(TEXTS)
    for text in TEXTS.values():
        assert text.startswith(("Der Empfänger ", "Die Antwort ", "Die Quittung ", "Die Signatur ", "Der Prüfwert "))
        assert text.endswith(".")


@pytest.mark.parametrize(
    "expected",
    [
        replace(EXPECTED, mic=""),
        replace(EXPECTED, mic_alg=""),
        replace(EXPECTED, offered_algs=()),
        replace(EXPECTED, message_id=""),
        replace(EXPECTED, message_id="<>"),
    ],
)
def test_an_empty_expectation_is_met_by_nothing(expected: Expected) -> None:
    for report in (GOOD, replace(GOOD, original_message_id=""), replace(GOOD, mic=None), Report()):
        assert judge(expected, Evidence(report, True)).step is Step.RECEIPT_INVALID


@pytest.mark.parametrize("algorithm", ["SHA256", "sha-256", "sha2-256"])
def test_spellings_in_the_store_do_not_matter(algorithm: str) -> None:
    expected = replace(EXPECTED, mic_alg=algorithm, offered_algs=(algorithm,))
    assert judge(expected, Evidence(GOOD, True)).step is Step.RECEIPT_POSITIVE


def test_a_receipt_of_our_own_making_is_accepted() -> None:
    entity = build_report(
        original_message_id="<1@hub.example>",
        disposition=Disposition("processed"),
        final_recipient="edge-koeln",
        reporting_ua="Nachrichtengateway",
        mic=Mic(DIGEST, "sha-256"),
    )
    assert verdict(parse_report(entity)).step is Step.RECEIPT_POSITIVE


digests = st.sampled_from([DIGEST, OTHER])
reports = st.builds(
    Report,
    disposition=st.none()
    | st.builds(
        Disposition,
        st.sampled_from(["processed", "failed", "denied", "displayed", ""]),
        st.lists(st.sampled_from(["error", "failure", "warning", "expired"]), max_size=2).map(tuple),
        st.sampled_from(["", "duplicate-document", "decryption-failed"]),
    ),
    original_message_id=st.sampled_from([None, "", "1@hub.example", "2@hub.example"]),
    mic=st.none() | st.builds(Mic, digests, st.just("sha-256")),
    details=st.lists(st.sampled_from(["error", "failure", "warning"]), max_size=1).map(tuple),
    conflicts=st.lists(st.just("disposition"), max_size=1).map(tuple),
)
evidences = st.builds(Evidence, st.none() | reports, st.booleans(), st.none() | st.just("abgelaufen"))


@given(evidences)
def test_a_delivery_is_settled_by_nothing_less_than_all_of_it(evidence: Evidence) -> None:
    got = judge(EXPECTED, evidence)
    assert got.step in (Step.RECEIPT_POSITIVE, Step.RECEIPT_NEGATIVE, Step.RECEIPT_INVALID)
    assert got.text == TEXTS[got.reason]
    if got.step is Step.RECEIPT_INVALID:
        assert not got.reseal
        return
    report = evidence.report
    assert evidence.signer_verified
    assert evidence.refused_reason is None
    assert report is not None
    assert report.original_message_id == "1@hub.example"
    assert not report.conflicts
    assert report.disposition is not None
    if got.step is Step.RECEIPT_POSITIVE:
        assert report.mic == Mic(DIGEST, "sha-256")
        assert report.disposition.type == "processed"
        assert not {"error", "failure"} & (set(report.disposition.modifiers) | set(report.details))
    else:
        assert report.disposition.negative


@given(evidences)
def test_without_a_verified_signer_nothing_is_settled(evidence: Evidence) -> None:
    assert judge(EXPECTED, replace(evidence, signer_verified=False)).step is Step.RECEIPT_INVALID
