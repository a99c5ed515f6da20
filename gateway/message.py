"""What a message is, as values that every stage shares.

Promises: pure values, no I/O, no clock; nothing here is personal data beyond what its field says.
Fails: only by `ValueError` for values that break a field's own form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from routing.sachverhalt import Sachverhalt

Familie = Literal["justiz", "ausl", "xjustiz"]
"""Grammar of a message: our two families (contracts.md section 4) or an official XJustiz pack."""

ZU_ERMITTELN = "zuErmitteln"
"""What stands for the recipient when the sender does not know it: the gateway then decides."""


@dataclass(frozen=True, slots=True)
class Kopf:
    """What the head of a message says, read from XML that its XSD accepted."""

    familie: Familie
    wurzel: str
    """Local name of the root element, number included: `nachricht.strafausl.haft.9900002`."""
    version: str
    test: bool
    """Test traffic: the attribute `test` is present, whatever its value."""
    absender: str | None
    """Authority key of the sender; None where an official head names it by free text that resolves to no authority."""
    empfaenger: str | None
    """Authority key of the recipient that the sender names; None for `zuErmitteln` and for unresolved free text."""
    eigene_id: str
    """`eigeneNachrichtenID` or `nachrichtenUUID`, lower case."""
    fremde_id: str | None
    """`fremdeNachrichtenID`: the message that this one answers, supplements or corrects."""
    aktenzeichen: str | None
    """The sender's Aktenzeichen."""
    aktenzeichen_empfaenger: str | None
    azr_nummer: str | None
    erstellt: str
    """Erstellungszeitpunkt as the XML writes it (xs:dateTime)."""
    dateien: tuple[str, ...]
    """File names that the XML names as attachments, in document order, without duplicates."""

    @property
    def nummer(self) -> str:
        """The message number at the end of the root's name, `9900002`."""
        return self.wurzel.rpartition(".")[2]


@dataclass(frozen=True, slots=True, order=True)
class Gefordert:
    """Something that a number of the decree demands of somebody, as a message's own words name it."""

    nummer: str
    teil: str = ""
    """Which of several things (5.1: `urteil`, `massnahme456a`); empty where the number demands one."""


@dataclass(frozen=True, slots=True)
class Geprueft:
    """A message that passed XSD and the rules beyond XSD."""

    kopf: Kopf
    sachverhalt: Sachverhalt | None
    """Facts for the rules; None for roots that go to their named addressee without `entscheide`."""
    bedingungen: frozenset[Gefordert] = frozenset()
    """Conditional duties that the message makes real: 2.6 (Einvernehmen granted), 5.1 (something follows)."""
    erbracht: frozenset[Gefordert] = frozenset()
    """What the message brings of what a number demands piece by piece (5.1)."""


@dataclass(frozen=True, slots=True)
class Teil:
    """One part of a message as it is stored and carried: 0 is the XML, files follow in the order of the XML."""

    n: int
    name: str
    media_type: str
    sha256: str
    """Lower-case hex digest of the content."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: known by the certificate of the TLS connection at an API, by a log-in at the pages."""

    behoerden: frozenset[str]
    """Keys of the authorities that this certificate stands for."""
    rollen: frozenset[str]
    fingerprint: str
    """SHA-256 of the certificate's DER, lower-case hex, or the id of an account: what events name as the actor."""
    art: str = "zertifikat"
    """What `fingerprint` is of: `zertifikat`, or `person` for somebody at the pages."""

    @property
    def betrieb(self) -> bool:
        """Whether this is an operator of the gateway."""
        return "betrieb" in self.rollen

    @property
    def revision(self) -> bool:
        """Whether this caller may look at everything but content."""
        return "revision" in self.rollen or self.betrieb


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file whose content already lies encrypted in the store, not yet referenced by a message."""

    name: str
    media_type: str
    sha256: str
    bytes: int
    content: Any = field(repr=False)
    """The store's handle (`gateway.store.content.Sealed`); stages only pass it on."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a sender hands in, read from the transport but not yet looked at."""

    caller: Caller
    xml: bytes
    files: tuple[StagedFile, ...] = ()
    sachverhalt: bytes | None = None
    """The part `sachverhalt` as it came: JSON, official roots only."""
    empfaenger: str | None = None
    bestehen_auf: str | None = None
    """The reason why the sender insists on delivery although the rules call the notice `entbehrlich`."""
    signed_entity: Any = field(default=None, repr=False)
    """What the sender signed, with its signature: a forward carries it (wire.md section 2). Bytes, or the store's
    handle where it lies there already; None where the sender did not sign."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to a caller."""

    status: int
    body: bytes
    location: str | None = None
