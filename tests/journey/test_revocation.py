"""Revocation: fetched ahead of time, withdrawn certificates in no use, the unknown by setting."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from as2peer import events_of, eventually, later, posted, until
from certworld import also, only
from gatewayworld import KOELN, Api, Site, agree, calling, introduce
from trustworld import Authority, serving

from gateway.partner import Partner
from gateway.pki import KeyPair, PkiError, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request, self_signed
from gateway.service.context import open_context
from gateway.service.gateway import Gateway, running
from gateway.service.keys import OwnKeys
from gateway.store.steps import do
from gateway.trust.status import Status


@dataclass
class World:
    """A hub, an edge whose encryption certificate an authority issued, and that authority with its host."""

    authority: Authority
    hub: Gateway
    edge: Gateway
    edge_site: Site
    jva: Api

    async def status(self, pair: KeyPair, wanted: Status, zweck: str = "verschluesselung") -> None:
        trust = self.hub.ctx.trust
        await eventually(lambda: trust.verdict(zweck, pair.pem).status is wanted)  # type: ignore[arg-type]

    async def ask_again(self) -> None:
        """The authority's addresses are due now."""
        await due(self.hub)

    async def edge_uses(self, use: str, zweck: str, pair: KeyPair) -> None:
        """The edge has the pair, the agreement names it alone."""
        pairs = self.edge.ctx.keys.pairs
        self.edge.ctx.keys = OwnKeys({**pairs, use: (*pairs[use], pair)})  # type: ignore[index, dict-item]
        await only(self.hub, "koeln", zweck, pair)


async def due(hub: Gateway) -> None:
    for row in await hub.ctx.db.fetch("revocation_answers"):
        await hub.ctx.db.commit(do("revocation_failed", id=row["id"], error="", next_fetch=0))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, prompt: None) -> None:
    monkeypatch.setattr("gateway.service.gateway.TRUST_S", 0.05)


@pytest.fixture
async def world(quick: None, request: pytest.FixtureRequest, hub_site: Site, edge_site: Site) -> AsyncIterator[World]:
    marks = getattr(request, "param", {})
    authority = Authority.root(with_crl=marks.get("crl", True), with_ocsp=marks.get("ocsp", False))
    authority.down = marks.get("down", False)
    (hub_site.folder / "trust/partner/verwaltung.crt").write_text(authority.pem)
    hub_site.settings["vertrauen"] = {"private_adressen": True} | marks.get("vertrauen", {})
    async with serving(authority), running(hub_site.config()) as hub, running(edge_site.config()) as edge:
        await introduce(hub, hub_site, edge, edge_site)
        async with calling(hub, hub_site.clients["jva"]) as jva:
            yield World(authority, hub, edge, edge_site, jva)


@pytest.mark.parametrize("world", [{}, {"crl": False, "ocsp": True}, {"ocsp": True}], indirect=True, ids=str)
async def test_a_withdrawn_certificate_is_not_encrypted_to(world: World) -> None:
    pair = world.authority.issue("edge-encrypt")
    await world.edge_uses("encrypt", "verschluesselung", pair)
    await world.status(pair, Status.GUELTIG)
    await until(world.hub, await posted(world.jva), "zugestellt")
    world.authority.revoke(pair.certificate)
    await world.ask_again()
    await world.status(pair, Status.GESPERRT)
    world.hub.ctx.partners.forget()
    stuck = await posted(world.jva)
    row = await until(world.hub, stuck, "klaerung")
    assert "Verschlüsselungszertifikat" in row["last_error"]
    alarms = [e for e in await events_of(world.hub, "alarm") if "zertifikat_gesperrt" in e["detail"]]
    assert len(alarms) == 1, "told once, however often it is looked at"
    assert "ca" not in world.authority.asked, "the issuers' address is never followed"


