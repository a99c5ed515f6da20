"""What is counted, and only from outside: what peers received, what the gateway had answered, what it shows.

Lost: a notice that was accepted and had no effect at its addressee. Twice: an effect more than once, by Message-ID (or
entry of the inbox), whatever ways it came, or one Message-ID with two bodies. Orphan: an answer or receipt that the
gateway gave, without the message that it is about. Open: delivered, and not shown so.
"""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
BEGINNING = 600
"""Bytes of an XML in which its root's name stands."""


@dataclass(frozen=True)
class Expected:
    """One effect that has to come exactly once."""

    notice: str
    """The `eigeneNachrichtenID` that stands in it."""
    kind: str
    """A piece of the root's name."""
    addressee: str


@dataclass(frozen=True)
class Given:
    """Something that the gateway answered, and what must be there for it."""

    what: str
    """`api`, `mdn`: which kind of promise."""
    notice: str
    message: str | None
    """The gateway's id, where the answer named one."""


@dataclass(frozen=True)
class Count:
    """One line of the table."""

    lost: int = 0
    twice: int = 0
    orphans: int = 0
    open: int = 0
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"lost {self.lost}, delivered more than once {self.twice}, receipts without message {self.orphans}, "
            f"not shown as delivered {self.open}"
        )

    def __bool__(self) -> bool:
        return bool(self.lost or self.twice or self.orphans or self.open)

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.lost + other.lost,
            self.twice + other.twice,
            self.orphans + other.orphans,
            self.open + other.open,
            self.details + other.details,
        )


@dataclass
class Books:
    """Of one world."""

    effects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """(addressee, Message-ID) to the beginning of the XML that had its effect."""
    forged: set[tuple[str, str]] = field(default_factory=set)
    """(addressee, Message-ID) that came with a second body."""
    expected: list[Expected] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    orphans: list[Given] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    _bodies: dict[tuple[str, str], str] = field(default_factory=dict)
    _naming: dict[bytes, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    _awaited: list[Expected] = field(default_factory=list)
    """What had not come when it was last asked: who waits for thousands asks often."""

    def takes(self, addressee: str, wire_id: str, body: bytes, xml: bytes) -> bool:
        """A peer got a message.

        Returns:
            Whether it had its effect now: the same Message-ID again has none (wire.md section 4).
        """
        key, digest = (addressee, wire_id), hashlib.sha256(body).hexdigest()
        if self._bodies.setdefault(key, digest) != digest:
            self.forged.add(key)
        if key in self.effects:
            return False
        self.effects[key] = xml[:BEGINNING]
        for name in UUID.findall(xml):
            self._naming[name].add(key)
        return True

    def expect(self, notice: str, kind: str, addressee: str) -> None:
        self.expected.append(Expected(notice, kind, addressee))
        self._awaited.append(self.expected[-1])

    def times(self, wanted: Expected) -> int:
        """How often it had its effect."""
        kind = wanted.kind.encode()
        keys = self._naming.get(wanted.notice.encode(), ())
        return sum(key[0] == wanted.addressee and kind in self.effects[key] for key in keys)

    def had(self, notice: str) -> bool:
        """Whether anything came that names a notice."""
        return notice.encode() in self._naming

    def missing(self) -> list[Expected]:
        """What has not come yet."""
        self._awaited = [wanted for wanted in self._awaited if not self.times(wanted)]
        return list(self._awaited)

    def count(self, orphans: list[Given], unsettled: list[str]) -> Count:
        """The line, with what the caller asked the gateway for."""
        lost, twice = [], []
        for wanted in self.expected:
            times = self.times(wanted)
            lost += [f"lost: {wanted}"] * (times == 0)
            twice += [f"twice: {wanted}"] * max(0, times - 1)
        twice += [f"one Message-ID, two bodies: {key}" for key in self.forged]
        return Count(
            len(lost),
            len(twice),
            len(orphans),
            len(unsettled),
            (*lost, *twice, *(f"orphan: {given}" for given in orphans), *(f"open: {one}" for one in unsettled)),
        )
