"""What the pages show, gathered from the same journeys that the API and the command line use.

Promises: whoever is asked for by a person is answered by that person's slice; nothing here reads content; an act is
the very act of the API, with its event.
Fails: with the `Refusal`s of gateway/errors.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.accept.commands import Assignment, Forward, Reason
from gateway.errors import Conflict, Invalid, NotFound
from gateway.events import Art
from gateway.partner import Partner
from gateway.route import rulebook
from gateway.service.betrieb.auditing import told
from gateway.service.betrieb.probing import NotTestable, Probing
from gateway.service.casework.forwarding import Forwarding
from gateway.service.casework.operating import Operating
from gateway.service.context import Context, akteur
from gateway.service.departure.lanes import Lanes
from gateway.service.evidence.packaging import EvidencePackages
from gateway.service.upkeep.certificates import Held, own_certificates, partner_certificates
from gateway.service.upkeep.purging import Purging
from gateway.service.views import rules
from gateway.service.views.reading import HIDDEN, Reading
from gateway.service.views.searching import Searching
from gateway.service.views.showing import Showing
from gateway.store.database import Row
from gateway.trust.status import days_left
from gateway.watch.acts import ACTS, Act, fitting
from gateway.watch.http import Streamed
from gateway.watch.people import Person
from gateway.watch.story import way
from gateway.watch.words import use

ROUND_S: Final = 15.0
"""How long a page waits for the receipt of a partner's test."""