async def test_what_waits_is_sealed_anew_once_its_certificate_is_withdrawn(
    quick: None, hub_site: Site, edge_site: Site
) -> None:
    authority = Authority.root()
    (hub_site.folder / "trust/partner/verwaltung.crt").write_text(authority.pem)
    hub_site.settings["vertrauen"] = {"private_adressen": True}
    async with serving(authority), running(hub_site.config()) as hub:
        async with running(edge_site.config()) as edge:
            await introduce(hub, hub_site, edge, edge_site)
            kept = edge_site.pair("encrypt")
        withdrawn = authority.issue("edge-encrypt")
        await only(hub, "koeln", "verschluesselung", withdrawn)
        async with calling(hub, hub_site.clients["jva"]) as jva:
            message_id = await posted(jva)
            await eventually(lambda: events_of(hub, "versuch"))  # nobody there
            authority.revoke(withdrawn.certificate)
            await also(hub, "koeln", "verschluesselung", kept)
            await due(hub)
            trust = hub.ctx.trust
            await eventually(lambda: trust.verdict("verschluesselung", withdrawn.pem).status is Status.GESPERRT)
            hub.ctx.partners.forget()
            async with running(edge_site.config()):
                await until(hub, message_id, "zugestellt")
        sealed = [event["detail"] for event in await events_of(hub, "versiegelung")]
        assert len(sealed) == 2
        assert kept.sha256 in sealed[1]


async def test_a_receipt_by_a_withdrawn_certificate_proves_nothing(world: World) -> None:
    pair = world.authority.issue("edge-quittung")
    await world.edge_uses("mdn", "quittung", pair)
    world.edge.ctx.keys = OwnKeys({**world.edge.ctx.keys.pairs, "mdn": (pair,)})
    await world.status(pair, Status.GUELTIG, "quittung")
    await until(world.hub, await posted(world.jva), "zugestellt")
    world.authority.revoke(pair.certificate)
    await world.ask_again()
    await world.status(pair, Status.GESPERRT, "quittung")
    world.hub.ctx.partners.forget()
    await until(world.hub, await posted(world.jva), "quittung_ungueltig")


@pytest.mark.parametrize(
    ("world", "ends", "alarms"),
    [
        ({"down": True}, "zugestellt", 1),
        ({"down": True, "vertrauen": {"unbekannt": "annehmen"}}, "zugestellt", 0),
        ({"down": True, "vertrauen": {"unbekannt": "ablehnen"}}, "klaerung", 1),
    ],
    indirect=["world"],
    ids=["warnen", "annehmen", "ablehnen"],
)
async def test_a_host_that_is_down_withdraws_nothing(world: World, ends: str, alarms: int) -> None:
    pair = world.authority.issue("edge-encrypt")
    await world.edge_uses("encrypt", "verschluesselung", pair)
    await world.status(pair, Status.UNBEKANNT)
    await until(world.hub, await posted(world.jva), ends)
    await eventually(lambda: world.authority.asked)
    if alarms:
        await eventually(lambda: events_of(world.hub, "alarm"))
    assert len(await events_of(world.hub, "alarm")) == alarms


async def test_an_answer_outlives_an_outage_by_the_grace_and_a_restart(world: World, hub_site: Site) -> None:
    pair = world.authority.issue("edge-encrypt")
    await world.edge_uses("encrypt", "verschluesselung", pair)
    await world.status(pair, Status.GUELTIG)
    world.authority.down = True
    context = await open_context(world.hub.ctx.config)  # another gateway on the same store
    try:
        await context.partners.all()
        assert context.trust.verdict("verschluesselung", pair.pem).status is Status.GUELTIG
    finally:
        await context.checker.close()
        await context.db.close()
    later(world.hub, (24 + 71) * 3600)  # a day of life, and 71 of 72 hours of grace
    await world.status(pair, Status.GUELTIG)
    later(world.hub, 2 * 3600)
    await world.status(pair, Status.UNBEKANNT)


