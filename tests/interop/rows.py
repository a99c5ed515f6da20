"""The matrix: what each test shows about one peer, one feature and one direction.

A test is marked with `row(...)`. When it passes, what it showed is written below `.venv-interop/results`; before that
it is held against `matrix.json`, so that the table in the README is what the tests show.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any

import pytest

from tests.interop.environments import HERE, KEPT

MATRIX = HERE / "matrix.json"
RESULTS = KEPT / "results"


class Peer(StrEnum):
    OPENSSL = "openssl cms 3"
    BOUNCYCASTLE = "BouncyCastle 1.72"
    PYAS2LIB = "pyas2lib 1.4.4"
    LIBAS2 = "libas2 0.8.2"
    ENDESIVE = "endesive 3.0.1"
    POSTFIX = "Postfix 3"


class Way(StrEnum):
    TO = "to the peer"
    FROM = "from the peer"


class Result(StrEnum):
    PASSED = "passed"
    BY_PEER = "refused by the peer"
    BY_US = "refused by us"
    NOT_OFFERED = "not offered"


class Feature(StrEnum):
    """Rows of the table, in its order."""

    PSS_256 = "RSASSA-PSS, SHA-256"
    PSS_512 = "RSASSA-PSS, SHA-384 and SHA-512"
    PKCS1_SIGNATURE = "RSASSA-PKCS1-v1_5 (by agreement)"
    PKCS1_SIGNATURE_512 = "RSASSA-PKCS1-v1_5, SHA-384 and SHA-512 (by agreement)"
    ECDSA_NIST = "ECDSA P-256, P-384, P-521"
    ECDSA_BRAINPOOL = "ECDSA brainpoolP256r1, brainpoolP384r1"
    GCM_OAEP = "AES-GCM in AuthEnvelopedData, RSAES-OAEP SHA-256"
    GCM_ECDH = "AES-GCM in AuthEnvelopedData, ECDH-ES X9.63 SHA-256"
    CBC_OAEP = "AES-CBC, RSAES-OAEP SHA-256 (by agreement)"
    CBC_OAEP_512 = "AES-CBC, RSAES-OAEP SHA-512"
    CBC_PKCS1 = "AES-CBC, RSAES-PKCS1-v1_5 (by agreement)"
    CBC_ECDH = "AES-CBC, ECDH-ES X9.63 SHA-256 (by agreement)"
    BAD_TAG = "AES-GCM with a tag that does not fit: refused"
    INDEFINITE = "indefinite lengths (BER)"
    COMPRESSED = "CompressedData"
    PIECES = "a whole message of 4 MB that we write and read piece by piece"
    AS2_SYNC = "AS2: message, signed synchronous receipt"
    AS2_ASYNC = "AS2: message, signed asynchronous receipt"
    AS2_COMPRESSED = "AS2: compressed before signing"
    AS2_FILES = "AS2: several files (multipart/related)"
    AS2_NEGATIVE = "AS2: signed negative receipt"
    MAIL_SIGNED = "mail: multipart/signed"
    MAIL_SEALED = "mail: multipart/signed, then encrypted"
    MAIL_ROUND = "mail: notice and receipt through a mail server, in by LMTP"
    MAIL_RETURNED = "mail: a returned mail counts for its delivery alone"


def row(peer: Peer, feature: Feature, way: Way, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    """The mark of a test that shows `result`; several tests may show one row together."""
    return pytest.mark.interop(
        {
            "peer": str(peer),
            "peer_order": list(Peer).index(peer),
            "order": list(Feature).index(feature),
            "feature": str(feature),
            "way": str(way),
            "result": str(result),
            "note": note,
        }
    )


def key(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["feature"], entry["peer"], entry["way"]


def committed() -> dict[tuple[str, str, str], dict[str, Any]]:
    if not MATRIX.exists():
        return {}
    return {key(entry): entry for entry in json.loads(MATRIX.read_text("utf-8"))}


def shown(entry: dict[str, Any]) -> None:
    """Keep what a test has shown."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("/".join(key(entry)).encode()).hexdigest()[:16]
    (RESULTS / f"{name}.json").write_text(json.dumps(entry), "utf-8")
