"""By which rules a path is judged, as a value: the inputs of RFC 5280 section 6.1.1 and the algorithms that count.

Promises: pure; the defaults are what production asks (wire.md section 1): any policy, and no signature by SHA-1, MD5,
DSA or RSA below 2048 bits on a certificate, a CRL or an OCSP answer.
Fails: a signature that the rules do not admit is an `InvalidSignature` to whoever asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from asn1crypto import algos, keys
from cryptography.exceptions import InvalidSignature
from pyhanko_certvalidator import PKIXValidationParams
from pyhanko_certvalidator.policy_decl import AlgorithmUsagePolicy, DisallowWeakAlgorithmsPolicy
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)

ANY_POLICY: Final = frozenset({"any_policy"})
STRONG: Final[AlgorithmUsagePolicy] = DisallowWeakAlgorithmsPolicy(
    weak_signature_algos=frozenset({"dsa"}), rsa_key_size_threshold=2048
)  # type: ignore[no-untyped-call]
"""The library's own refusals (SHA-1, MD2, MD5, RSA below 2048), and DSA of any size."""


@dataclass(frozen=True, slots=True)
class PathRules:
    """What a path must keep to, beside what its certificates say."""

    policies: frozenset[str] = ANY_POLICY
    """user-initial-policy-set: OIDs in the anchors' domain."""
    explicit_policy: bool = False
    """initial-explicit-policy: one of `policies` must hold for the whole path."""
    no_policy_mapping: bool = False
    """initial-policy-mapping-inhibit."""
    no_any_policy: bool = False
    """initial-any-policy-inhibit."""
    algorithms: AlgorithmUsagePolicy = field(default=STRONG, repr=False)
    """Which signatures count."""

    @property
    def parameters(self) -> PKIXValidationParams:
        """The first four as the library takes them."""
        return PKIXValidationParams(
            user_initial_policy_set=self.policies,
            initial_explicit_policy=self.explicit_policy,
            initial_policy_mapping_inhibit=self.no_policy_mapping,
            initial_any_policy_inhibit=self.no_any_policy,
        )


PRODUCTION: Final = PathRules()


class AdmittedSignatures(DefaultSignatureValidator):
    """The library asks its algorithm policy about certificates only; this asks about CRLs and OCSP answers too."""

    def __init__(self, algorithms: AlgorithmUsagePolicy, at: datetime) -> None:
        self._algorithms = algorithms
        self._at = at

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Verify a signature of an admitted algorithm.

        Raises:
            InvalidSignature: it does not hold, or its algorithm is not admitted.
        """
        if not self._algorithms.signature_algorithm_allowed(signature_algorithm, self._at, public_key_info):
            raise InvalidSignature
        super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
