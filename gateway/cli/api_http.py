"""The client side of `/v1`, as an agency's IT system speaks it: HTTPS with a client certificate.

Promises: bodies stream in both directions; answers are read with a limit; a refusal is told apart from a gateway that
cannot be reached; redirects are not followed.
Fails: `Refused` for 4xx, `Unreachable` for everything that may work later (connection, TLS, 429, 5xx), `PkiError` for
our own key files.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import aiohttp
from aiohttp import payload

from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.profile import Connection
from gateway.cli.shell import stop
from gateway.config_tables import KeyFiles
from gateway.connector import Connector
from gateway.pki import PkiError, load_certificates, pem_of
from gateway.tls import client_context

T = TypeVar("T")

ANSWER_BYTES = 32 * 1024 * 1024
"""Largest JSON answer that is read: 200 entries with 1,000 parts each take about 30 MB."""
CONNECT_SECONDS = 20
"""TCP and TLS; more means that nobody is there."""
SILENCE_SECONDS = 300
"""The gateway answers after everything is durable; the largest message takes seconds, not minutes."""
CHUNK = 256 * 1024
"""Bytes per read and write."""
CODES_LATER = frozenset({408, 429})
"""4xx that say "later", not "no"."""


class Refused(Exception):
    """The gateway said no; `problem` is its RFC 9457 answer."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{status}")


class Unreachable(Exception):
    """Nobody answered, or "later"; the text is German and says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart/form-data body: a value, or a file that streams."""

    name: str
    content: bytes | Path
    media_type: str
    file_name: str | None = None


class Api:
    """One connection to a gateway."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def call(self, method: str, path: str, **request: Any) -> Any:
        """One call with a JSON answer.

        Args:
            method: HTTP method.
            path: below the base address, `/v1/…`.
            request: `data`, `json`, `headers` as aiohttp takes them.

        Raises:
            Refused, Unreachable: see the module.
        """
        async with self._answer(method, path, **request) as response:
            return _json(await _read_limited(response), response.status)

    async def download(self, path: str, target: Path, sha256: str) -> None:
        """One part into a new file, whose content must have this digest; otherwise no file stays.

        Raises:
            FileExistsError: the file exists.
            DigestMismatch: other content.
            Refused, Unreachable: see the module.
        """
        async with self._answer("GET", path) as response:
            with new_file(target) as file:
                digest = hashlib.sha256()
                async for chunk in response.content.iter_chunked(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                if digest.hexdigest() != sha256:
                    raise DigestMismatch(target.name)

    @asynccontextmanager
    async def _answer(self, method: str, path: str, **request: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, self._base + path, allow_redirects=False, **request) as response:
                if response.status >= 300:
                    raise _refusal(response.status, await _read_limited(response), response.headers)
                yield response
        except (aiohttp.ClientError, ssl.SSLError, ConnectionError, TimeoutError) as error:
            raise Unreachable(_why(error)) from None


class DigestMismatch(Exception):
    """What came is not what the gateway listed."""


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that must not exist yet, for its owner alone, synced at the end; after an error none stays."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            target.unlink()
            raise


class Watched(io.FileIO):
    """A file that tells how many bytes of it were read."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._told = told

    def readinto(self, buffer: Any, /) -> int | None:
        """As every file does; and tell."""
        count = super().readinto(buffer)
        self._told(count or 0)
        return count


def opened(path: Path, told: Callable[[int], None]) -> io.BufferedReader:
    """A file for a request body; `told` hears of every piece that was read."""
    return io.BufferedReader(Watched(path, told), CHUNK)


def form(parts: Sequence[Part], told: Callable[[int], None]) -> aiohttp.MultipartWriter:
    """A multipart/form-data body (RFC 7578) whose files are read while they are sent; names travel as UTF-8."""
    writer = aiohttp.MultipartWriter("form-data")
    for part in parts:
        disposition = f'form-data; name="{part.name}"'
        if part.file_name is not None:
            disposition += f'; filename="{part.file_name}"'
        headers = {"Content-Disposition": disposition, "Content-Type": part.media_type}
        if isinstance(part.content, bytes):
            writer.append_payload(payload.BytesPayload(part.content, headers=headers))
        else:
            writer.append_payload(payload.BufferedReaderPayload(opened(part.content, told), headers=headers))
    return writer


