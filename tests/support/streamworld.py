"""Files in memory for what streams: staging that counts what it holds, and files that were handed over."""

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

from gateway.seal.octets import Range
from gateway.seal.sealer import OpenedStream, PartIn, Sealed, open_stream, seal_stream


class Memory(io.BytesIO):
    """A staged file."""

    def done(self) -> Range:
        return Range(self, 0, len(self.getvalue()))


@dataclass
class Handed:
    """What came out beside the first part."""

    files: list[tuple[str | None, str, bytearray]] = field(default_factory=list)
    complete: int = 0

    def begin(self, name: str | None, media_type: str) -> None:
        self.files.append((name, media_type, bytearray()))

    def write(self, data: bytes) -> None:
        self.files[-1][2].extend(data)

    def end(self) -> None:
        self.complete += 1


@dataclass
class Streamed:
    """One message opened piece by piece, with its parts as the one-shot way gives them."""

    opened: OpenedStream
    files: Handed

    @property
    def parts(self) -> tuple[tuple[str | None, str, bytes], ...]:
        first = (self.opened.name, self.opened.media_type, self.opened.xml)
        return (first, *((name, kind, bytes(data)) for name, kind, data in self.files.files))

    @property
    def signed_entity(self) -> bytes:
        return b"".join(self.opened.signed_entity.pieces())


Parts = list[tuple[str | None, str, bytes]]


def stream_seal(way: Any, parts: Parts, partner: Any, at: Any, transfer: Any = "binary") -> Sealed:
    """As `Way.seal`, piece by piece."""
    way.signed, way.sealed = Memory(), Memory()
    way.result = seal_stream(
        [PartIn(n, t, io.BytesIO(c), len(c), hashlib.sha256(c).hexdigest()) for n, t, c in parts],
        {"X-Gateway-Empfaenger": "abh:05315000", "X-Gateway-Id": "0198"},
        way.hub.identity,
        partner(way.edge, **way.algorithms),
        at=at,
        transfer=transfer,
        signed_out=way.signed,
        sealed_out=way.sealed,
        staging=Memory,
    )
    result: Sealed = way.result
    return result


def stream_open(
    way: Any, partner: Any, at: Any, body: bytes | None = None, transfer: str | None = None, **limits: Any
) -> Streamed:
    """As `Way.open`, piece by piece."""
    octets = way.sealed.getvalue() if body is None else body
    encoding = way.result.headers["Content-Transfer-Encoding"] if body is None else "binary"
    handed = Handed()
    agreed = partner(way.hub, **way.algorithms)
    if limits:
        agreed = agreed.model_copy(update={"grenzen": agreed.grenzen.model_copy(update=limits)})
    opened = open_stream(
        Range(io.BytesIO(octets), 0, len(octets)),
        "application/pkcs7-mime; smime-type=enveloped-data",
        way.edge.identity,
        agreed,
        at=at,
        transfer=transfer or encoding,
        staging=Memory,
        files=handed,
    )
    assert handed.complete == len(handed.files)
    return Streamed(opened, handed)
