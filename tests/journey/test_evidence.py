"""Evidence as one file: made from the caller's own slice, verified without a gateway, and refused once touched."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click.testing
import pytest
from as2peer import haft
from cryptography import x509
from gatewayworld import JVA, Api, Site, agree, calling, introduce

from gateway.cli.inbox import sign_detached
from gateway.cli.main import cli
from gateway.message import Teil
from gateway.partner import Partner
from gateway.pki import KeyPair, agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.evidence.proving import Befund, Verification, verify_package
from gateway.service.evidence.unpacking import PackageRefused
from gateway.service.gateway import Gateway, running
from gateway.settle import archive
from gateway.settle.inbox_ack import ack_content

TAR = {"Accept": "application/x-tar"}
Entries = dict[str, bytes]


@dataclass
class Hub:
    """A running hub with an edge behind it and a recipient that collects."""

    gateway: Gateway
    site: Site
    sign: KeyPair
    """JVA Köln's signature."""

    async def package(self, client: str, message_id: str) -> bytes:
        await self.gateway.logbook.round()
        async with calling(self.gateway, self.site.clients[client]) as api:
            status, raw = await api.call("GET", f"/v1/messages/{message_id}/evidence", headers=TAR)
            assert status == 200, raw
            return bytes(raw)

    def verified(self, raw: bytes, *more: Any) -> Verification:
        own = self.gateway.ctx.keys.current("log", self.gateway.ctx.at()).certificate
        return verify_package(io.BytesIO(raw), [own, *more])


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, hub_site: Site) -> None:
    """The hub on each database."""
    if request.param == "postgres":
        hub_site.settings["store"] = {"url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def hub(
    store: None, hub_site: Site, edge: Gateway, edge_site: Site, ca: DevelopmentCa, prompt: None
) -> AsyncIterator[Hub]:
    sign = ca.issue(Request(purpose="sign", name=JVA))
    async with running(hub_site.config()) as gateway:
        await introduce(gateway, hub_site, edge, edge_site)
        inbox = Partner(id="jva", behoerden=(JVA,), weg="abruf", zertifikate=(agreed("signatur", sign.certificate),))
        await agree(gateway, inbox)
        yield Hub(gateway, hub_site, sign)


only_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


async def delivered(hub: Hub) -> str:
    async with calling(hub.gateway, hub.site.clients["jva"]) as jva:
        status, answer = await jva.post_xml(haft())
        assert status == 202, answer
        await jva.until(answer["id"], "zugestellt", seconds=30)
        return str(answer["id"])


async def forwarded(hub: Hub, message_id: str) -> str:
    """The Zuständigkeitsmitteilung, which JVA Köln collects."""
    async with calling(hub.gateway, hub.site.clients["koeln"]) as koeln:
        command = {"an": "abh:05382", "grund": "Wohnsitz in Sankt Augustin"}
        status, answer = await koeln.call("POST", f"/v1/messages/{message_id}/forward", json=command)
        assert status == 202, answer
    async with calling(hub.gateway, hub.site.clients["jva"]) as jva:
        await collected(jva, hub.sign)
    return str(answer["zustaendigkeitsmitteilung"])


async def collected(api: Api, pair: KeyPair) -> None:
    (entry,) = (await api.call("GET", "/v1/inbox"))[1]["eintraege"]
    parts = [Teil(part["n"], "", "", part["sha256"], part["bytes"]) for part in entry["teile"]]
    signature = sign_detached(ack_content(entry["id"], parts), pair)
    headers = {"Content-Type": "application/pkcs7-signature"}
    status, answer = await api.call("POST", f"/v1/inbox/{entry['id']}/ack", data=signature, headers=headers)
    assert status == 200, answer


def entries(raw: bytes) -> Entries:
    return {m.name: raw[m.start : m.start + m.size] for m in archive.members(io.BytesIO(raw))}


def packed(files: Entries) -> bytes:
    pieces = [archive.header(name, len(data)) + data + archive.padding(len(data)) for name, data in files.items()]
    return b"".join(pieces) + archive.END


