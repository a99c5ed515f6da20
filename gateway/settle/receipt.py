"""What a receipt does to a delivery: the table of wire.md section 4.

Promises: pure; a delivery is settled only by a receipt that the partner signed, that names the exact Message-ID, and
that either carries our digest or says that the message could not be processed. Whatever is missing, empty or
contradictory proves nothing.
Fails: not at all; every input has a verdict.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.as2headers import read_micalg
from gateway.settle.disposition import CAUSES, NEEDS_NEW_SEALING
from gateway.settle.mdn import Mic, Report, bare_id
from gateway.states import Step


class Reason(StrEnum):
    """Why a receipt is judged as it is; stable codes for events and pages."""

    ZUGESTELLT = "zugestellt"
    DUBLETTE = "dublette"
    ABGELEHNT = "abgelehnt"
    NICHT_ZU_OEFFNEN = "nicht_zu_oeffnen"
    QUITTUNG_FEHLT = "quittung_fehlt"
    QUITTUNG_UNLESBAR = "quittung_unlesbar"
    NICHT_SIGNIERT = "nicht_signiert"
    SIGNATUR_ABGEWIESEN = "signatur_abgewiesen"
    WIDERSPRUECHLICH = "widerspruechlich"
    FREMDE_MESSAGE_ID = "fremde_message_id"
    UNBEKANNTES_ERGEBNIS = "unbekanntes_ergebnis"
    MIC_FEHLT = "mic_fehlt"
    MIC_ALGORITHMUS = "mic_algorithmus"
    MIC_ABWEICHEND = "mic_abweichend"


TEXTS: Final[dict[Reason, str]] = {
    Reason.ZUGESTELLT: "Der Empfänger hat den Eingang der unveränderten Nachricht signiert bestätigt.",
    Reason.DUBLETTE: "Der Empfänger hat signiert bestätigt, dass ihm die unveränderte Nachricht bereits vorlag.",
    Reason.ABGELEHNT: "Der Empfänger hat die Nachricht mit signierter Quittung abgelehnt.",
    Reason.NICHT_ZU_OEFFNEN: "Der Empfänger konnte die Nachricht nicht öffnen oder ihre Signatur nicht prüfen.",
    Reason.QUITTUNG_FEHLT: "Die Antwort enthält keine Quittung.",
    Reason.QUITTUNG_UNLESBAR: "Die Quittung ist nicht lesbar; ihr Ergebnis oder ihr Bezug fehlt.",
    Reason.NICHT_SIGNIERT: "Die Quittung trägt keine geprüfte Signatur des Empfängers.",
    Reason.SIGNATUR_ABGEWIESEN: "Die Signatur der Quittung wurde abgewiesen.",
    Reason.WIDERSPRUECHLICH: "Die Quittung widerspricht sich selbst.",
    Reason.FREMDE_MESSAGE_ID: "Die Quittung nennt eine andere Message-ID als die unserer Nachricht.",
    Reason.UNBEKANNTES_ERGEBNIS: "Die Quittung nennt ein Ergebnis, das weder Annahme noch Ablehnung ist.",
    Reason.MIC_FEHLT: "Die Quittung enthält keinen lesbaren Prüfwert (MIC) der Nachricht.",
    Reason.MIC_ALGORITHMUS: "Der Prüfwert (MIC) der Quittung ist mit einem nicht angebotenen Verfahren gebildet.",
    Reason.MIC_ABWEICHEND: "Der Prüfwert (MIC) der Quittung stimmt nicht mit der gesendeten Nachricht überein.",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What we sent, as it is stored with the delivery."""

    message_id: str
    """With or without angle brackets."""
    mic: str
    """Base64 digest that we computed on sealing."""
    mic_alg: str
    """The algorithm of `mic`: the one that we requested."""
    offered_algs: tuple[str, ...]
    """Algorithms that the request offered."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What came back."""

    report: Report | None
    """None: nothing that could be a receipt."""
    signer_verified: bool
    """The signature over exactly the bytes of `report` is by a receipt certificate of this partner."""
    refused_reason: str | None = None
    """Code with which the verification refused; a receipt that has one counts as unsigned whatever else is set."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receipt means for its delivery."""

    step: Step
    """RECEIPT_POSITIVE, RECEIPT_NEGATIVE or RECEIPT_INVALID."""
    reason: Reason
    text: str
    """A German sentence for the delivery's page; nothing of the receipt's own text is in it but the cause."""
    reseal: bool = False
    """Another certificate, if one is in its window, may help: one new sealing (wire.md section 4)."""
    cause: str = ""
    """The description of a negative result in one spelling (`decryption-failed`), `sonstige` for one that no RFC
    knows: free text of a partner goes into no event."""


