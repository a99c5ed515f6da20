"""An evidence package verified offline: no configuration, no store, no network; only the file and an anchor.

The steps: 1 the package has its one form, and each file is the one that its table names · 2 the checkpoint is signed by
a certificate that leads to the anchor · 3 each event is in the log of that checkpoint · 4 acceptance, parts and
decision are those of the events · 5 what was signed and sent is what the log says · 6 each receipt that settled a
delivery is signed by the certificate of its event, and names this message and this digest · 7 times follow each other.

Promises: says for each thing whether it is proved, not proved, or contradicts; nothing counts because the table says
it: what is proved follows from events in the log and from signatures. Package files may be large and stream.
Fails: `PackageRefused` for what is no package; everything else is a finding.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final, Literal

from cryptography import x509

from gateway.events import Art
from gateway.message import Teil
from gateway.mime import MimeError
from gateway.partner import Algorithmen
from gateway.seal.policy import PolicyRefused, fingerprint
from gateway.seal.sealer import open_signed
from gateway.seal.signed import SignatureRefused, verify
from gateway.service.evidence.anchoring import leads_to
from gateway.service.evidence.unpacking import MAX_JSON, Package
from gateway.settle import nachweis
from gateway.settle.checkpoint import Checkpoint, read_checkpoint
from gateway.settle.inbox_ack import ack_content
from gateway.settle.mdn import REPORT_MAX, Mic, bare_id, parse_report
from gateway.settle.merkle import ProofRefused, check_inclusion, leaf_hash
from gateway.settle.nachweis import Ereignis, Nachweis, Quittung, Zustellung
from gateway.settle.receipt import Evidence, Expected, judge
from gateway.states import Step

CLOCKS: Final = timedelta(minutes=5)
"""How far the clocks of several gateways on one store may be apart."""
EVER: Final = datetime(9999, 1, 1, tzinfo=UTC).date()
_HASHES: Final = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_STRICT: Final = Algorithmen()
_EXCEPTION: Final = Algorithmen(signatur="pkcs1", ausnahmen_bis=EVER)
"""What an agreement may have allowed until a day (wire.md section 1): told, not hidden."""
_ACCEPTED: Final = frozenset({Art.ANNAHME, Art.EINGANG})
_RECEIVED: Final = frozenset({Art.QUITTUNG, Art.ABHOLUNG})

Ergebnis = Literal["bewiesen", "offen", "falsch"]


@dataclass(frozen=True, slots=True)
class Befund:
    """What became of one check."""

    code: str
    ergebnis: Ergebnis
    text: str
    """A German sentence."""


@dataclass
class Verification:
    """What a package proves."""

    befunde: list[Befund] = field(default_factory=list)
    nachweis: Nachweis | None = None
    pruefpunkt: Checkpoint | None = None

    @property
    def verified(self) -> bool:
        """Checkpoint and events hold, and nothing contradicts."""
        proved = {each.code for each in self.befunde if each.ergebnis == "bewiesen"}
        return {"paket", "pruefpunkt", "ereignisse"} <= proved and all(b.ergebnis != "falsch" for b in self.befunde)

    def note(self, code: str, ergebnis: Ergebnis, text: str) -> None:
        """One more finding."""
        self.befunde.append(Befund(code, ergebnis, text))


def verify_package(file: BinaryIO, anchors: Sequence[x509.Certificate]) -> Verification:
    """All steps.

    Args:
        file: the package, readable from any place.
        anchors: whom the verifier trusts to have issued the log's certificate, or that certificate itself.

    Raises:
        PackageRefused: it has not the form of a package, or a file is not the one that its table names.
    """
    package = Package(file)  # 1
    found = Verification(nachweis=package.table)
    count = len(package.members)
    found.note("paket", "bewiesen", f"Das Paket ist vollständig: alle {count} Dateien haben den genannten Prüfwert.")
    _Check(package, found, list(anchors)).run()
    return found


class _Check:
    """Steps 2 to 7."""

    def __init__(self, package: Package, found: Verification, anchors: list[x509.Certificate]) -> None:
        self._package = package
        self._table = package.table
        self._found = found
        self._anchors = anchors
        self._events: list[Ereignis] = []
        """Those that are proved: only they say anything."""

    def run(self) -> None:
        checkpoint = self._checkpoint()
        if checkpoint is None or not self._prove_events(checkpoint):
            return
        self._acceptance()
        self._decision()
        for delivery in self._table.zustellungen:
            if not self._recipient(delivery):
                continue
            self._signed_entity(delivery)
            for receipt in delivery.quittungen:
                self._receipt(delivery, receipt)
        self._times(checkpoint)

    def _checkpoint(self) -> Checkpoint | None:  # 2
        note, signature = self._package.read(nachweis.NOTE), self._package.read(nachweis.NOTE_SIGNATURE)
        try:
            signer, *others = x509.load_pem_x509_certificates(self._package.read(nachweis.LOG_CERTIFICATE))
            checkpoint = read_checkpoint(note)
            verify(note, signature, [signer], _STRICT, checkpoint.moment)
        except SignatureRefused as refused:
            self._note("pruefpunkt", "falsch", f"Die Signatur des Prüfpunkts stimmt nicht ({refused.code}).")
            return None
        except ValueError:
            self._note("pruefpunkt", "falsch", "Der Prüfpunkt oder sein Zertifikat ist nicht lesbar.")
            return None
        if not leads_to(signer, self._anchors, checkpoint.moment, others):
            text = "Das Zertifikat, mit dem der Prüfpunkt signiert ist, führt nicht zum angegebenen Anker."
            self._note("pruefpunkt", "falsch", text)
            return None
        self._found.pruefpunkt = checkpoint
        text = f"Der Prüfpunkt von {checkpoint.origin} über {checkpoint.size} Ereignisse vom "
        self._note("pruefpunkt", "bewiesen", text + f"{_when(checkpoint.moment)} ist signiert; {_whose(signer)}.")
        return checkpoint

    def _prove_events(self, checkpoint: Checkpoint) -> bool:  # 3
        try:
            events = nachweis.read_events(self._package.read(nachweis.EVENTS, MAX_JSON))
        except ValueError:
            self._note("ereignisse", "falsch", "Die Liste der Ereignisse ist nicht lesbar.")
            return False
        if not events or len({event.blatt for event in events}) != len(events):
            self._note("ereignisse", "falsch", "Das Paket enthält keine Ereignisse, oder eines doppelt.")
            return False
        for event in events:
            if not _is_in(event, checkpoint) or event.nachricht != self._table.nachricht:
                text = f"Das Ereignis {event.id} ({event.art}) steht so nicht im Protokoll."
                self._note("ereignisse", "falsch", text)
                return False
        self._events = events
        self._note("ereignisse", "bewiesen", f"Alle {len(events)} Ereignisse stehen unverändert im Protokoll.")
        text = "Dass es alle Ereignisse dieser Nachricht sind, kann ein Paket nicht beweisen."
        self._note("vollstaendig", "offen", text)
        if self._table.ereignisse_offen:
            text = f"{self._table.ereignisse_offen} weitere Ereignisse hatten noch keinen Platz im Protokoll."
            self._note("ereignisse_offen", "offen", text)
        return True

    def _acceptance(self) -> None:  # 4
        accepted = [event for event in self._events if event.art in _ACCEPTED]
        digests = [teil.sha256 for teil in sorted(self._table.teile, key=lambda teil: teil.n)]
        if not accepted:
            self._note("teile", "offen", "Die Annahme der Nachricht gehört nicht zu dieser Sicht.")
        elif any(event.detail.get("absender", self._table.absender) != self._table.absender for event in accepted):
            self._note("teile", "falsch", "Das Verzeichnis nennt einen anderen Absender als das Protokoll.")
        elif all(event.detail.get("teile") == digests for event in accepted):
            text = (
                f"Angenommen am {_when(_moment(accepted[0].zeit))} mit {len(digests)} Teilen; ihre Prüfwerte stimmen."
            )
            self._note("teile", "bewiesen", text)
        else:
            self._note("teile", "falsch", "Die Prüfwerte der Teile sind andere als bei der Annahme.")
        if self._table.annahme is not None:
            self._matches("annahme", "antwort", self._table.annahme, "Die Annahmequittung", accepted)

    def _decision(self) -> None:
        """The last one that an event tells of, whoever made or changed it; operators' words are not part of it."""
        name = self._table.entscheidung
        if name is None:
            return
        made = sorted((each for each in self._events if _decides(each)), key=lambda each: each.blatt)
        digest = self._package.digest(name, "sha256").hex() if self._package.has(name) else None
        last = made[-1] if made else None
        if last is not None and last.detail.get("sha256") == digest:
            who = {Art.FREIGABE: "bei der Freigabe", Art.ZUWEISUNG: "bei der Zuweisung"}.get(Art(last.art), "zuletzt")
            text = f"Die Entscheidung im Paket ist die, die {who} am {_when(_moment(last.zeit))} protokolliert wurde."
            self._note("entscheidung", "bewiesen", text)
        elif last is None or "sha256" not in last.detail or self._table.ereignisse_offen:
            text = (
                "Die Entscheidung im Paket ist durch kein Ereignis belegt (älter protokolliert oder noch ohne Platz)."
            )
            self._note("entscheidung", "offen", text)
        else:
            text = "Die Entscheidung im Paket ist nicht die, die zuletzt protokolliert wurde."
            self._note("entscheidung", "falsch", text)

    def _matches(self, code: str, key: str, name: str, what: str, events: Iterable[Ereignis]) -> None:
        """A file of the package is the one whose digest an event has."""
        named = [event.detail[key] for event in events if key in event.detail]
        digest = self._package.digest(name, "sha256").hex() if self._package.has(name) else None
        if digest in named:
            self._note(code, "bewiesen", f"{what} im Paket ist die, die protokolliert wurde.")
        elif named:
            self._note(code, "falsch", f"{what} im Paket ist nicht die, die protokolliert wurde.")
        else:
            self._note(code, "offen", f"{what} im Paket ist durch kein Ereignis belegt.")

    def _recipient(self, delivery: Zustellung) -> bool:  # 5
        """Whether events bear out whom the table names; without one nothing is said of this delivery."""
        named = {str(e.detail["empfaenger"]) for e in self._events if _is_of(e, delivery) and "empfaenger" in e.detail}
        if named == {delivery.empfaenger}:
            return True
        if named:
            text = f"Das Verzeichnis nennt {delivery.empfaenger}, das Protokoll einen anderen Empfänger."
            self._note("empfaenger", "falsch", text)
        else:
            text = f"An {delivery.empfaenger}: noch kein Ereignis belegt eine Übergabe oder Quittung."
            self._note("empfaenger", "offen", text)
        return False

    def _signed_entity(self, delivery: Zustellung) -> None:
        sealed = self._of(delivery, Art.VERSIEGELUNG, wire_id=delivery.message_id)
        what = f"An {delivery.empfaenger}"
        if delivery.message_id is None:
            return
        if not sealed:
            self._note("versiegelung", "offen", f"{what}: die Versiegelung steht nicht unter den Ereignissen.")
        elif delivery.signiert is None:
            text = f"{what}: der signierte Inhalt liegt nicht im Paket; sein Prüfwert steht im Protokoll."
            self._note("versiegelung", "offen", text)
        elif self._is_mic(delivery.signiert, sealed[-1]):
            text = f"{what}: der signierte Inhalt im Paket ist der, der am {_when(_moment(sealed[-1].zeit))} "
            self._note("versiegelung", "bewiesen", text + "versiegelt wurde (MIC).")
        else:
            self._note("versiegelung", "falsch", f"{what}: der signierte Inhalt im Paket hat einen anderen MIC.")

    def _is_mic(self, name: str, sealed: Ereignis) -> bool:
        algorithm = _HASHES.get(str(sealed.detail.get("mic_alg")))
        if algorithm is None or not self._package.has(name):
            return False
        return base64.b64encode(self._package.digest(name, algorithm)).decode() == sealed.detail.get("mic")

    def _receipt(self, delivery: Zustellung, receipt: Quittung) -> None:  # 6
        what = f"Quittung von {delivery.empfaenger}"
        if receipt.datei is None or not self._package.has(receipt.datei):
            self._note("quittung", "offen", f"{what}: ihre Bytes sind nicht (mehr) im Paket.")
            return
        sha256 = self._package.digest(receipt.datei, "sha256").hex()
        events = [event for art in _RECEIVED for event in self._of(delivery, art, sha256=sha256)]
        if not events:
            self._note("quittung", "offen", f"{what}: kein Ereignis im Protokoll nennt sie.")
            return
        event = events[-1]
        if event.detail.get("schritt", str(Step.RECEIPT_POSITIVE)) == Step.RECEIPT_INVALID:
            self._note("quittung", "offen", f"{what}: wurde als ungültig erkannt ({event.detail.get('grund')}).")
            return
        signer = self._signer(receipt, str(event.detail.get("zertifikat")))
        if signer is None:
            self._note("quittung", "offen", f"{what}: das Zertifikat, mit dem sie geprüft wurde, ist nicht im Paket.")
            return
        at, weak = _moment(event.zeit), False
        fault = self._judged(delivery, receipt, event, signer, _STRICT)
        if fault is not None:
            fault, weak = self._judged(delivery, receipt, event, signer, _EXCEPTION), True
        if fault is not None:
            self._note("quittung", "falsch", f"{what}: {fault}")
            return
        self._note("quittung", "bewiesen", f"{what}: {_settled(event)}; geprüft am {_when(at)}, {_whose(signer)}.")
        if weak:
            self._note("verfahren", "offen", f"{what}: mit einem Verfahren, das nur die Vereinbarung zuließ.")
        self._trust(what, receipt, signer, at)

    def _judged(
        self, delivery: Zustellung, receipt: Quittung, event: Ereignis, signer: x509.Certificate, how: Algorithmen
    ) -> str | None:
        """Why a receipt does not prove what its event says; None where it does."""
        assert receipt.datei is not None
        raw = self._package.read(receipt.datei, REPORT_MAX * 2)
        try:
            if receipt.art == "ack":
                teile = [Teil(t.n, "", t.media_type, t.sha256, t.bytes) for t in self._table.teile]
                verify(ack_content(delivery.id, teile), raw, [signer], how, _moment(event.zeit))
                return None
            _, inner = open_signed(raw, [signer], how, _moment(event.zeit), allow_bare_lf=True)
        except (SignatureRefused, PolicyRefused) as refused:
            return f"die Signatur stimmt nicht ({refused.code})."
        except (MimeError, ValueError):
            return "sie ist nicht lesbar oder passt nicht zu dieser Nachricht."
        return self._as_said(delivery, event, inner)

    def _as_said(self, delivery: Zustellung, event: Ereignis, inner: bytes) -> str | None:
        """The receipt's verdict, made once more from the log's own MIC and Message-ID."""
        report = parse_report(inner)
        wire_id = report.original_message_id or ""
        for sealed in self._of(delivery, Art.VERSIEGELUNG):
            detail = sealed.detail
            if bare_id(str(detail.get("wire_id"))) != wire_id or not _is_digest(detail):
                continue
            expected = Expected(wire_id, str(detail["mic"]), str(detail["mic_alg"]), (str(detail["mic_alg"]),))
            verdict = judge(expected, Evidence(report, signer_verified=True))
            same = (str(verdict.step), str(verdict.reason)) == (event.detail.get("schritt"), event.detail.get("grund"))
            return None if same else f"sie sagt etwas anderes als das Protokoll ({verdict.reason})."
        return "sie nennt keine Message-ID, unter der diese Nachricht versiegelt wurde."

    def _signer(self, receipt: Quittung, sha256: str) -> x509.Certificate | None:
        """The certificate that the event names, from the package."""
        for certificate in self._certificates(receipt):
            if fingerprint(certificate) == sha256:
                return certificate
        return None

    def _certificates(self, receipt: Quittung) -> list[x509.Certificate]:
        found = []
        for name in receipt.belege:
            if name.endswith(".crt") and self._package.has(name):
                try:
                    found.append(x509.load_der_x509_certificate(self._package.read(name)))
                except ValueError:
                    continue
        return found

    def _trust(self, what: str, receipt: Quittung, signer: x509.Certificate, at: datetime) -> None:
        """Whether the receipt's certificate leads to the verifier's own anchors; the log says only what we judged."""
        answers = sum(not name.endswith(".crt") for name in receipt.belege)
        kept = f"; {answers} Sperrauskünfte von damals liegen bei" if answers else ""
        if leads_to(signer, self._anchors, at, self._certificates(receipt)):
            self._note("vertrauen", "bewiesen", f"{what}: das Zertifikat galt und führt zum angegebenen Anker{kept}.")
        else:
            text = f"{what}: das Zertifikat galt laut Protokoll nach der Vereinbarung; zum Anker führt es nicht{kept}."
            self._note("vertrauen", "offen", text)

    def _times(self, checkpoint: Checkpoint) -> None:  # 7
        late = [event for event in self._events if _moment(event.zeit) > checkpoint.moment + CLOCKS]
        if late:
            self._note("zeiten", "falsch", f"Das Ereignis {late[0].id} soll nach dem Prüfpunkt geschehen sein.")
            return
        text = "Die Zeiten der Ereignisse sind die Uhrzeit des Gateways; alle liegen vor dem Prüfpunkt."
        self._note("zeiten", "bewiesen", text)

    def _of(self, delivery: Zustellung, art: str, **detail: object) -> list[Ereignis]:
        """Proved events of one kind of one delivery whose details are these."""
        return [
            event
            for event in self._events
            if event.art == art
            and _is_of(event, delivery)
            and all(event.detail.get(key) == value for key, value in detail.items())
        ]

    def _note(self, code: str, ergebnis: Ergebnis, text: str) -> None:
        self._found.note(code, ergebnis, text)