def relisted(files: Entries) -> Entries:
    """With a table that names the files as they are: what a forger can do."""
    table = json.loads(files["nachweis.json"])
    table["dateien"] = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if name != "nachweis.json"
    ]
    return {**files, "nachweis.json": json.dumps(table).encode()}


def found(result: Verification, ergebnis: str) -> set[str]:
    return {befund.code for befund in result.befunde if befund.ergebnis == ergebnis}


async def test_a_sender_proves_acceptance_decision_delivery_and_receipt(hub: Hub, ca: DevelopmentCa) -> None:
    message_id = await delivered(hub)
    raw = await hub.package("jva", message_id)
    assert raw == await hub.package("jva", message_id)  # the same state gives the same bytes
    result = hub.verified(raw)
    assert result.verified, result.befunde
    proved = {"paket", "pruefpunkt", "ereignisse", "teile", "annahme", "entscheidung", "versiegelung", "quittung"}
    assert found(result, "bewiesen") == proved | {"zeiten"}
    assert found(result, "offen") == {"vollstaendig", "vertrauen"}  # the edge's own certificate is self-signed
    files = entries(raw)
    assert list(files)[:5] == ["nachweis.json", "pruefpunkt.txt", "pruefpunkt.p7s", "protokoll.crt", "ereignisse.json"]
    assert b"X-Gateway-Empfaenger: abh:05315000" in files["zustellung/1/signiert.mime"]
    (trust,) = [name for name in files if name.endswith(".crt") and name.startswith("belege/")]
    own = x509.load_der_x509_certificate(files[trust])
    assert found(hub.verified(raw, own), "offen") == {"vollstaendig"}


async def test_an_inbox_receipt_is_proved_by_the_recipients_signature(hub: Hub, ca: DevelopmentCa) -> None:
    told = await forwarded(hub, await delivered(hub))
    raw = await hub.package("jva", told)
    result = hub.verified(raw, ca.certificate)
    assert result.verified, result.befunde
    assert found(result, "bewiesen") >= {"ereignisse", "quittung", "vertrauen"}
    assert json.loads(entries(raw)["nachweis.json"])["sicht"] == "empfaenger"


async def test_each_sees_its_own_slice_and_others_nothing(hub: Hub) -> None:
    message_id = await delivered(hub)
    recipient = entries(await hub.package("koeln", message_id))
    assert not {"annahme.json", "entscheidung.json"} & set(recipient)
    assert b"annahme" not in recipient["ereignisse.json"]
    assert "zustellung/1/signiert.mime" in recipient
    operator = entries(await hub.package("betrieb", message_id))
    assert "entscheidung.json" in operator
    assert "zustellung/1/signiert.mime" not in operator
    for files in (recipient, operator):
        result = hub.verified(packed(files))
        assert result.verified, result.befunde
    async with calling(hub.gateway, hub.site.clients["polizei"]) as polizei:
        status, problem = await polizei.call("GET", f"/v1/messages/{message_id}/evidence", headers=TAR)
        assert (status, problem["type"].rpartition(":")[2]) == (404, "nicht_gefunden")


async def test_before_the_log_has_it_it_is_asked_for_again(hub: Hub, monkeypatch: Any) -> None:
    async def nothing() -> int:
        return 0

    await hub.gateway.logbook.round()
    monkeypatch.setattr(hub.gateway.logbook, "_batch", nothing)
    message_id = await delivered(hub)
    async with calling(hub.gateway, hub.site.clients["jva"]) as jva:
        status, problem = await jva.call("GET", f"/v1/messages/{message_id}/evidence", headers=TAR)
        assert (status, problem["type"].rpartition(":")[2]) == (503, "noch_nicht_versiegelt")
        status, value = await jva.call("GET", f"/v1/messages/{message_id}/evidence")
        assert status == 200
        assert value["quittungen"]


def replaced(name: str, old: bytes, new: bytes) -> Callable[[Entries], Entries]:
    def change(files: Entries) -> Entries:
        assert old in files[name], name
        return {**files, name: files[name].replace(old, new, 1)}

    return change