def judge(expected: Expected, evidence: Evidence) -> Verdict:
    """Judge a receipt by the table of wire.md section 4 (RFC 4130 sections 7.4.3 and 7.5).

    The steps, each of which must hold before the next is looked at: 1 there is a report that can be read · 2 it is
    signed by the partner · 3 it does not contradict itself · 4 it names our Message-ID · 5 it is negative: settled so ·
    6 it is positive · 7 it has a digest in an algorithm that we offered and computed · 8 the digest is ours.
    """
    report = evidence.report
    if report is None:
        return _invalid(Reason.QUITTUNG_FEHLT)
    invalid = _unreadable(report) or _unsigned(evidence) or _contradictory(report)  # 1 to 3
    if invalid is None and bare_id(expected.message_id) != report.original_message_id:  # 4
        invalid = Reason.FREMDE_MESSAGE_ID
    if invalid is not None:
        return _invalid(invalid)
    assert report.disposition is not None  # step 1
    if report.disposition.negative:  # 5
        return _negative(report.disposition.cause)
    if not report.disposition.positive:  # 6
        return _invalid(Reason.UNBEKANNTES_ERGEBNIS)
    invalid = _other_digest(expected, report.mic)  # 7, 8
    if invalid is not None:
        return _invalid(invalid)
    reason = Reason.DUBLETTE if report.disposition.cause == "duplicate-document" else Reason.ZUGESTELLT
    return Verdict(Step.RECEIPT_POSITIVE, reason, TEXTS[reason])


def _invalid(reason: Reason) -> Verdict:
    return Verdict(Step.RECEIPT_INVALID, reason, TEXTS[reason])


def _negative(cause: str) -> Verdict:
    reseal = cause in NEEDS_NEW_SEALING
    reason = Reason.NICHT_ZU_OEFFNEN if reseal else Reason.ABGELEHNT
    return Verdict(Step.RECEIPT_NEGATIVE, reason, TEXTS[reason], reseal, cause if cause in CAUSES else "sonstige")


def _unreadable(report: Report) -> Reason | None:
    if report.disposition is None or not report.original_message_id:
        return Reason.QUITTUNG_UNLESBAR
    return None


def _unsigned(evidence: Evidence) -> Reason | None:
    if evidence.refused_reason is not None:
        return Reason.SIGNATUR_ABGEWIESEN
    return None if evidence.signer_verified else Reason.NICHT_SIGNIERT


def _contradictory(report: Report) -> Reason | None:
    """Fields that stand twice, or a success beside a field that tells an error (RFC 8098 section 3.2.7)."""
    failed = not {"error", "failure"}.isdisjoint(report.details)
    success = report.disposition is not None and report.disposition.positive
    return Reason.WIDERSPRUECHLICH if report.conflicts or (success and failed) else None


def _other_digest(expected: Expected, received: Mic | None) -> Reason | None:
    if received is None:
        return Reason.MIC_FEHLT
    ours = Mic.read(f"{expected.mic}, {expected.mic_alg}")
    offered = {read_micalg(alg) for alg in expected.offered_algs}
    if ours is None or received.alg != ours.alg or received.alg not in offered:
        return Reason.MIC_ALGORITHMUS
    return None if hmac.compare_digest(received.digest, ours.digest) else Reason.MIC_ABWEICHEND
