"""CMS as a hostile or an odd peer writes it: signatures with something wrong, lengths left indefinite."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from asn1crypto import cms as asn1
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.seal import der

END = b"\0\0"


def forge(holder: Any, content: bytes, **change: Any) -> bytes:
    """A detached SignedData as a peer could write it; `change` says what is wrong with it."""
    name = change.get("hash", "sha256")
    certificate = asn1_x509.Certificate.load(holder.cert.public_bytes(Encoding.DER))
    attributes = asn1.CMSAttributes(
        change.get(
            "attributes",
            [
                {"type": "content_type", "values": ["data"]},
                {"type": "message_digest", "values": [hashlib.new(name, content).digest()]},
                *change.get("more", []),
            ],
        )
    )
    tbs = attributes.dump() if "attributes" not in change or change["attributes"] else content
    digest = getattr(hashes, change.get("signature_hash", name).upper())()
    if isinstance(holder.key, rsa.RSAPrivateKey):
        scheme = change.get("padding", padding.PKCS1v15())
        signature, algorithm = holder.key.sign(tbs, scheme, digest), {"algorithm": f"{name}_rsa"}
    else:
        signature, algorithm = holder.key.sign(tbs, ec.ECDSA(digest)), {"algorithm": f"{digest.name}_ecdsa"}
    sid: Any = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    signer: dict[str, Any] = {
        "version": "v1",
        "sid": asn1.SignerIdentifier("issuer_and_serial_number", asn1.IssuerAndSerialNumber(sid)),
        "digest_algorithm": {"algorithm": name},
        "signature_algorithm": change.get("algorithm", algorithm),
        "signature": signature,
    }
    if "sid" in change:
        signer["sid"] = asn1.SignerIdentifier("subject_key_identifier", change["sid"])
    if change.get("attributes", True):
        signer["signed_attrs"] = attributes
    signed = asn1.SignedData(
        {
            "version": change.get("version", "v1"),
            "digest_algorithms": [{"algorithm": name}],
            "encap_content_info": change.get("encapsulated", {"content_type": "data"}),
            "certificates": [certificate],
            "signer_infos": [asn1.SignerInfo(signer)] * change.get("signers", 1),
        }
    )
    return asn1.ContentInfo({"content_type": "signed_data", "content": signed}).dump()


def elements(octets: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Start, content and end of every element, the constructed ones opened."""
    position = start
    while position < (len(octets) if end is None else end):
        tag, first = octets[position : position + 2]
        size = first & 0x7F if first & 0x80 else 0
        content = position + 2 + size
        length = int.from_bytes(octets[position + 2 : content], "big") if size else first
        yield position, content, content + length
        if tag & 0x20:
            yield from elements(octets, content, content + length)
        position = content + length


def indefinite(octets: bytes, chunk: int = 100) -> bytes:
    """As a streaming peer writes it: the outer layers indefinite, the content in chunks."""
    return _indefinite(octets, chunk, 0)


def _indefinite(octets: bytes, chunk: int, level: int) -> bytes:
    written = b""
    position = 0
    while position < len(octets):
        _, content, end = next(elements(octets, position))
        tag, inside = octets[position], octets[content:end]
        if tag in (0x80, 0x04) and level >= 3 and len(inside) > chunk:
            pieces = [der.octets(inside[at : at + chunk]) for at in range(0, len(inside), chunk)]
            written += bytes((tag | 0x20, 0x80)) + b"".join(pieces) + END
        elif tag in (0x30, 0xA0) and level < 4:
            written += bytes((tag, 0x80)) + _indefinite(inside, chunk, level + 1) + END
        else:
            written += octets[position:end]
        position = end
    return written