def event_changed(art: str, **change: Any) -> Callable[[Entries], Entries]:
    def changed(files: Entries) -> Entries:
        events = json.loads(files["ereignisse.json"])
        for event in events:
            if event["art"] == art:
                event |= change
        return {**files, "ereignisse.json": json.dumps(events).encode()}

    return changed


def without_event(art: str) -> Callable[[Entries], Entries]:
    def changed(files: Entries) -> Entries:
        events = [event for event in json.loads(files["ereignisse.json"]) if event["art"] != art]
        return {**files, "ereignisse.json": json.dumps(events).encode()}

    return changed


FORGED: dict[str, tuple[Callable[[Entries], Entries], str]] = {
    "time of an event": (event_changed("annahme", zeit=1), "ereignisse"),
    "place of an event": (event_changed("annahme", blatt=0), "ereignisse"),
    "detail of an event": (event_changed("quittung", angaben='{"schritt": "receipt_positive"}'), "ereignisse"),
    "salt of an event": (event_changed("quittung", salz="0" * 32), "ereignisse"),
    "proof of an event": (event_changed("quittung", beweis=[]), "ereignisse"),
    "no event": (lambda files: {**files, "ereignisse.json": b"[]"}, "ereignisse"),
    "events unreadable": (lambda files: {**files, "ereignisse.json": b"[" * 100_000}, "ereignisse"),
    "size of the checkpoint": (replaced("pruefpunkt.txt", b"protokoll\n", b"protokoll\n1"), "pruefpunkt"),
    "signature of the checkpoint": (lambda files: {**files, "pruefpunkt.p7s": b"\x30\x00"}, "pruefpunkt"),
    "certificate of the log": (lambda files: {**files, "protokoll.crt": b""}, "pruefpunkt"),
    "content": (replaced("zustellung/1/signiert.mime", b"abh:05315000", b"abh:05382000"), "versiegelung"),
    "acceptance": (replaced("annahme.json", b"annahme", b"abnahme"), "annahme"),
    "recipient": (replaced("nachweis.json", b'"abh:05315000"', b'"abh:05382000"'), "empfaenger"),
    "sender": (replaced("nachweis.json", b'"gds:R8088"', b'"gds:R9999"'), "teile"),
    "part": (
        lambda files: {
            **files,
            "nachweis.json": files["nachweis.json"].replace(
                json.loads(files["nachweis.json"])["teile"][0]["sha256"].encode(), b"0" * 64
            ),
        },
        "teile",
    ),
}


@only_sqlite
async def test_receipts_and_evidence_carry_the_latest_checkpoint(hub: Hub, edge: Gateway) -> None:
    await edge.logbook.round()
    assert edge.logbook.latest is not None
    files = entries(await hub.package("jva", await delivered(hub)))
    (receipt,) = [data for name, data in files.items() if "/quittung-" in name]
    root = edge.logbook.latest.note.split("\n")[2]
    known = {row["note"].split("\n")[2] for row in await edge.ctx.db.fetch("checkpoints_after", 0, 100)}
    assert any(each.encode() in receipt for each in known | {root})
    async with calling(hub.gateway, hub.site.clients["jva"]) as jva:
        message_id = json.loads(files["nachweis.json"])["nachricht"]
        _, value = await jva.call("GET", f"/v1/messages/{message_id}/evidence")
    assert value["pruefpunkt"]["text"].startswith("gw:nrw/protokoll\n")


