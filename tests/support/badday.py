"""A hub on a bad day, for people who look at its pages: every kind of trouble, and a day's ordinary traffic.

A partner is down, one is held; notices are withheld, unplaced, late, failed; a certificate ends soon. All invented.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from caseworld import Case, admit, case_at
from gatewayworld import BONN, JVA, KOELN, POLIZEI, RHEIN_SIEG, ZAB_KOELN, Site, agree, introduce
from pagesworld import account, visiting

from gateway.partner import Partner
from gateway.pki import agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.betrieb.people import Access
from gateway.service.departure.lanes import Lanes
from gateway.service.gateway import running
from gateway.store.database import Row

LEVERKUSEN = "abh:05316000"
PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "betrieb": (("betrieb",), ()),
    "alle": (("betrieb", "revision", "verwaltung"), ()),
    "zweite": (("revision",), ()),
    "koeln": (("betrieb",), (KOELN,)),
    "leer": (("betrieb",), ("abh:05913000",)),
}
"""Name of an account: its roles and authorities. `leer` sees no message at all."""


@dataclass
class BadDay:
    """The hub, its callers, its people, and messages by what they show."""

    case: Case
    base: str
    access: dict[str, Access] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def log_in(self) -> None:
        """An account of each kind, with a session."""
        for who, (rollen, behoerden) in PEOPLE.items():
            name = "a.muster" if who == "alle" else f"p.{who}"
            self.access[who] = await account(self.case.hub, name, *rollen, behoerden=behoerden)
            async with visiting(self.case.hub, self.case.hub_ca, self.access[who]) as visitor:
                self.cookies[who] = visitor.cookie
        self.access["neu"] = await account(self.case.hub, "p.neu", "betrieb")


@contextlib.asynccontextmanager
async def bad_day(folder: Path, hours: int = 2) -> AsyncIterator[BadDay]:
    """The hub with an edge before Stadt Köln; `hours` of ordinary traffic lie behind it."""
    ca = DevelopmentCa.create()
    site, edge_site = Site(folder / "hub", ca), Site(folder / "edge", ca)
    await asyncio.to_thread(site.init, "gw:nrw")
    await asyncio.to_thread(edge_site.init, "gw:koeln", KOELN, ZAB_KOELN)
    for name, key in (("jva", JVA), ("polizei", POLIZEI), ("koeln", KOELN)):
        site.client(name, key)
    site.client("betrieb", rollen=("betrieb",))
    admit(site)
    async with (
        running(edge_site.config()) as edge,
        running(site.config(unterbrechung_sekunden=600, unterbrechung_nach=1, backoff_start_sekunden=1)) as hub,
        case_at(hub, site, ca) as case,
    ):
        await introduce(hub, site, edge, edge_site, test=True)
        day = BadDay(case, f"https://localhost:{hub.listeners.ports['betrieb']}")
        await _agreements(day, ca)
        await _troubles(day, hours)
        await day.log_in()
        yield day


async def _agreements(day: BadDay, ca: DevelopmentCa) -> None:
    hub = day.case.hub
    pair = ca.issue(Request(purpose="sign", name="Stadt Bonn"))
    soon = hub.ctx.today() + timedelta(days=31 + 20)
    certificates = [
        agreed("signatur", pair.certificate).model_copy(update={"bis": soon}),
        agreed("verschluesselung", ca.issue(Request(purpose="encrypt", name="Stadt Bonn")).certificate),
        agreed("tls", ca.certificate),
    ]
    await agree(
        hub,
        Partner(
            id="bonn",
            behoerden=(BONN,),
            weg="as2",
            url="https://localhost:1/as2",
            as2_id="bonn",
            test=True,
            zertifikate=tuple(certificates),
        ),
    )
    await agree(hub, Partner(id="leverkusen", behoerden=(LEVERKUSEN,), weg="abruf"))
    sign = ca.issue(Request(purpose="sign", name="Rhein-Sieg-Kreis"))
    day.case.signers["rhein_sieg"] = sign
    box = Partner(
        id="rhein-sieg-kreis",
        behoerden=(RHEIN_SIEG,),
        weg="abruf",
        zertifikate=(agreed("signatur", sign.certificate),),
    )
    await agree(hub, box)


def person(n: int) -> dict[str, Any]:
    """The marks of one person and one case, so that each is a Vorgang of its own."""
    return {"azr": f"2104171{n:05}", "aktenzeichen": f"703000-{n:06}-26/1"}


async def _troubles(day: BadDay, hours: int) -> None:
    """A month ago, yesterday, the hours until now."""
    case, ids = day.case, day.ids
    ids["zurueck"] = await _notice(day, 1, gefaehrdet_untersuchungszweck=True)
    ids["gescheitert"] = await _notice(day, 2, azr={"abgefragt": True, "aktenfuehrende_abh": BONN})
    await _until(day, "delivery", lambda row: row["attempts"] > 0, ids["gescheitert"])
    case.later(31)
    await _until(day, "message", lambda row: row["status"] == "gescheitert", ids["gescheitert"])
    ids["spaet"] = await _notice(day, 3, azr={"abgefragt": True, "aktenfuehrende_abh": BONN})
    await Lanes(case.hub.ctx).hold("leverkusen", "Umzug des Rechenzentrums bis Montag", "person:unbekannt")
    case.later(1.2)
    await _until(day, "delivery", lambda row: row["late_notice"] is not None, ids["spaet"])
    for hour in range(hours):
        await _hour(day, hour)
    for name in ("klaerung", "klaerung_hell", "klaerung_ohne_skript"):
        ids[name] = await _notice(day, 10 + len(ids), azr=None)
    answer = await case.post("jva", "untersuchungshaft_antritt", person(5), wohnsitz_ags=None)
    ids["haft"] = answer["id"]
    ids["zugestellt"] = (await case.post("jva", "untersuchungshaft_antritt", person(6)))["id"]
    for name in ("haft", "zugestellt"):
        await _until(day, "message", lambda row: row["status"] == "zugestellt", ids[name])


async def _hour(day: BadDay, hour: int) -> None:
    """What an hour of an ordinary day brings: more by day than by night, and recipients who need some minutes."""
    case = day.case
    count = (1, 0, 0, 0, 1, 2, 3, 6, 9, 8, 7, 5, 4, 6, 8, 7, 5, 3, 2, 2, 1, 1, 1, 0)[hour % 24]
    for n in range(count):
        if n % 3:
            await case.post("jva", "untersuchungshaft_antritt", person(100 + 20 * hour + n), wohnsitz_ags=None)
        else:
            await _notice(day, 100 + 20 * hour + n)
    case.later((2 + 7 * (hour % 5)) / 1440)
    await case.collect("rhein_sieg")
    case.later((58 - 7 * (hour % 5)) / 1440)


async def _notice(day: BadDay, n: int, **facts: Any) -> str:
    answer = await day.case.post("polizei", "ermittlungsverfahren_eingeleitet", person(n), **facts)
    return str(answer["id"])


async def _until(day: BadDay, what: str, holds: Callable[[Row], bool], message_id: str) -> None:
    """Waits until a message, or its one delivery, is so."""
    query = "message" if what == "message" else "deliveries_of_message"
    async with asyncio.timeout(60):
        while True:
            if holds((await day.case.hub.ctx.db.fetch(query, message_id))[0]):
                return
            await asyncio.sleep(0.05)
