"""Fetches revocation answers: CRLs by GET, OCSP by POST.

Promises: no redirect is followed, nothing beyond a limit is read, nothing takes longer than a limit; the session that
is handed in decides which addresses may be reached (`send.http.new_session`). What goes wrong is one exception.
Fails: `FetchFailed` with a stable code.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from gateway.trust.sources import Kind, Source

LIMITS: Final[dict[Kind, int]] = {"crl": 20 * 1024 * 1024, "ocsp": 64 * 1024}
"""Most bytes of an answer: large public CRLs have 10 MB, an OCSP answer with its responder's certificate 10 KB."""
TOTAL_S: Final = 60.0
"""How long one answer may take in all: nobody waits for it."""
CHUNK: Final = 64 * 1024
_REQUEST_TYPE: Final = "application/ocsp-request"


class FetchFailed(Exception):
    """No answer came; `code` is stable, for the store and the log."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


async def fetch(session: aiohttp.ClientSession, source: Source) -> bytes:
    """One answer, as it came.

    Raises:
        FetchFailed: `nicht_erreichbar`, `http_<status>`, `zu_gross`.
    """
    body = source.request()
    method = "GET" if body is None else "POST"
    headers = {} if body is None else {"Content-Type": _REQUEST_TYPE}
    timeout = aiohttp.ClientTimeout(total=TOTAL_S)
    try:
        async with session.request(
            method, source.url, data=body, headers=headers, allow_redirects=False, timeout=timeout
        ) as answer:
            if answer.status != 200:
                raise FetchFailed(f"http_{answer.status}")
            return await _read(answer, LIMITS[source.kind])
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        raise FetchFailed("nicht_erreichbar") from None


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > limit:
            raise FetchFailed("zu_gross")
    return bytes(content)
