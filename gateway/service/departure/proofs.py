"""What the judgement of a receipt rested on, kept with it: the signer's certificate, its issuers, words on revocation.

Promises: kept in the very step that records the judgement; each object once in the store, under its own digest, however
many receipts rest on it (a revocation list has megabytes, and thousands of receipts).
Fails: `StoreError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.seal.policy import load_certificates
from gateway.service.context import Context
from gateway.store.database import Do
from gateway.store.steps import do


async def proof_steps(ctx: Context, receipt_id: str, pems: Sequence[str], signer: x509.Certificate) -> list[Do]:
    """Statements that keep what a receipt was judged by.

    Args:
        ctx: store and trust.
        receipt_id: the receipt's key.
        pems: the agreement's certificates among which `signer` was found.
        signer: who signed it.
    """
    objects = [("zertifikat", der_of(signer))]
    for pem in pems:
        if load_certificates([pem]) == [signer]:
            grounds = ctx.trust.grounds(pem)
            objects += [("zertifikat", der_of(issuer)) for issuer in grounds.issuers]
            objects += [(answer.kind, answer.body) for answer in grounds.answers]
    steps: list[Do] = []
    for art, body in objects:
        sha256 = hashlib.sha256(body).hexdigest()
        if await ctx.db.fetch_one("proof_known", sha256) is None:
            steps.append(do("insert_proof", sha256=sha256, art=art, body=body, now=ctx.now()))
        steps.append(do("insert_receipt_proof", receipt_id=receipt_id, sha256=sha256))
    return steps


def der_of(certificate: x509.Certificate) -> bytes:
    """A certificate's DER."""
    return certificate.public_bytes(Encoding.DER)