def run(target: Connection, work: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
    """Run `work` against the gateway; stops the command with German lines where that fails."""
    try:
        return asyncio.run(_run(target, work))
    except Refused as refused:
        stop(REFUSED, lines_of(refused))
    except Unreachable as error:
        stop(UNREACHABLE, f"{target.url}: {error}")
    except PkiError as error:
        stop(MISUSED, str(error))


async def _run(target: Connection, work: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
    anchors = [pem_of(each) for each in load_certificates(target.ca)] if target.ca else []
    context = client_context(anchors, KeyFiles(key=target.key, crt=target.cert))
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    connector = Connector(ssl=context, limit=4)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        return await work(Api(session, target.url))


def lines_of(refused: Refused) -> list[str]:
    """A refusal for people: the detail, then each finding with its place and the number of the decree."""
    problem = refused.problem
    lines = [f"Abgewiesen ({refused.status}): {problem.get('detail') or problem.get('title') or 'ohne Begründung'}"]
    listed = problem.get("errors")
    findings = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    lines += [
        f"  {_place(each)}{each.get('text')}{_number(each)}"
        for each in findings
        if each.get("text") != problem.get("detail")
    ]
    decision = problem.get("entscheidung")
    if isinstance(decision, Mapping):
        lines += [f"  {line}" for line in reasons(decision)]
    return lines


def reasons(decision: Mapping[str, Any]) -> list[str]:
    """The reasons and hints of a decision, one line each."""
    lines = [f"Nr. {each['nummer']}: {each['text']}" for each in decision.get("begruendung", [])]
    for each in decision.get("hinweise", []):
        proposal = f" (Vorschlag: {each['vorschlag']})" if each.get("vorschlag") else ""
        lines.append(f"Hinweis: {each['text']}{proposal}")
    return lines


def _place(finding: Mapping[str, Any]) -> str:
    parts = [f"{label} {finding[key]}" for key, label in (("zeile", "Zeile"), ("spalte", "Spalte")) if finding.get(key)]
    if finding.get("xpath"):
        parts.append(str(finding["xpath"]))
    return f"{', '.join(parts)}: " if parts else ""


def _number(finding: Mapping[str, Any]) -> str:
    return f" (Nr. {finding['nummer']})" if finding.get("nummer") else ""


async def _read_limited(response: aiohttp.ClientResponse) -> bytes:
    collected = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        collected += chunk
        if len(collected) > ANSWER_BYTES:
            raise Unreachable("die Antwort ist größer, als eine Antwort des Gateways sein kann")
    return bytes(collected)


def _json(raw: bytes, status: int) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise Unreachable(f"die Antwort ({status}) ist kein JSON; spricht dort wirklich das Gateway?") from None


def _refusal(status: int, raw: bytes, headers: Mapping[str, str]) -> Refused | Unreachable:
    try:
        problem = json.loads(raw)
    except ValueError:
        problem = None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    if status >= 500 or status in CODES_LATER:
        later = f"; frühestens in {headers['Retry-After']} s wieder versuchen" if "Retry-After" in headers else ""
        return Unreachable(f"HTTP {status}: {detail or 'vorübergehend gestört'}{later}")
    if not isinstance(problem, dict):
        return Unreachable(f"HTTP {status} ohne Begründung; spricht dort wirklich das Gateway?")
    return Refused(status, problem)


def _why(error: Exception) -> str:
    text = str(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "das Zertifikat des Gateways ist nicht vertrauenswürdig oder gilt für einen anderen Namen; --ca prüfen"
    if "ALERT" in text:
        return "das Gateway lehnt das Client-Zertifikat ab (abgelaufen oder von einer fremden CA?)"
    if isinstance(error, TimeoutError):
        return "keine Antwort innerhalb der Wartezeit"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"keine Verbindung ({os.strerror(number) if number and number > 0 else 'Name nicht auflösbar'})"
    return "die Verbindung brach ab; war das Client-Zertifikat gültig? Erneut senden ist gefahrlos"
