"""The pages on PostgreSQL: every query of theirs holds there too."""

from caseworld import case_at
from gatewayworld import KOELN, Site
from pagesworld import account, visiting

from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import running


async def test_log_in_overview_act_look_and_audit(site: Site, postgres_url: str, ca: DevelopmentCa) -> None:
    site.settings["store"] = {"url": postgres_url}
    async with running(site.config()) as gateway, case_at(gateway, site, ca) as case:
        answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
        await case.post("jva", "untersuchungshaft_antritt")
        access = await account(gateway, "a.lles", "betrieb", "revision", "verwaltung")
        async with visiting(gateway, ca, access) as visitor:
            message = f"/betrieb/nachrichten/{answer['id']}"
            for path in ("", "nachrichten", "fristen", "einsichten", "partner", "zertifikate", "revision", "konten"):
                assert (await visitor.get(f"/betrieb/{path}")).status == 200, path
            assert answer["id"] in (await visitor.get("/betrieb/")).text
            assert (await visitor.post(f"{message}/einsicht", grund="so")).status == 303
            done = await visitor.post(f"{message}/tun/zuweisen/ausfuehren", an=KOELN, grund="so")
            assert done.location == f"{message}?getan=1"
            assert "Zugewiesen – a.lles" in (await visitor.get("/betrieb/revision?art=zuweisung")).words
        koeln = await account(gateway, "k.oeln", "betrieb", behoerden=(KOELN,))
        async with visiting(gateway, ca, koeln) as visitor:
            assert answer["id"] in (await visitor.get("/betrieb/nachrichten")).text
            assert "3.3" in (await visitor.get("/betrieb/fristen")).words
            assert 'class="saeule"' in (await visitor.get("/betrieb/")).text
