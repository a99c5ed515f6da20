"""What is known of a certificate, and what follows from it: the policy of wire.md section 1, without I/O or clock.

Promises: pure. "Unknown" is never "revoked": what nobody can tell is a status of its own, and a setting decides.
Fails: not at all; every combination has its verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

Unbekannt = Literal["annehmen", "warnen", "ablehnen"]
TEST_UNIT: Final = "Testzertifikat"
"""Organisational unit of the development CA (gateway/pki_issue.py): whatever it issues names it in the issuer."""
EXPIRY_DAYS: Final = (60, 30, 10, 1)
"""Days ahead at which the end of a certificate is told, once each (Domibus warns 60 days ahead)."""


class Path(StrEnum):
    """Where a certificate leads."""

    ANKER = "anker"  # it is an anchor by agreement: self-signed, or pinned for a TLS server
    PFAD = "pfad"  # to an anchor that the operator registered
    OHNE = "ohne"  # nowhere


class Revocation(StrEnum):
    """What the newest authentic answer says, whatever its age."""

    NICHT_NOETIG = "nicht_noetig"  # an anchor by agreement: it ends by the agreement
    GUT = "gut"
    GESPERRT = "gesperrt"
    UNBEKANNT = "unbekannt"


class Status(StrEnum):
    """What people see of a certificate."""

    GUELTIG = "gültig"
    LAEUFT_AB = "läuft ab"
    ABGELAUFEN = "abgelaufen"
    NOCH_NICHT = "noch nicht gültig"
    GESPERRT = "gesperrt"
    UNBEKANNT = "unbekannt"
    OHNE_PFAD = "ohne Pfad"
    TEST = "Testzertifikat"


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's settings."""

    unbekannt: Unbekannt = "warnen"
    """What happens to a certificate of which nobody can tell whether it was revoked."""
    karenz: timedelta = timedelta(hours=72)
    """How long after its `nextUpdate` an answer still counts."""
    produktion: bool = False
    """Whether test certificates are refused."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of one certificate; each fact apart."""

    path: Path
    revocation: Revocation
    fresh_until: datetime | None = None
    """`nextUpdate` of the answers behind `GUT`; past: they are stale."""
    test: bool = False
    """Issued by the development CA, or leads to it."""
    reason: str = ""
    """Why there is no path, as a stable code."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a certificate may be used now."""

    usable: bool
    status: Status
    alarm: str | None = None
    """Code of what a person should hear; None: nothing."""


def judge(known: Assessment, policy: Policy, at: datetime) -> Verdict:
    """What follows from what is known. The window is looked at elsewhere (`Zertifikat.gilt`, `seal.policy`).

    In this order: a test certificate in production, a missing path, a revocation, a stale or missing answer.
    """
    if known.test and policy.produktion:
        return Verdict(usable=False, status=Status.TEST, alarm="testzertifikat")
    if known.path is Path.OHNE:
        return Verdict(usable=False, status=Status.OHNE_PFAD, alarm="zertifikat_ohne_pfad")
    if known.revocation is Revocation.GESPERRT:
        return Verdict(usable=False, status=Status.GESPERRT, alarm="zertifikat_gesperrt")
    if known.revocation is Revocation.UNBEKANNT or not _within_grace(known, policy, at):
        return _unknown(known, policy)
    return Verdict(usable=True, status=Status.GUELTIG)


def _within_grace(known: Assessment, policy: Policy, at: datetime) -> bool:
    if known.revocation is Revocation.NICHT_NOETIG:
        return True
    return known.fresh_until is not None and at <= known.fresh_until + policy.karenz


def _unknown(known: Assessment, policy: Policy) -> Verdict:
    if known.test:  # the development CA knows no revocation; nobody need hear of it each day
        return Verdict(usable=True, status=Status.TEST)
    alarm = None if policy.unbekannt == "annehmen" else "sperrstatus_unbekannt"
    return Verdict(usable=policy.unbekannt != "ablehnen", status=Status.UNBEKANNT, alarm=alarm)


def displayed(verdict: Verdict, ab: datetime, bis: datetime, at: datetime) -> Status:
    """The status with the window in it, for people."""
    if verdict.status in (Status.GESPERRT, Status.OHNE_PFAD) or not verdict.usable:
        return verdict.status
    if at > bis:
        return Status.ABGELAUFEN
    if at < ab:
        return Status.NOCH_NICHT
    if verdict.status is Status.GUELTIG and threshold(bis, at) is not None:
        return Status.LAEUFT_AB
    return verdict.status


def days_left(bis: datetime, at: datetime) -> int:
    """Whole days until the end; negative once it is past."""
    return (bis - at) // timedelta(days=1)


def threshold(bis: datetime, at: datetime) -> int | None:
    """The smallest of `EXPIRY_DAYS` that has been reached; None while the end is farther away, or past."""
    left = bis - at
    reached = [days for days in EXPIRY_DAYS if timedelta() <= left <= timedelta(days=days)]
    return min(reached, default=None)


def is_test(certificate: x509.Certificate) -> bool:
    """Whether the development CA issued it, or it is that CA."""
    names = (*certificate.subject, *certificate.issuer)
    return any(n.oid == NameOID.ORGANIZATIONAL_UNIT_NAME and n.value == TEST_UNIT for n in names)
