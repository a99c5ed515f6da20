"""What all HTTP listeners share: who calls, how a refusal is answered, how a JSON body is read.

Promises: a caller is known by the SHA-256 of its TLS certificate, and by nothing that a header says but where the
configured proxy says it (gateway/clientcert.py); every refusal is RFC 9457 `application/problem+json`; an error of ours
is a 500 without detail, logged here with its stack.
Fails: as `Refusal` inside, as an HTTP answer outside.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from gateway.admission import Admission, Pace, size_of
from gateway.english import Language, preferred
from gateway.errors import (
    Forbidden,
    Malformed,
    NotFound,
    Overloaded,
    Refusal,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from gateway.message import Caller

log = logging.getLogger(__name__)


JSON_BYTES = 64 * 1024
"""Largest JSON body of a call other than posting a message: some keys and a reason."""
IDLE_S = 60.0
"""How long a client may send nothing in the middle of a body, before its connection is given to others."""
RETRY_S = 30
"""What a client is told to wait when the store cannot take more."""

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
CODE: web.ResponseKey[str] = web.ResponseKey("code", str)
"""The code of the refusal that an answer is, for the log."""
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


class TooSlow(Refusal):
    """Die Übertragung stand zu lange still. Bitte senden Sie die Anfrage noch einmal."""

    status = 408
    code = "zeitueberschreitung"
    title = "Zeitüberschreitung"


def problem(refusal: Refusal, language: Language = "de") -> web.Response:
    """A refusal as `application/problem+json`, in the language that the caller asked for."""
    # a decision comes with its reasons, which are the decree's own words
    languages = "en, de" if language == "en" and refusal.entscheidung is not None else language
    headers = {"Content-Language": languages, "Vary": "Accept-Language"}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    body = json.dumps(refusal.as_problem(language), ensure_ascii=False).encode("utf-8", "replace")
    answer = web.Response(status=refusal.status, body=body, content_type="application/problem+json", headers=headers)
    answer[CODE] = refusal.code
    return answer


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


def shown_directly(request: web.Request) -> str:
    """The client's certificate on this very connection, as its SHA-256.

    Raises:
        Malformed: a header claims another one (400).
        Unauthenticated: there is none (401).
    """
    refuse_client_cert(request)
    fingerprint = certificate_sha256(request)
    if fingerprint is None:
        raise Unauthenticated
    return fingerprint


def identify(fingerprint: str, who_is: WhoIs) -> Caller:
    """The caller that a certificate stands for.

    Raises:
        Forbidden: a certificate that the configuration does not map (403).
    """
    caller = who_is(fingerprint)
    if caller is None:
        raise Forbidden(
            "Ihr Zertifikat ist an diesem Gateway nicht eingetragen oder außerhalb seines Zeitraums. "
            "Wenden Sie sich mit dem SHA-256-Fingerabdruck des Zertifikats an den Betrieb.",
            code="zertifikat_unbekannt",
        )
    return caller


def _refuse_browsers(request: web.Request) -> None:
    if "Origin" in request.headers:
        raise Forbidden("Aufrufe aus Webseiten (Kopfzeile Origin) nimmt diese Schnittstelle nicht an.", code="origin")


def refuse_client_cert(request: web.Request) -> None:
    """Only a proxy's own listener believes what a header says of a certificate (RFC 9440 section 4).

    Raises:
        Malformed: the request has such a header.
    """
    if "Client-Cert" in request.headers or "Client-Cert-Chain" in request.headers:
        raise Malformed("Die Kopfzeile Client-Cert ist an dieser Adresse nicht zugelassen.", code="client_cert")


def _refuse_coding(request: web.Request) -> None:
    """A compressed body would pass every limit before it is counted."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Senden Sie den Inhalt ohne Content-Encoding.", code="content_encoding")


