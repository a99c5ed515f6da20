"""Whether a certificate counts for whoever verifies evidence: it is an anchor or leads to one, at the time in question.

Promises: pure; a self-signed certificate counts only if it is itself named as an anchor; nothing is fetched.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from gateway.seal.policy import fingerprint
from gateway.trust.path import Registered, assess
from gateway.trust.sources import self_signed
from gateway.trust.status import Path


def leads_to(
    certificate: x509.Certificate,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    others: Sequence[x509.Certificate] = (),
) -> bool:
    """Whether `certificate` was valid at `at` and is one of `anchors` or leads to one.

    Args:
        certificate: whose signature it is about.
        anchors: whom the verifier trusts.
        at: when it was signed.
        others: certificates between the two; they are trusted for nothing.
    """
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return False
    if fingerprint(certificate) in {fingerprint(anchor) for anchor in anchors}:
        return True
    if self_signed(certificate):
        return False
    between = tuple(each for each in others if each not in anchors and not self_signed(each))
    return assess(certificate, Registered(tuple(anchors), between), (), at).path is Path.PFAD
