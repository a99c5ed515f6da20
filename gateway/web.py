"""What all HTTP listeners share: who calls, how a refusal is answered, how a JSON body is read.

Promises: a caller is known by the SHA-256 of its TLS certificate and by nothing that a header says; every refusal is
RFC 9457 `application/problem+json`; an error of ours is a 500 without detail, logged here with its stack.
Fails: as `Refusal` inside, as an HTTP answer outside.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.errors import Forbidden, Malformed, NotFound, Refusal, TooLarge, Unauthenticated, UnsupportedMediaType
from gateway.message import Caller

log = logging.getLogger(__name__)

JSON_BYTES = 64 * 1024
"""Largest JSON body of a call other than posting a message: some keys and a reason."""

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WhoIs = Callable[[str], Caller | None]
"""From a certificate's SHA-256 (lower-case hex) to the caller it stands for today, or None."""


class ServerFault(Refusal):
    """Im Gateway ist ein Fehler aufgetreten. Bitte senden Sie die Anfrage später unverändert noch einmal."""

    status = 500
    code = "fehler_im_gateway"
    title = "Fehler im Gateway"


class MethodNotAllowed(Refusal):
    """Dieser Aufruf ist hier nicht vorgesehen."""

    status = 405
    code = "methode"
    title = "Methode nicht erlaubt"


def problem(refusal: Refusal) -> web.Response:
    """A refusal as `application/problem+json`."""
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else None
    body = json.dumps(refusal.as_problem(), ensure_ascii=False).encode()
    return web.Response(status=refusal.status, body=body, content_type="application/problem+json", headers=headers)


def answer_json(value: Any, status: int = 200) -> web.Response:
    """A JSON answer in UTF-8."""
    return web.Response(
        status=status, body=json.dumps(value, ensure_ascii=False).encode(), content_type="application/json"
    )


def certificate_sha256(request: web.Request) -> str | None:
    """SHA-256 of the client's certificate on this connection, lower-case hex; None without one."""
    transport = request.transport
    tls = transport.get_extra_info("ssl_object") if transport is not None else None
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return hashlib.sha256(der).hexdigest() if der else None


def identify(request: web.Request, who_is: WhoIs) -> Caller:
    """The caller of this request.

    Raises:
        Unauthenticated: no client certificate (401).
        Forbidden: a certificate that the configuration does not map (403).
    """
    fingerprint = certificate_sha256(request)
    if fingerprint is None:
        raise Unauthenticated
    caller = who_is(fingerprint)
    if caller is None:
        raise Forbidden(
            "Ihr Zertifikat ist an diesem Gateway nicht eingetragen oder außerhalb seines Zeitraums. "
            "Wenden Sie sich mit dem SHA-256-Fingerabdruck des Zertifikats an den Betrieb.",
            code="zertifikat_unbekannt",
        )
    return caller


def _refuse_browsers_and_proxies(request: web.Request) -> None:
    if "Origin" in request.headers:
        raise Forbidden("Aufrufe aus Webseiten (Kopfzeile Origin) nimmt diese Schnittstelle nicht an.", code="origin")
    if "Client-Cert" in request.headers or "Client-Cert-Chain" in request.headers:
        raise Malformed("Die Kopfzeile Client-Cert ist an dieser Adresse nicht zugelassen.", code="client_cert")


def guard(who_is: WhoIs) -> Any:
    """Middleware for `/v1`: identifies the caller and turns every error into an answer."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _refuse_browsers_and_proxies(request)
            request[CALLER] = identify(request, who_is)
            return await handler(request)
        except Refusal as refusal:
            return problem(refusal)
        except web.HTTPException as error:
            return problem(_of_aiohttp(error))
        except Exception:
            log.exception("request failed: %s %s", request.method, request.match_info.route.name or "?")
            return problem(ServerFault())

    return middleware


def _of_aiohttp(error: web.HTTPException) -> Refusal:
    known: dict[int, type[Refusal]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
    return known.get(error.status, Malformed)()


async def read_json(request: web.Request) -> Mapping[str, Any]:
    """The request's body as a JSON object.

    Raises:
        UnsupportedMediaType: it is not announced as `application/json`.
        TooLarge: it has more than `JSON_BYTES`.
        Malformed: it is no JSON object.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaType("Erwartet wird application/json.")
    raw = await read_limited(request, JSON_BYTES)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("Der Inhalt ist kein gültiges JSON.", code="json") from None
    if not isinstance(value, dict):
        raise Malformed("Der Inhalt muss ein JSON-Objekt sein.", code="json")
    return value


async def read_limited(request: web.Request, limit: int) -> bytes:
    """The request's body, at most `limit` bytes.

    Raises:
        TooLarge: there are more.
    """
    collected = bytearray()
    if (request.content_length or 0) > limit:
        raise TooLarge(f"Hier sind höchstens {limit} Bytes zulässig.")
    async for chunk in request.content.iter_any():
        collected += chunk
        if len(collected) > limit:
            raise TooLarge(f"Hier sind höchstens {limit} Bytes zulässig.")
    return bytes(collected)


def path_id(request: web.Request) -> str:
    """The `{id}` of the path; anything but a UUID answers as an unknown one."""
    try:
        return str(uuid.UUID(request.match_info["id"]))
    except ValueError:
        raise NotFound from None
