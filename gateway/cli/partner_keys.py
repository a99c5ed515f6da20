"""Whether an agreement's certificates could ever be used: said when it is entered, not when the first message fails.

Promises: pure; asks the rules that sealing and opening ask (`gateway.seal.policy`), at each certificate's own start.
Fails: not at all; what is wrong is a list of German lines that name place and mend.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509

from gateway.partner import Algorithmen, Partner, Zertifikat
from gateway.seal.policy import CURVES, RSA_BITS, RSA_BITS_EXCEPTION, PolicyRefused, admitted_key, check_use
from gateway.seal.recipients import uses

SIGNS: Final = ("digital_signature", "content_commitment")
_TEXTS: Final = {
    "key_type": "der Schlüssel ist weder RSA noch EC; anderes ist nicht zugelassen",
    "key_size": f"RSA unter {RSA_BITS_EXCEPTION} Bit nie, unter {RSA_BITS} Bit nur bis algorithmen.ausnahmen_bis",
    "curve": f"die Kurve ist nicht zugelassen; zugelassen sind {', '.join(sorted(CURVES))}",
    "key_usage": "die Schlüsselverwendung (keyUsage) des Zertifikats erlaubt diesen zweck nicht",
}


def key_problems(place: str, partner: Partner) -> list[str]:
    """What is wrong with the keys of an agreement.

    Args:
        place: names the agreement.
        partner: the agreement.
    """
    found = []
    for n, each in enumerate(partner.zertifikate, 1):
        try:
            _demand(each, partner.algorithmen)
        except PolicyRefused as refused:
            found.append(f"{place} zertifikate {n} ({each.zweck}): {_TEXTS[refused.code]}")
    return found


def _demand(each: Zertifikat, algorithms: Algorithmen) -> None:
    """Refuse what neither signature nor encryption will take; TLS has rules of its own."""
    if each.zweck == "tls":
        return
    certificate = x509.load_pem_x509_certificate(each.pem.encode("ascii"))
    key = admitted_key(certificate, algorithms, each.ab)
    wanted = uses(key) if each.zweck == "verschluesselung" else SIGNS
    check_use(certificate, certificate.not_valid_before_utc, *wanted)