class Desk:
    """Messages, Vorgänge, partners, certificates, rules; and what is done with a message or a lane."""

    def __init__(self, ctx: Context, reading: Reading, operating: Operating, forwarding: Forwarding) -> None:
        self._ctx = ctx
        self._reading = reading
        self._searching = Searching(ctx)
        self._showing = Showing(ctx)
        self._packages = EvidencePackages(ctx)
        self._lanes = Lanes(ctx)
        self._purging = Purging(ctx)
        self._operating = operating
        self._forwarding = forwarding

    def name_of(self, key: str) -> str:
        """What an authority is called, with its key; the key alone where the directory does not know it."""
        found = self._ctx.directory.behoerde(key)
        return f"{found.name} ({key})" if found else key

    # --- messages

    async def search(self, person: Person, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """A page of messages."""
        found = await self._searching.search(person.caller, query)
        return dict(found) | {"eintraege": [titled(each) for each in found["eintraege"]]}

    async def message(self, person: Person, message_id: str) -> Mapping[str, Any]:
        """One message with its way, its decision, its deliveries, its forwards and what the person may do."""
        seen = await self._reading.slice(person.caller, message_id)
        value = dict(await self._reading.message(person.caller, message_id))
        value["zustellungen"] = await self._reading.deliveries(person.caller, message_id)
        events = await self._reading.events(person.caller, message_id)
        value["ereignisse"] = await told(self._ctx, person, events, self.name_of)
        value["regel"] = self.rule(value["nummer"]) if value["nummer"] else None
        value["anlass_titel"] = titled(value)["titel"]
        value["stationen"] = way(value)
        value["weiterleitungen"] = await self._forwards(person, value)
        open_points = await self._ctx.db.fetch("clearings_of_message", message_id) if person.own_staff else []
        value["offen"] = [_point(row) for row in open_points]
        relation = {
            "absender": seen.sender,
            "empfaenger": self._received(person, seen.deliveries),
            "offen": bool(open_points),
            "aufbewahrt": _is_kept(value["ereignisse"]),
        }
        value["aufbewahrt"] = relation["aufbewahrt"] and person.own_staff
        value["handlungen"] = fitting(person, value, relation)
        return value

    async def evidence(self, person: Person, message_id: str) -> Streamed:
        """What proves each step, as the API's package of the person's slice.

        Raises:
            NotFound, Overloaded: as `EvidencePackages.package`.
        """
        return await self._packages.package(person.caller, message_id)

    async def demanded(self, person: Person, message_id: str, name: str) -> tuple[Act, Mapping[str, Any]]:
        """An act and the message that it is done with.

        Raises:
            NotFound: no such act, no right, no such message for this person.
            Conflict: the message is in another state.
        """
        act = ACTS.get(name)
        if act is None or not person.may(act.right):
            raise NotFound
        message = await self.message(person, message_id)
        if act not in message["handlungen"]:
            raise Conflict(f"„{act.title}“ passt nicht (mehr) zum Stand dieser Nachricht.", code="status")
        return act, message

    async def perform(self, person: Person, message_id: str, name: str, fields: Mapping[str, str]) -> None:
        """Do it: the same as the API's call, or the command's."""
        caller, grund = person.caller, fields.get("grund", "")
        if name == "zuweisen":
            await self._operating.assign(caller, message_id, assignment(fields))
        elif name == "weiterleiten":
            await self._forwarding.forward(caller, message_id, forward(fields))
        elif name == "aufbewahren":
            await self._purging.keep(caller, message_id, grund)
        elif name == "aufbewahrung-beenden":
            await self._purging.keep_no_longer(caller, message_id, grund)
        else:
            acts = {
                "freigeben": self._operating.release,
                "neu-versenden": self._operating.resend,
                "stornieren": self._operating.cancel,
            }
            await acts[name](caller, message_id, Reason.from_json({"grund": grund}))

    def check(self, name: str, fields: Mapping[str, str]) -> None:
        """Whether what was filled in can be done at all, before a page asks to confirm it.

        Raises:
            Malformed: a reason is missing, a field cannot be read.
            Invalid: the directory does not know the authority.
        """
        if name == "zuweisen":
            an: str | None = assignment(fields).an
        elif name == "weiterleiten":
            an = forward(fields).an
        else:
            an = None
            Reason.from_json({"grund": fields.get("grund", "")})
        if an is not None and self._ctx.directory.behoerde(an, self._ctx.today()) is None:
            raise Invalid(f"„{an[:60]}“ steht nicht im Verzeichnis; gesucht ist ein Schlüssel wie abh:05315000.")

    def _received(self, person: Person, deliveries: list[Row]) -> bool:
        return any(row["empfaenger"] in person.behoerden and row["status"] not in HIDDEN for row in deliveries)

    async def _forwards(self, person: Person, message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The forwards that this message has to do with."""
        if message["vorgang"] is None:
            return []
        found = (await self._showing.vorgang(person.caller, message["vorgang"]))["weiterleitungen"]
        ids = {message["id"], message["bezug"]}
        return [each for each in found if each["nachricht"] in ids or each["weiterleitung"] == message["id"]]

    # --- Vorgänge, rules

    async def vorgang(self, person: Person, vorgang_id: str) -> Mapping[str, Any]:
        """One Vorgang."""
        found = await self._showing.vorgang(person.caller, vorgang_id)
        return dict(found) | {"nachrichten": [titled(each) for each in found["nachrichten"]]}

    async def vorgaenge(self, person: Person, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Vorgänge by what was filled in."""
        return await self._showing.search(person.caller, query)

    def rulebook(self) -> Mapping[str, Any] | None:
        """The table of rules that are valid today."""
        sources = rules.sources(self._ctx.today())
        return rulebook.table(sources) if sources else None

    def rule(self, nummer: str) -> Mapping[str, Any] | None:
        """One number with its text."""
        sources = rules.sources(self._ctx.today())
        return rulebook.number(sources, rulebook.number_of(nummer)) if sources else None

    # --- partners, certificates

    async def partners(self) -> list[dict[str, Any]]:
        """All agreements, each with its lane."""
        lanes = {lane["partner"]: lane for lane in await self._lanes.all()}
        return [{"partner": each, "spur": lanes.get(each.id)} for each in await self._ctx.partners.all()]

    async def partner(self, partner_id: str) -> dict[str, Any]:
        """One agreement with its lane and its certificates.

        Raises:
            NotFound: there is none.
        """
        found: Partner | None = await self._ctx.partners.by_id(partner_id)
        if found is None:
            raise NotFound
        held = sorted(partner_certificates([found], self._ctx.trust, self._ctx.at()), key=lambda each: each.use)
        lanes = [lane for lane in await self._lanes.all() if lane["partner"] == partner_id]
        return {
            "partner": found,
            "zertifikate": [self._certificate(each) for each in held],
            "fenster": [(f"{use(each.use)}: {each.name}", each.ab, each.bis) for each in held],
            "jetzt": self._ctx.at(),
            "spur": lanes[0] if lanes else None,
        }

    async def steer(self, person: Person, partner_id: str, what: str, grund: str) -> None:
        """Hold the lane of a partner, or let it go on.

        Args:
            person: who does it.
            partner_id: whose.
            what: `anhalten` or `weiter`.
            grund: why.

        Raises:
            NotFound: no such partner.
            Conflict: it is so already.
        """
        act = self._lanes.hold if what == "anhalten" else self._lanes.release
        await act(partner_id, grund, akteur(person.caller))

    async def probe(self, probing: Probing, partner_id: str) -> Mapping[str, Any]:
        """A full round with a partner.

        Raises:
            Conflict: no round is possible; it says why.
        """
        try:
            partner = await probing.partner(partner_id)
        except NotTestable as why:
            raise Conflict(f"Keine Prüfung möglich: {why}.", code="partner") from None
        message_id = await probing.enter(partner)
        done = await probing.see_through(message_id, ROUND_S)
        return {"nachricht": message_id, "bestanden": done.passed, "erreicht": done.reached, "text": done.text}

    async def certificates(self) -> Mapping[str, Any]:
        """Every certificate that counts, what ends first stands first."""
        at = self._ctx.at()
        held = [*own_certificates(self._ctx.config, at)]
        held += partner_certificates(await self._ctx.partners.all(), self._ctx.trust, at)
        held.sort(key=lambda each: each.bis)
        return {"zertifikate": [self._certificate(each) for each in held], "jetzt": at}

    def _certificate(self, held: Held) -> dict[str, Any]:
        return {
            "verwendung": held.use,
            "partner": held.partner,
            "name": held.name,
            "sha256": held.sha256,
            "ab": held.ab.isoformat(),
            "bis": held.bis.isoformat(),
            "tage": days_left(held.bis, self._ctx.at()),
            "stand": str(held.status),
        }


def titled(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message with what people call it."""
    anlass = message["anlass"]
    return dict(message) | {"titel": rules.title(anlass) if anlass else "Nachricht des Gateways"}


def assignment(fields: Mapping[str, str]) -> Assignment:
    """What a form says about an assignment; raises `Malformed`."""
    return Assignment.from_json({"an": fields.get("an", ""), "grund": fields.get("grund", "")})


def forward(fields: Mapping[str, str]) -> Forward:
    """What a form says about a forward; raises `Malformed`."""
    optional = {key: fields[key] for key in ("an", "dezernat", "wohnsitz_ags", "auflage_ags") if fields.get(key)}
    return Forward.from_json({"grund": fields.get("grund", ""), **optional})


def _is_kept(events: list[dict[str, Any]]) -> bool:
    """Whether an operator keeps the content beyond its days: what the last such event says."""
    said = [each["art"] for each in events if each["art"] in (Art.AUFBEWAHRUNG, Art.AUFBEWAHRUNG_ENDE)]
    return bool(said) and said[-1] == Art.AUFBEWAHRUNG


def _point(row: Row) -> dict[str, Any]:
    return {"nummer": row["nummer"], "text": row["text"], "genannt": row["empfaenger"], "von": row["forwarder"]}
