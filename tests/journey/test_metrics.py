"""/metrics of a running gateway, read by the parser of Prometheus' own client: what it counts and what it looks up."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from as2peer import Peer, eventually, haft, later, peering, posted, status, until
from ending import ended
from gatewayworld import KOELN, Api, Site, agree, calling
from prometheus_client.parser import text_string_to_metric_families as read

from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import Gateway, running

Found = dict[str, dict[tuple[str, ...], float]]


async def scraped(port: int) -> Found:
    """By name of the sample: values by the values of its labels."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    found: Found = {}
    for family in read(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def metrics(hub: Gateway) -> Found:
    return await scraped(hub.listeners.ports["status"])


async def test_what_happens_is_counted_and_timed(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(500)]
    await until(hub, await posted(jva), "zugestellt")
    assert (await jva.post_xml(b"<x/>"))[0] == 422
    assert (await jva.call("GET", "/v1/messages/00000000-0000-7000-8000-000000000000"))[0] == 404
    found = await metrics(hub)
    assert found["gateway_accepted_total"] == {("api",): 1}
    assert found["gateway_decided_total"] == {("3.2 Satz 1", "zustellen"): 1}
    assert found["gateway_refused_total"] == {("api", "wurzel_unbekannt"): 1, ("api", "nicht_gefunden"): 1}
    assert found["gateway_deliveries_total"] == {("wartet",): 1, ("zugestellt",): 1}
    assert found["gateway_attempts_total"] == {("http_500",): 1, ("quittung",): 1}
    assert sum(found["gateway_receipts_total"].values()) == 1
    for name, count in (("accept", 1), ("decide", 1), ("hop", 2), ("receipt", 1)):
        assert found[f"gateway_{name}_seconds_count"][()] == count, name
        assert 0 < found[f"gateway_{name}_seconds_sum"][()] < 120, name
    assert found["gateway_store_up"][()] == found["gateway_processes"][()] == 1
    assert len(found["gateway_build_info"]) == 1
    assert found["gateway_disk_free_bytes"][()] > 0
    assert {use for use, _, _ in found["gateway_certificate_days_left"]} >= {"sign", "encrypt", "tls", "log", "zugang"}


async def test_the_queue_is_shown_by_partner_and_age_and_a_lane_that_stopped(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(500)
    await posted(jva)
    await eventually(lambda: hub.ctx.db.fetch("claimable_lanes", hub.ctx.now()))

    async def stopped() -> bool:
        return (await metrics(hub)).get("gateway_lane_stopped", {}) == {("koeln", "unterbrochen"): 1}

    await eventually(stopped)
    await hub.delivering.lanes.hold("koeln", "Prüfung", "test")

    async def queued(age: str) -> bool:
        found = await metrics(hub)
        assert found["gateway_lane_stopped"] == {("koeln", "angehalten"): 1}
        return found.get("gateway_queue_deliveries", {}) == {("koeln", age): 1}

    await eventually(lambda: queued("bis_1_minute"))
    later(hub, 30 * 60)
    await eventually(lambda: queued("bis_1_stunde"))


async def test_several_partners_beyond_the_bound_are_one(
    monkeypatch: pytest.MonkeyPatch, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.service.upkeep.gauges.PARTNERS", 0)
    async with (
        running(hub_site.config(arbeiter=0)) as hub,
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        calling(hub, hub_site.clients["jva"]) as jva,
    ):
        await agree(hub, koeln.agreement())
        await posted(jva)
        assert (await metrics(hub))["gateway_queue_deliveries"] == {("andere", "bis_1_minute"): 1}


@pytest.mark.timeout(300)
async def test_further_processes_count_with_the_first_and_what_ended_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    config, ready = hub_site.folder / "gateway.toml", hub_site.folder / "ready"
    text = config.read_text().replace("sqlite:///gateway.db", postgres_url)
    for port in (8443, 8445, 8446, 8025):
        text = text.replace(f"127.0.0.1:{port}", "127.0.0.1:0")
    text = text.replace("127.0.0.1:8444", f"127.0.0.1:{hub_site.as2_port}")
    config.write_text(text.replace("private_adressen = false", "private_adressen = true"))
    hub_site.settings["store"] = {"url": postgres_url}
    command = [sys.executable, "-m", "gateway", "--config", str(config), "serve", "--workers", "3"]
    async with peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln:
        async with running(hub_site.config()) as first:
            await agree(first, koeln.agreement())
        process = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
            [*command, "--ready-file", str(ready), "--log-level", "error"]
        )
        try:
            await eventually(ready.exists)
            ports = json.loads(ready.read_text())
            await accepted(ports["api"], hub_site, 12)

            async def all_arrived() -> bool:
                found = await scraped(ports["status"])
                return found.get("gateway_deliveries_total", {}).get(("zugestellt",)) == 12

            await eventually(all_arrived)
            before = await scraped(ports["status"])
            assert before["gateway_processes"][()] == 3
            assert before["gateway_accepted_total"] == {("api",): 12}
            assert before["gateway_hop_seconds_count"][()] == sum(before["gateway_attempts_total"].values())
            children = started_by(process.pid)
            os.kill(int(children[0]), signal.SIGKILL)

            async def begun_anew() -> bool:
                found = await scraped(ports["status"])
                return bool(set(started_by(process.pid)) - set(children)) and found["gateway_processes"][()] == 3

            await eventually(begun_anew)
            after = await scraped(ports["status"])
            assert after["gateway_deliveries_total"][("zugestellt",)] == 12
            assert after["gateway_hop_seconds_count"] == before["gateway_hop_seconds_count"]
            process.send_signal(signal.SIGTERM)
            assert ended(process, "the gateway") == 0
        finally:
            process.kill()
            process.wait()


def started_by(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def accepted(port: int, site: Site, count: int) -> None:
    """Some notices, posted to another process."""
    connector = aiohttp.TCPConnector(ssl=site.clients["jva"].tls())
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(count):
            headers = {"Content-Type": "application/xml"}
            async with session.post(f"https://localhost:{port}/v1/messages", data=haft(), headers=headers) as answer:
                assert answer.status == 202