@only_sqlite
async def test_what_was_touched_is_refused(hub: Hub, ca: DevelopmentCa, tmp_path: Path, monkeypatch: Any) -> None:
    message_id = await delivered(hub)
    raw = await hub.package("jva", message_id)
    files = entries(raw)
    for name, (forge, code) in FORGED.items():
        result = hub.verified(packed(relisted(forge(files))))
        assert not result.verified, name
        assert code in found(result, "falsch"), (name, result.befunde)
    # A receipt that the log does not name proves nothing, and is not counted as if it did.
    receipt = next(name for name in files if "quittung" in name)
    result = hub.verified(packed(relisted(replaced(receipt, b"processed", b"Processed")(files))))
    assert "quittung" in found(result, "offen")
    assert "quittung" not in found(result, "bewiesen")
    result = hub.verified(packed(relisted(without_event("quittung")(files))))
    assert "quittung" not in found(result, "bewiesen")
    refuse_malformed(hub, raw, files)
    # Another log's anchor, and a CA of the same name.
    for anchor in (ca.certificate, ca.twin().certificate):
        result = verify_package(io.BytesIO(raw), [anchor])
        assert found(result, "falsch") == {"pruefpunkt"}
    assert not verify_package(io.BytesIO(raw), []).verified
    monkeypatch.chdir(tmp_path)
    by_command(hub, raw, files, tmp_path)


def refuse_malformed(hub: Hub, raw: bytes, files: Entries) -> None:
    table = json.loads(files["nachweis.json"])
    for bad in (
        b"",
        raw[:-1],
        raw + raw,
        packed({**files, "zustellung/1/mehr.mime": b"x"}),
        packed({name: data for name, data in files.items() if name != "annahme.json"}),
        packed({**files, "annahme.json": files["annahme.json"] + b" "}),
        packed(dict(reversed(files.items()))),
        packed({**files, "nachweis.json": b"{}"}),
        packed({**files, "nachweis.json": json.dumps(table | {"mehr": 1}).encode()}),
        packed({**files, "nachweis.json": b"[" * 200_000}),
    ):
        with pytest.raises(PackageRefused):
            hub.verified(bad)
    without = relisted({name: data for name, data in files.items() if name != "pruefpunkt.txt"})
    with pytest.raises(PackageRefused, match=r"pruefpunkt\.txt"):
        hub.verified(packed(without))


def by_command(hub: Hub, raw: bytes, files: Entries, tmp_path: Path) -> None:
    """`gateway verify` somewhere else: neither configuration nor store."""
    package, bad = tmp_path / "nachweis.tar", tmp_path / "bad.tar"
    package.write_bytes(raw)
    anchor = str(hub.site.folder / "keys" / "log.crt")
    runner = click.testing.CliRunner()
    done = runner.invoke(cli, ["verify", str(package), "--anchor", anchor])
    assert done.exit_code == 0, done.output
    assert "bewiesen  Der Prüfpunkt von gw:nrw/protokoll" in done.stdout
    value = json.loads(runner.invoke(cli, ["verify", str(package), "--anchor", anchor, "--json"]).stdout)
    assert value["geprueft"] is True
    assert {"code", "ergebnis", "text"} == set(value["befunde"][0])
    for content in (packed(relisted(FORGED["time of an event"][0](files))), b"no package"):
        bad.write_bytes(content)
        assert runner.invoke(cli, ["verify", str(bad), "--anchor", anchor]).exit_code == 1
    assert runner.invoke(cli, ["verify", str(package), "--anchor", str(bad)]).exit_code == 2
    assert runner.invoke(cli, ["verify", str(tmp_path / "none"), "--anchor", anchor]).exit_code == 3
    assert runner.invoke(cli, ["verify", str(package)]).exit_code == 2


@only_sqlite
async def test_an_operator_takes_a_package_from_the_store(hub: Hub, tmp_path: Path) -> None:
    message_id = await delivered(hub)
    await hub.gateway.logbook.round()
    file = tmp_path / "nachweis.tar"
    words = ["--config", str(hub.site.folder / "gateway.toml"), "show", message_id, "--evidence", str(file)]
    runner = click.testing.CliRunner()
    done = await asyncio.to_thread(runner.invoke, cli, words)
    assert done.exit_code == 0, done.output
    assert hub.verified(file.read_bytes()).verified
    assert (file.stat().st_mode & 0o777) == 0o600
    assert (await asyncio.to_thread(runner.invoke, cli, words)).exit_code == 1  # it is there already


def test_a_verification_that_proved_nothing_is_none() -> None:
    empty = Verification()
    assert not empty.verified
    empty.befunde.append(Befund("paket", "bewiesen", ""))
    assert not empty.verified
