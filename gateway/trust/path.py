"""Path and revocation of one certificate by RFC 5280, judged by a library from what is at hand.

Promises: pure: the library is given anchors, intermediates and answers and may fetch nothing; an answer that was not
signed by the issuer (or by whom the issuer charged) changes nothing.
Fails: not at all; what cannot be validated is a fact of the `Assessment`.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    StaleRevinfoError,
    ValidationError,
)
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    FreshnessReqType,
)

from gateway.trust.bearing import Bearing, bearing
from gateway.trust.rules import PRODUCTION, AdmittedSignatures, PathRules
from gateway.trust.sources import Answer, Source, self_signed
from gateway.trust.status import Assessment, Path, Revocation, is_test

T = TypeVar("T")
ANY_AGE: Final = timedelta(days=36_500)
_WITHOUT = CertRevTrustPolicy(NO_REVOCATION)
_LAST_KNOWN = CertRevTrustPolicy(REQUIRE_REVINFO, ANY_AGE, FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION)
_FRESH = CertRevTrustPolicy(REQUIRE_REVINFO)


@dataclass(frozen=True, slots=True)
class Registered:
    """What the operator registered, beside the agreements: whom we trust to issue partners' certificates."""

    anchors: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    """Issued by one of the others; their own revocation is looked at."""

    @classmethod
    def of(cls, certificates: Sequence[x509.Certificate]) -> Registered:
        """A folder's certificates: an issuer of which no other one there is the issuer is an anchor."""
        inner = [c for c in certificates if not self_signed(c) and any(_issued(c, o) for o in certificates if o != c)]
        return cls(tuple(c for c in certificates if c not in inner), tuple(inner))

    def holding(self, at: datetime) -> Registered:
        """Those anchors whose own window holds `at`: RFC 5280 leaves that to whoever keeps the anchors."""
        held = (c for c in self.anchors if c.not_valid_before_utc <= at <= c.not_valid_after_utc)
        return Registered(tuple(held), self.intermediates)

    @property
    def issuers(self) -> tuple[x509.Certificate, ...]:
        """All of them."""
        return (*self.anchors, *self.intermediates)


def _leads_to_test(path: Any) -> bool:
    """Whether anything on the way to the anchor is of the development CA."""
    return any(map(is_test, _certificates(path, include_root=True)))


def _certificates(path: Any, *, include_root: bool) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(each.dump()) for each in path.iter_certs(include_root=include_root)]


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    return certificate.issuer == issuer.subject


def assess(
    certificate: x509.Certificate,
    registered: Registered,
    answers: Sequence[Answer],
    at: datetime,
    *,
    pinned: bool = False,
    rules: PathRules = PRODUCTION,
) -> Assessment:
    """All that is known of a certificate.

    The steps: 1 its own anchor by agreement? · 2 a path to a registered anchor · 3 what the newest answers say, of
    whatever age · 4 until when they are fresh.

    Args:
        certificate: from an agreement.
        registered: anchors and intermediates.
        answers: CRLs and OCSP answers at hand.
        at: now.
        pinned: the agreement names it as an anchor although it is not self-signed (a TLS server's own certificate).
        rules: what the path must keep to.
    """
    if self_signed(certificate):  # 1
        return Assessment(Path.ANKER, Revocation.NICHT_NOETIG, test=is_test(certificate))
    check = _check(certificate, registered.holding(at), answers, at, rules)
    path = "pfad_ungueltig" if check is None else check.path()  # 2
    if check is None or isinstance(path, str):
        if pinned:
            return Assessment(Path.ANKER, Revocation.NICHT_NOETIG, test=is_test(certificate))
        return Assessment(Path.OHNE, Revocation.UNBEKANNT, test=is_test(certificate), reason=path)
    test = is_test(certificate) or _leads_to_test(path)
    revocation = check.last_known()  # 3
    if pinned and revocation is Revocation.UNBEKANNT:
        return Assessment(Path.ANKER, Revocation.NICHT_NOETIG, test=test)
    fresh = check.fresh_until() if revocation is Revocation.GUT else None  # 4
    return Assessment(Path.PFAD, revocation, fresh, test)


def authentic(source: Source, answer: Answer, at: datetime) -> bool:
    """Whether an answer says something about the certificate that it was fetched for, by its issuer's word."""
    check = _check(source.certificate, Registered((source.issuer,)), [answer], at, PRODUCTION)
    return check is not None and check.last_known() is not Revocation.UNBEKANNT


def _check(
    certificate: x509.Certificate, registered: Registered, answers: Sequence[Answer], at: datetime, rules: PathRules
) -> _Check | None:
    """What the library is asked; None where it cannot be read."""
    try:
        return _Check(bearing(certificate, registered.anchors, registered.intermediates, answers), at, rules)
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class _Check:
    bearing: Bearing
    at: datetime
    rules: PathRules

    def path(self) -> Any:
        """The library's path, or why there is none as a code."""
        try:
            return self._validate(_WITHOUT)
        except PathBuildingError:
            return "aussteller_unbekannt"
        except ExpiredError:
            return "pfad_abgelaufen"
        except NotYetValidError:
            return "pfad_noch_nicht_gueltig"
        except (ValidationError, ValueError, TypeError):
            return "pfad_ungueltig"

    def last_known(self) -> Revocation:
        """What the newest answers say, whatever their age; nothing, unless by whom each certificate names."""
        try:
            path = self._validate(_LAST_KNOWN)
        except RevokedError:
            return Revocation.GESPERRT
        except (ValidationError, PathBuildingError, ValueError, TypeError):
            return Revocation.UNBEKANNT
        spoken = self.bearing.speaks_of(_certificates(path, include_root=False))
        return Revocation.GUT if spoken else Revocation.UNBEKANNT

    def fresh_until(self) -> datetime | None:
        """Until when the answers behind `GUT` are fresh; past, where one of them is stale."""
        ends = [answer.next_update for answer in self.bearing.answers]
        try:
            self._validate(_FRESH)
        except StaleRevinfoError as stale:
            return stale.time_cutoff
        except InsufficientRevinfoError:
            return max(ends, default=None)
        except (ValidationError, PathBuildingError, ValueError, TypeError):
            return None
        return min((end for end in ends if end >= self.at), default=self.at)

    def _validate(self, policy: CertRevTrustPolicy) -> Any:
        bearing = self.bearing
        context = ValidationContext(
            trust_roots=_asn1(bearing.anchors),
            other_certs=_asn1(bearing.intermediates),
            moment=self.at,
            allow_fetching=False,
            crls=bearing.bodies("crl"),
            ocsps=bearing.bodies("ocsp"),
            revinfo_policy=policy,
            algorithm_usage_policy=self.rules.algorithms,
            signature_validator=AdmittedSignatures(self.rules.algorithms, self.at),
        )
        (certificate,) = _asn1([bearing.certificate])
        validator = CertificateValidator(certificate, validation_context=context, pkix_params=self.rules.parameters)
        return _run(validator.async_validate_path())


def _asn1(certificates: Iterable[x509.Certificate]) -> list[Any]:
    """As the library takes them; anew for each validation, since writing one out may change it (a default written)."""
    return [asn1.Certificate.load(each.public_bytes(Encoding.DER)) for each in certificates]


def _run(validation: Coroutine[Any, Any, T]) -> T:
    """The library's coroutine, which without fetching never waits."""
    try:
        validation.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    validation.close()
    raise ValueError("validation waits for something")
