"""The play: eight scenes, each with an expectation, one table at the end.

Promises: every row tells what was observed at the gateway's API or at the recipient; the play succeeded only if every
expectation held.
Fails: a scene that fails becomes a row that says why; the others go on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo import letters
from gateway.demo.api import Agency
from gateway.demo.cast import JVA, KOELN, POLIZEI, RHEIN_SIEG, STA, ZAB, Cast, DemoFailed
from gateway.demo.letters import SANKT_AUGUSTIN, Notice
from gateway.demo.mailbox import Mailbox

PACK = "xjustiz-3.6.2"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    scene: str
    message: str
    rule: str
    recipient: str
    way: str
    attempts: str
    receipt: str
    held: bool


@dataclass
class Play:
    """Runs the scenes."""

    cast: Cast
    mailbox: Mailbox
    xjustiz: Path | None
    tell: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)
    first: dict[str, Any] = field(default_factory=dict)
    """Answer to scene a, which h forwards."""
    first_notice: Notice | None = None

    async def run(self) -> bool:
        """All scenes in order; whether every expectation held."""
        cast = self.cast
        self.jva, self.polizei = Agency(cast, cast.hub, JVA), Agency(cast, cast.hub, POLIZEI)
        self.sta, self.koeln = Agency(cast, cast.hub, STA), Agency(cast, cast.hub, KOELN)
        self.koeln_edge = Agency(cast, cast.edge, KOELN)
        try:
            for name, title, scene in self._scenes():
                self.tell(f"{name}) {title}")
                await self._scene(name, title, scene)
        finally:
            for agency in (self.jva, self.polizei, self.sta, self.koeln, self.koeln_edge):
                await agency.close()
        return all(row.held for row in self.rows)

    def _scenes(self) -> list[tuple[str, str, Callable[[], Awaitable[None]]]]:
        return [
            ("a", "JVA Köln: Antritt der Untersuchungshaft, ABH unbekannt", self._a),
            ("b", "JVA Köln: ebenso, Aufnahmeeinrichtung in Sankt Augustin", self._b),
            ("c", "PP Bonn: Ermittlungsverfahren mit PDF, AZR nennt den Rhein-Sieg-Kreis", self._c),
            ("d", "Wiederholung von a", self._d),
            ("e", "StA Köln: amtliche XJustiz-Nachricht 0005005 mit PDF", self._e),
            ("f", "JVA Köln: fehlerhafte Nachricht", self._f),
            ("g", "JVA Köln: Empfänger zunächst nicht erreichbar", self._g),
            ("h", "Stadt Köln leitet a weiter", self._h),
        ]

    async def _scene(self, name: str, title: str, scene: Callable[[], Awaitable[None]]) -> None:
        try:
            await scene()
        except DemoFailed as failed:
            self.rows.append(Row(name, title, "–", "–", "–", "–", f"nicht erfüllt: {failed}", held=False))

    async def _a(self) -> None:
        self.first_notice = letters.untersuchungshaft()
        self.first = await self._delivered("a", self.jva, self.first_notice, "3.2 Satz 1", KOELN, "as2")
        _expect(self.first["entscheidung"]["vorlaeufig"] is True, "a ist vorläufig")

    async def _b(self) -> None:
        where = {"ags": SANKT_AUGUSTIN, "land_nrw": True, "art": "wohnpflicht"}
        notice = letters.untersuchungshaft(aufnahmeeinrichtung=where)
        await self._delivered("b", self.jva, notice, "3.2 Satz 4", ZAB, "as2")

    async def _c(self) -> None:
        notice = letters.ermittlungsverfahren()
        answer = await self._delivered("c", self.polizei, notice, "2.1 Satz 1", RHEIN_SIEG, "mail")
        letter = next(letter for letter in self.mailbox.letters if letter.gateway_id == answer["id"])
        pdf = hashlib.sha256(notice.files[0][1]).hexdigest()
        _expect(letter.digest("Mitteilung_") == pdf, "das PDF kam unverändert an")

    async def _d(self) -> None:
        assert self.first_notice is not None
        status, answer, _ = await self.jva.post(self.first_notice)
        _expect(status == 200 and answer == self.first, "die Wiederholung bekommt die gespeicherte Antwort")
        _, inbox = await self.koeln_edge.call("GET", "/v1/inbox")
        seen = [entry for entry in inbox["eintraege"] if entry["nachricht"] == answer["id"]]
        _expect(len(seen) == 1, "im Postfach der Stadt Köln liegt sie genau einmal")
        self._row(
            "d", "dieselbe Nachricht noch einmal", "200, gespeicherte Antwort", KOELN, "as2", "1", "eine Zustellung"
        )

    async def _e(self) -> None:
        if self.xjustiz is None:
            text = "übersprungen: Das amtliche Schema XJustiz 3.6.2 ist nicht installiert (--xjustiz DIR|ZIP)"
            self._row("e", "amtliche XJustiz-Nachricht", text, "–", "–", "–", "–")
            return
        await self._delivered("e", self.sta, letters.schriftgut(), "6", KOELN, "as2")

    async def _f(self) -> None:
        status, answer, _ = await self.jva.post(letters.broken())
        finding = answer["errors"][0]
        _expect(status == 422, f"422 erwartet, {status} erhalten")
        _expect(bool(finding["zeile"] and finding["xpath"] and finding["text"]), "Zeile, XPath und deutscher Satz")
        place = f"Zeile {finding['zeile']}, {finding['xpath'].rpartition('/')[2]}"
        self._row("f", "fehlerhaft", f"422 {place}: {finding['text']}", "–", "–", "0", "abgewiesen")

    async def _g(self) -> None:
        self.cast.edge.stop()
        _, answer, _ = await self.jva.post(letters.untersuchungshaft())
        await self.jva.until(
            answer["id"], lambda m: bool(m["zustellungen"][0]["letzter_fehler"]), "der erste Versuch schlägt fehl"
        )
        await asyncio.to_thread(self.cast.edge.start)
        message = await self._settled(self.jva, answer["id"])
        _expect(message["zustellungen"][0]["versuche"] > 1, "mehr als ein Versuch")
        self._message_row("g", "Empfänger erst nicht erreichbar", answer, message)

    async def _h(self) -> None:
        assert self.first_notice is not None
        command = {"wohnsitz_ags": SANKT_AUGUSTIN, "grund": "Letzter Wohnsitz in Sankt Augustin."}
        status, answer = await self.koeln.call("POST", f"/v1/messages/{self.first['id']}/forward", json=command)
        _expect(status == 202, f"Weiterleitung angenommen ({status} {answer})")
        message = await self._settled(self.koeln, answer["id"])
        letter = next(letter for letter in self.mailbox.letters if letter.gateway_id == answer["id"])
        original = hashlib.sha256(self.first_notice.xml).hexdigest()
        _expect(letter.digest("Nachricht_") == original, "das Original kam unverändert an")
        _expect(message["empfaenger"] == [RHEIN_SIEG], "zuständig ist der Rhein-Sieg-Kreis")
        self._message_row("h", "Weiterleitung, Original unverändert", answer, message)
        await self._fetched(answer["zustaendigkeitsmitteilung"])

    async def _fetched(self, message_id: str) -> None:
        _, inbox = await self.jva.call("GET", "/v1/inbox")
        entry = next((entry for entry in inbox["eintraege"] if entry["nachricht"] == message_id), None)
        if entry is None:
            raise DemoFailed("die Zuständigkeitsmitteilung liegt nicht im Postfach der JVA Köln")
        _expect(await self.jva.acknowledge(entry, self.cast) == 200, "die JVA Köln quittiert")
        message = await self._settled(self.koeln, message_id)
        self._message_row("h", "Zuständigkeitsmitteilung", message, message)

    async def _delivered(
        self, scene: str, agency: Agency, notice: Notice, nummer: str, recipient: str, way: str
    ) -> dict[str, Any]:
        """Post, and see it delivered to the one expected recipient by the expected way."""
        status, answer, _ = await agency.post(notice)
        _expect(status == 202, f"202 erwartet, {status} erhalten: {answer.get('errors')}")
        decision = answer["entscheidung"]
        _expect(decision["nummer"] == nummer, f"Nr. {nummer} erwartet, {decision['nummer']} entschieden")
        _expect(decision["empfaenger"] == [recipient], f"{recipient} erwartet, {decision['empfaenger']} entschieden")
        message = await self._settled(agency, answer["id"])
        _expect(message["zustellungen"][0]["weg"] == way, f"Weg {way}")
        self._message_row(scene, message["anlass"] or message["wurzel"], answer, message)
        return answer

    async def _settled(self, agency: Agency, message_id: str) -> dict[str, Any]:
        """The message once it is delivered, its receipt verified."""
        message = await agency.until(message_id, lambda m: m["status"] == "zugestellt", "zugestellt")
        _, deliveries = await agency.call("GET", f"/v1/messages/{message_id}/deliveries")
        return message | {"zustellungen": deliveries["eintraege"]}

    def _message_row(self, scene: str, name: str, answer: dict[str, Any], message: dict[str, Any]) -> None:
        decision = answer["entscheidung"]
        (delivery,) = message["zustellungen"]
        receipt = delivery["quittungen"][-1]
        reason = decision["begruendung"][-1]["text"]
        verified = f"{receipt['art'].upper()} geprüft: {receipt['grund']}"
        attempts = str(delivery["versuche"] or "–")
        self._row(
            scene,
            name,
            f"{decision['nummer']}: {reason}",
            delivery["empfaenger"],
            delivery["weg"],
            attempts,
            verified,
        )

    def _row(self, *cells: str) -> None:
        scene, message, rule, recipient, way, attempts, receipt = cells
        self.rows.append(Row(scene, message, rule, recipient, way, attempts, receipt, held=True))


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise DemoFailed(what)
