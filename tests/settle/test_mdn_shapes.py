"""The shapes of `mdnshapes`, each through the verification, the reading and the judgement that a delivery's is."""

from __future__ import annotations

from datetime import date

import pytest
from mdnshapes import B64, MESSAGE_ID, PARTNER, PROVES_NOTHING, SETTLED, Shape
from sealworld import AT

from gateway.partner import Partner, Zertifikat
from gateway.service.departure.settling import evidence
from gateway.settle.receipt import Expected, Reason, judge
from gateway.states import Step

KNOWN = Partner(
    id="koeln",
    behoerden=("abh:05315000",),
    weg="abruf",
    zertifikate=(Zertifikat(zweck="quittung", pem=PARTNER.pem, ab=date(2025, 1, 1), bis=date(2027, 12, 31)),),
)
SENT = Expected(f"<{MESSAGE_ID}>", B64, "sha-256", ("sha-256",))
REFUSED = {Reason.ABGELEHNT, Reason.NICHT_ZU_OEFFNEN}


@pytest.mark.parametrize("shape", SETTLED, ids=lambda shape: shape.name)
def test_what_says_everything_settles_however_it_is_written(shape: Shape) -> None:
    verdict = judge(SENT, evidence(KNOWN, shape.entity(), AT))
    assert verdict.reason is shape.reason
    assert verdict.step is (Step.RECEIPT_NEGATIVE if shape.reason in REFUSED else Step.RECEIPT_POSITIVE)
    assert verdict.reseal is (shape.reason is Reason.NICHT_ZU_OEFFNEN)


@pytest.mark.parametrize("shape", PROVES_NOTHING, ids=lambda shape: shape.name)
def test_what_leaves_something_out_settles_nothing(shape: Shape) -> None:
    verdict = judge(SENT, evidence(KNOWN, shape.entity(), AT))
    assert (verdict.step, verdict.reason) == (Step.RECEIPT_INVALID, shape.reason)


def test_every_reason_has_a_shape() -> None:
    assert {shape.reason for shape in (*SETTLED, *PROVES_NOTHING)} == set(Reason) - {
        Reason.QUITTUNG_FEHLT,  # an answer that is no receipt: test_which_answers_can_be_receipts
        Reason.NICHT_SIGNIERT,
    }