@pytest.mark.parametrize("body", [b"", b"<html>Wartung</html>", Authority.root().crl()], ids=["empty", "page", "twin"])
async def test_a_false_answer_displaces_no_true_one(world: World, body: bytes) -> None:
    pair = world.authority.issue("edge-encrypt")
    await world.edge_uses("encrypt", "verschluesselung", pair)
    await world.status(pair, Status.GUELTIG)
    world.authority.body = body
    asked = len(world.authority.asked)
    await world.ask_again()
    await eventually(lambda: len(world.authority.asked) > asked)

    async def noted() -> bool:
        return [row["error"] for row in await world.hub.ctx.db.fetch("revocation_answers")] == ["antwort_unbrauchbar"]

    await eventually(noted)
    await world.status(pair, Status.GUELTIG)


@pytest.mark.parametrize("world", [{"vertrauen": {"private_adressen": False}}], indirect=True)
async def test_private_addresses_are_asked_only_if_configured(world: World) -> None:
    pair = world.authority.issue("edge-encrypt")
    await world.edge_uses("encrypt", "verschluesselung", pair)

    async def noted() -> bool:
        return [row["error"] for row in await world.hub.ctx.db.fetch("revocation_answers")] == ["nicht_erreichbar"]

    await eventually(noted)
    assert world.authority.asked == []


async def test_a_certificate_without_a_path_is_not_used(world: World) -> None:
    pair = Authority.root("Fremde CA").issue("edge-encrypt")
    await world.edge_uses("encrypt", "verschluesselung", pair)
    await until(world.hub, await posted(world.jva), "klaerung")


async def test_an_agreement_whose_tls_certificates_have_all_ended_trusts_no_server(world: World) -> None:
    row = await world.hub.ctx.partners.by_id("koeln")
    assert row is not None
    past = [z.model_copy(update={"bis": z.ab}) if z.zweck == "tls" else z for z in row.zertifikate]
    gone = row.model_copy(update={"zertifikate": tuple(past)})
    later(world.hub, 2 * 24 * 3600)
    assert gone.tls_anker(world.hub.ctx.at()) is None


# --- production ------------------------------------------------------------------------------------------------------


async def test_production_refuses_test_certificates(quick: None, hub_site: Site, ca: DevelopmentCa) -> None:
    hub_site.settings["gateway"] = {"produktion": True}
    with pytest.raises(PkiError, match="Testzertifikat"):
        await open_context(hub_site.config())


@pytest.fixture
def real_site(tmp_path: Path, ca: DevelopmentCa) -> Site:
    """A gateway in production; the development CA's certificate was left among its anchors."""
    site = Site(tmp_path / "real", ca)
    site.init("gw:nrw")
    authority = Authority.root()
    for folder in ("trust", "trust/partner"):
        (site.folder / folder / "ca.crt").write_text(authority.pem)
    (site.folder / "trust/partner/test.crt").write_text(ca.pem)
    for ending in ("key", "crt"):
        (site.folder / f"keys/tls.{ending}").unlink()
    write_pair(self_signed(Request(purpose="tls", name="gw:nrw")), site.folder / "keys/tls")
    site.settings["gateway"] = {"produktion": True}
    return site


async def test_production_trusts_no_partner_by_the_development_ca(
    quick: None, real_site: Site, ca: DevelopmentCa, edge_site: Site
) -> None:
    async with running(real_site.config()) as hub:
        await agree(hub, _partner(edge_site, ca))
        partner = await hub.ctx.partners.by_id("koeln")
        assert partner is not None
        at = hub.ctx.at()
        assert (partner.pems("signatur", at), partner.pems("tls", at), partner.tls_anker(at)) == ([], [], None)
        assert partner.pems("verschluesselung", at) == [edge_site.pair("encrypt").pem], "self-signed, agreed"
        await eventually(lambda: events_of(hub, "alarm"))


def _partner(edge_site: Site, ca: DevelopmentCa) -> Partner:
    sign = ca.issue(Request(purpose="sign", name="koeln"))
    return Partner(
        id="koeln",
        behoerden=(KOELN,),
        weg="as2",
        url="https://localhost:1/as2",
        as2_id="koeln",
        zertifikate=(
            agreed("signatur", sign.certificate),
            agreed("verschluesselung", edge_site.pair("encrypt").certificate),
            agreed("tls", ca.certificate),
        ),
    )