def _decides(event: Ereignis) -> bool:
    """Whether an event tells of a decision: a Zuweisung may also complete a forward, which is another message."""
    of_this = event.art == Art.ZUWEISUNG and "entscheidung" in event.detail
    return of_this or event.art in (Art.ENTSCHEIDUNG, Art.FREIGABE)


def _is_of(event: Ereignis, delivery: Zustellung) -> bool:
    return event.zustellung == delivery.id


def _is_in(event: Ereignis, checkpoint: Checkpoint) -> bool:
    try:
        path = [base64.b64decode(step, validate=True) for step in event.beweis]
        check_inclusion(leaf_hash(event.leaf.canonical()), event.blatt, checkpoint.size, path, checkpoint.root)
    except (ProofRefused, binascii.Error, UnicodeEncodeError):
        return False
    return True


def _is_digest(detail: dict[str, object]) -> bool:
    return Mic.read(f"{detail.get('mic')}, {detail.get('mic_alg')}") is not None


def _settled(event: Ereignis) -> str:
    if event.art == Art.ABHOLUNG:
        return "der Empfänger hat den Eintrag signiert abgeholt, mit den Prüfwerten aller Teile"
    if event.detail.get("schritt") == Step.RECEIPT_POSITIVE:
        return "der Empfänger hat den unveränderten Eingang signiert bestätigt (gleicher MIC)"
    return f"der Empfänger hat signiert abgelehnt ({event.detail.get('grund')})"


def _whose(certificate: x509.Certificate) -> str:
    return f"Zertifikat {fingerprint(certificate)[:16]}…"


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=min(micros, 10**17))


def _when(moment: datetime) -> str:
    return moment.strftime("%d.%m.%Y %H:%M:%S UTC")