@web.middleware
async def not_behind_a_proxy(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware of listeners that have no client certificates at all."""
    try:
        refuse_client_cert(request)
    except Refusal as refusal:
        return problem(refusal, language_of(request))
    return await handler(request)


def guard(
    who_is: WhoIs,
    unavailable: tuple[type[Exception], ...] = (),
    pace: Pace | None = None,
    shown: Callable[[web.Request], str] = shown_directly,
) -> Any:
    """Middleware for `/v1`: identifies the caller and turns every error into an answer.

    Args:
        who_is: knows the caller of a certificate.
        unavailable: errors that will pass by themselves (503 with Retry-After).
        pace: how often one caller may ask (429 with Retry-After).
        shown: the SHA-256 of the certificate by which a request is made.
    """
    admission = Admission()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _refuse_browsers(request)
            caller = request[CALLER] = identify(shown(request), who_is)
            if pace is not None:
                pace.take(caller.fingerprint)
            _refuse_coding(request)
            with admission.place(size_of(request)):
                return await handler(request)
        except Refusal as refusal:
            return problem(refusal, language_of(request))
        except web.HTTPException as error:
            return _of_aiohttp(error, language_of(request))
        except ConnectionError:  # the client went away; there is nobody to answer
            raise
        except unavailable as error:
            log.warning("unavailable: %s: %s", _named(request), type(error).__name__)
            return _failed(request, Overloaded(retry_after=RETRY_S))
        except Exception:
            log.exception("request failed: %s", _named(request))
            return _failed(request, ServerFault())

    return middleware


def _named(request: web.Request) -> str:
    return f"{request.method:.10} {request.match_info.route.name or '?'}"


def _failed(request: web.Request, refusal: Refusal) -> web.Response:
    """The answer to a failed request; where another one is on its way already, its connection ends unfinished.

    Raises:
        ConnectionAbortedError: bytes of another answer are out; a second one would be read as part of it.
    """
    if request.writer.output_size == 0:
        return problem(refusal, language_of(request))
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionAbortedError


def language_of(request: web.Request) -> Language:
    """The language in which this caller reads refusals."""
    return preferred(request.headers.getall("Accept-Language", ()))


def _of_aiohttp(error: web.HTTPException, language: Language) -> web.Response:
    known: dict[int, type[Refusal]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
    answer = problem(known.get(error.status, Malformed)(), language)
    if "Allow" in error.headers:  # RFC 9110 section 15.5.6
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


async def read_json(request: web.Request) -> Mapping[str, Any]:
    """The request's body as a JSON object.

    Raises:
        UnsupportedMediaType: it is not announced as `application/json`.
        TooLarge: it has more than `JSON_BYTES`.
        Malformed: it is no JSON object.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaType("Erwartet wird application/json.")
    return json_object(await read_limited(request, JSON_BYTES))


def json_object(raw: bytes, what: str = "Der Inhalt", code: str = "json") -> dict[str, Any]:
    """A JSON object that every reader understands alike.

    Args:
        raw: the text, in UTF-8.
        what: what it is, for the German text.
        code: code of the refusal.

    Raises:
        Malformed: no JSON object of RFC 8259 in UTF-8; a name twice in one object; a number that is none or too long;
            characters that no text may hold (halves of a surrogate pair, controls but tabulator and line end).
    """
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Malformed(f"{what} ist kein gültiges JSON in UTF-8.", code=code) from None
    if not isinstance(value, dict):
        raise Malformed(f"{what} muss ein JSON-Objekt sein.", code=code)
    for text in _texts(value):
        check_text(text, what)
    return value


def check_text(text: str, what: str) -> str:
    """The text itself, when every reader can show and store it.

    Raises:
        Malformed: it holds control characters (but tabulator and line end) or halves of a surrogate pair.
    """
    if _CONTROL.search(text):
        raise Malformed(f"{what} enthält Zeichen, die in Texten nicht zulässig sind.", code="zeichen")
    return text


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _texts(value: Any) -> Iterator[str]:
    """Every name and text in a JSON value."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list):
            left += item


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(name)


async def pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The request's body as it comes.

    Raises:
        TooSlow: nothing came for `IDLE_S`.
        Malformed: it broke off, or its transfer coding is broken.
    """
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                piece = await request.content.readany()
        except TimeoutError:
            raise TooSlow from None
        except (OSError, web.RequestPayloadError):
            raise Malformed(
                "Die Übertragung ist abgebrochen. Senden Sie die Anfrage noch einmal vollständig.", code="abgebrochen"
            ) from None
        if not piece:
            return
        yield piece


async def read_limited(request: web.Request, limit: int) -> bytes:
    """The request's body, at most `limit` bytes.

    Raises:
        TooLarge: there are more.
    """
    collected = bytearray()
    if (request.content_length or 0) > limit:
        raise TooLarge(f"Hier sind höchstens {limit} Bytes zulässig.")
    async for piece in pieces(request):
        collected += piece
        if len(collected) > limit:
            raise TooLarge(f"Hier sind höchstens {limit} Bytes zulässig.")
    return bytes(collected)


ID = "{id:[0-9A-Fa-f-]{36}}"
"""An id in a route: so that no other address of the API is one of an unknown message."""


def path_id(request: web.Request) -> str:
    """The `{id}` of the path; anything but a UUID answers as an unknown one."""
    return uuid_of(request.match_info["id"])


def uuid_of(text: str) -> str:
    """A UUID in its one spelling.

    Raises:
        NotFound: it is none, so there is nothing of that id.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound from None
