"""A signed webhook: what its receiver checks before it believes (Standard Webhooks 1.0.0, "Signature scheme").

The signature is an HMAC-SHA-256 over `id.timestamp.body`, in base64 after `v1,`; id and timestamp travel in headers of
their own, so that a repeated or old delivery is known as such.

Promises: pure; equal input gives equal headers.
Fails: `ValueError` for a secret that is too short to keep anybody out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

SECRET_BYTES: Final = 24
"""Shortest secret (Standard Webhooks: 24 to 64 bytes)."""


def signed(secrets: Sequence[bytes], webhook_id: str, at: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """The headers of one webhook.

    Args:
        secrets: the shared secret; while it is changed, the old and the new one.
        webhook_id: the same for each try of one message.
        at: seconds since 1970.
        body: what is posted.

    Raises:
        ValueError: no secret, or one that is too short.
    """
    if not secrets or any(len(secret) < SECRET_BYTES for secret in secrets):
        raise ValueError(f"a webhook's secret has at least {SECRET_BYTES} bytes")
    content = f"{webhook_id}.{at}.".encode() + body
    macs = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
    return (
        ("Content-Type", "application/json"),
        ("webhook-id", webhook_id),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)),
    )
