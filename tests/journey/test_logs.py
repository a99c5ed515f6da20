"""The log of a running gateway: a line a step, and no word of any message, whatever happens and whoever logs."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from as2peer import Peer, cut, delivery, eventually, haft, peering, status, until
from caseworld import AZR, JS, PERSON, notice
from ending import ended
from gatewayworld import JVA, KOELN, RHEIN_SIEG, Api, Site, agree, calling
from mailworld import OURS, SENDER, Mta, deliver

from gateway import clock
from gateway.as2headers import ReceiptRequest
from gateway.logs import ANFRAGE, Canonical, step
from gateway.pki_issue import DevelopmentCa
from gateway.send.mail_message import build_message, transfer_entity
from gateway.service.gateway import Gateway, running

pytestmark = pytest.mark.usefixtures("prompt")

THEIRS = "e.beispielova@jva.example"
STREET, BIRTH, FILE = "Kastanienallee 17b", "1988-11-23", "Haftbefehl_Beispielova.pdf"
ACCOUNT = "s.schweigsam"
PERSONAL = (PERSON.nachname, PERSON.vorname, AZR, JS, STREET, "Kastanienallee", BIRTH, FILE, ACCOUNT, THEIRS)
"""What stands in the messages, calls and mails of these journeys."""
IN_EXAMPLE = ("Tomasz", "Przykładowski", "1988-11", "4511 E 77/26", "111 Js 1/26")
"""The same of the example notice."""


class Lines(logging.Handler):
    """Every line of the whole process, as `gateway serve` would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(Canonical())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def of(self, art: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.lines) if line.get("art") == art]


def spellings(word: str) -> Iterator[str]:
    """As it is, as bytes are shown, and its longest plain piece."""
    yield word.lower()
    yield repr(word.encode())[2:-1].lower()
    piece = max("".join(c if c.isascii() else " " for c in word).split(" "), key=len)
    if len(piece) >= 5:
        yield piece.lower()


def leaked(text: str) -> set[str]:
    plain = text.lower() + json.dumps(text)[1:-1].encode().decode("unicode_escape", "replace").lower()
    return {w for w in PERSONAL + IN_EXAMPLE for spelling in spellings(w) if spelling in plain}


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root, ours = Lines(), logging.getLogger(), logging.getLogger("gateway")
    before, known = root.level, logging.getLogger("mail.log").level
    root.addHandler(handler)
    for logger in (root, ours, logging.getLogger("mail.log"), logging.getLogger("asyncio")):
        logger.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)
    ours.setLevel(logging.NOTSET)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)
    logging.getLogger("mail.log").setLevel(known)


@pytest.fixture
async def hub(lines: Lines, hub_site: Site, mta: Mta, prompt: None) -> AsyncIterator[Gateway]:
    hub_site.settings = {
        "mail": {"postfach": OURS},
        "postausgang": {"host": "127.0.0.1", "port": mta.port, "sicherheit": "keine", "absender": SENDER},
    }
    asyncio.get_running_loop().set_debug(True)
    async with running(hub_site.config()) as gateway:
        yield gateway


def bad(xml: bytes) -> bytes:
    """Refused, and full of what must not be told."""
    wrong = f"<strasse>{STREET}</strasse><geburtsdatum>{BIRTH} {AZR}</geburtsdatum>"
    return xml.replace(b"<geburtsdatum>1988-11</geburtsdatum>", wrong.encode())


async def broken(port: int, site: Site) -> None:
    """A request that no parser takes, with a name in it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=site.clients["jva"].tls())
    for start in (
        f"POST /v1/messages/{PERSON.nachname} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n",
    ):
        writer.write(f"{start}\r\n5\r\n<a>bc\r\n{PERSON.nachname}\r\n".encode())
    await writer.drain()
    await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()


async def fail_with_words(*_: Any) -> Any:
    """Raises what names somebody."""
    try:
        raise KeyError(AZR)
    except KeyError as error:
        raise ValueError(f"{PERSON.vorname} {PERSON.nachname}, {STREET}") from error


async def refused_calls(jva: Api, polizei: Api) -> None:
    assert (await jva.post_xml(bad(haft())))[0] == 422
    assert (await polizei.post_xml(haft()))[0] == 403
    form = aiohttp.FormData({"nachricht": haft().decode()})
    form.add_field("datei", b"%PDF", filename=FILE, content_type="application/pdf")
    assert (await jva.call("POST", "/v1/messages", data=form))[0] == 422
    assert (await jva.call("POST", "/v1/messages/search", json={"azr_nummer": AZR}))[0] == 200
    assert (await jva.call("POST", "/v1/messages/search", json={"aktenzeichen": JS, "person": "x"}))[0] == 400
    async with jva._session.get(f"{jva._base}/v1/{PERSON.nachname}?azr={AZR}") as lost:
        assert lost.status == 404


async def mails(hub: Gateway, fach: Peer) -> None:
    """One good, one that is no message."""
    content_type, body = fach.seal(haft(), "zuErmitteln")
    good = build_message(
        sender=THEIRS,
        recipient=OURS,
        message_id=fach.new_id(),
        now=clock.now(),
        entity=transfer_entity(content_type, body),
        notify=THEIRS,
        receipt=ReceiptRequest(signed=True, micalgs=("sha-256",), required=True),
    )
    await deliver(hub, good, sender=THEIRS)
    await deliver(hub, f"From: {THEIRS}\r\nSubject: {PERSON.nachname}, {AZR}\r\n\r\n{JS}\r\n".encode(), sender=THEIRS)


async def mistyped(hub: Gateway, session: aiohttp.ClientSession) -> None:
    """A person who does not get in."""
    origin = f"https://localhost:{hub.listeners.ports['betrieb']}"
    form = aiohttp.FormData({"name": ACCOUNT, "passwort": STREET, "code": "000000"})
    async with session.post(f"{origin}/betrieb/anmelden", data=form, headers={"Origin": origin}) as login:
        assert login.status == 403


def others_speak() -> None:
    """As libraries log: finished texts, values, exceptions."""
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": f"Task of {PERSON.nachname}", "exception": ValueError(JS)})
    logging.getLogger("aiohttp.access").info("GET /" + PERSON.nachname)  # noqa: G003 - as it does
    logging.getLogger("asyncpg").error("%s", AZR, exc_info=ValueError(AZR))


async def test_no_personal_data_in_any_line_at_any_level(
    ca: DevelopmentCa,
    hub: Gateway,
    hub_site: Site,
    lines: Lines,
    tmp_path: Path,
    mta: Mta,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Good, refused, failing on the way, failing inside, by API, mail and page."""
    async with (
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        peering(ca, hub_site, "fach", (JVA,), tmp_path) as fach,
        calling(hub, hub_site.clients["jva"]) as jva,
        calling(hub, hub_site.clients["polizei"]) as polizei,
    ):
        await agree(hub, koeln.agreement())
        await agree(hub, fach.agreement(weg="mail", adresse=THEIRS, url=None, as2_id=None, mdn_url=None))
        koeln.script = [status(500, f"<html>{PERSON.nachname}</html>"), cut()]
        with monkeypatch.context() as patch:
            patch.setattr(hub.delivering._sealing, "sealed", fail_with_words)
            answered, accepted = await jva.post_xml(notice("untersuchungshaft_antritt", JVA))
            assert answered == 202
            await eventually(lambda: any("an attempt raised" in line for line in lines.lines))
        await until(hub, accepted["id"], "zugestellt")
        await refused_calls(jva, polizei)
        await broken(hub.listeners.ports["api"], hub_site)
        with monkeypatch.context() as patch:
            patch.setattr(hub.accepting, "_check", fail_with_words)
            assert (await jva.post_xml(haft()))[0] == 500
        await mails(hub, fach)
        await eventually(lambda: mta.mails)
        await mistyped(hub, jva._session)
        others_speak()
    assert leaked("\n".join(lines.lines)) == set()
    raised = [json.loads(line) for line in lines.lines if "an attempt raised" in line or "request failed" in line]
    assert {tuple(line["fehler"]) for line in raised} == {("builtins.ValueError", "builtins.KeyError")}
    assert {"asyncio", "mail.log", "asyncpg"} <= {json.loads(line).get("quelle") for line in lines.lines}


async def test_each_step_is_one_line_and_the_request_that_led_to_it_is_named(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, lines: Lines, tmp_path: Path
) -> None:
    async with (
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        calling(hub, hub_site.clients["jva"]) as jva,
        calling(hub, hub_site.clients["koeln"]) as stadt,
    ):
        await agree(hub, koeln.agreement())
        _, answer = await jva.post_xml(haft())
        await until(hub, answer["id"], "zugestellt")
        assert (await jva.post_xml(bad(haft())))[0] == 422
        forward = {"an": RHEIN_SIEG, "grund": f"Frau {PERSON.nachname} ist umgezogen"}
        code, told = await stadt.call("POST", f"/v1/messages/{answer['id']}/forward", json=forward)
        assert code == 202, told
    row = await delivery(hub, answer["id"])
    for art in ("annahme", "entscheidung", "versiegelung", "versuch", "quittung", "weiterleitung"):
        line = lines.of(art)[0]
        assert line["nachricht"] == answer["id"], art
        assert line["dauer_ms"] >= 0
        assert uuid.UUID(line["ereignis"])
        assert line["stufe"] == "info"
    assert lines.of("versuch")[0]["zustellung"] == row["id"]
    stored = await hub.ctx.db.fetch("events_of_message", answer["id"])
    told_ids = {line["ereignis"] for line in map(json.loads, lines.lines) if line.get("nachricht") == answer["id"]}
    assert told_ids == {event["id"] for event in stored}, "one line each, and none twice"
    first, second = (line for line in lines.of("anfrage") if line["weg"] == "messages_post")
    assert (first["zugang"], first["methode"], first["status"]) == ("api", "POST", 202)
    assert (second["status"], second["code"]) == (422, "schema")
    assert first["anfrage"] == lines.of("annahme")[0]["anfrage"] == lines.of("entscheidung")[0]["anfrage"]
    assert second["anfrage"] == lines.of("abweisung")[0]["anfrage"] != first["anfrage"]
    assert "anfrage" not in lines.of("versuch")[0]


def test_what_python_itself_prints_is_one_line_without_text(tmp_path: Path) -> None:
    """A process that ends by an exception, a thread that does, a warning, a line that cannot be written."""
    code = (
        "import logging, threading, warnings, sys\n"
        "from gateway.logs import configure\n"
        "configure('debug')\n"
        f"def fail(): raise ValueError({PERSON.nachname!r})\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        f"warnings.warn({AZR!r})\n"
        f"logging.getLogger('x').info('%d', {AZR!r})\n"
        f"class End:\n    def __del__(self): raise KeyError({AZR!r})\n"
        "End()\n"
        "fail()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert leaked(done.stderr) == set()
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("fehler") for line in said if "fehler" in line] == [
        ["builtins.ValueError"],
        ["builtins.KeyError"],
        ["builtins.ValueError"],
    ]
    assert said[-1]["stufe"] == "critical"


@pytest.mark.timeout(240)
async def test_the_real_process_says_as_little(hub_site: Site, tmp_path: Path) -> None:
    """`gateway serve --log-level debug`: standard output and error, from the first line to the last."""
    config, ready, said = hub_site.folder / "gateway.toml", hub_site.folder / "ready", tmp_path / "said"
    text = config.read_text()
    for port in (8443, 8444, 8445, 8446, 8025):
        text = text.replace(f"127.0.0.1:{port}", "127.0.0.1:0")
    config.write_text(text)
    command = [sys.executable, "-X", "dev", "-m", "gateway", "--config", str(config), "serve"]
    with said.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
            [*command, "--ready-file", str(ready), "--log-level", "debug"], stdout=output, stderr=output
        )
    try:
        await eventually(ready.exists)
        ports = json.loads(ready.read_text())
        async with aiohttp.ClientSession() as session:
            for xml, expected in ((haft(), 202), (bad(haft()), 422), (notice("untersuchungshaft_antritt", JVA), 202)):
                async with session.post(
                    f"https://localhost:{ports['api']}/v1/messages",
                    data=xml,
                    headers={"Content-Type": "application/xml"},
                    ssl=hub_site.clients["jva"].tls(),
                ) as answer:
                    assert answer.status == expected, await answer.text()
        await broken(ports["api"], hub_site)
        process.send_signal(signal.SIGTERM)
        assert ended(process, "the gateway") == 0
    finally:
        process.kill()
        process.wait()
    text = said.read_text()
    assert leaked(text) == set()
    found = [json.loads(line) for line in text.splitlines()]
    assert {"annahme", "entscheidung", "abweisung", "anfrage", "wiederanlauf"} <= {line.get("art") for line in found}


def test_a_line_has_the_id_of_its_request_and_leaves_out_what_is_unknown() -> None:
    handler = Lines()
    logger = logging.getLogger("gateway.schritt")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    token = ANFRAGE.set("a1")
    try:
        step("mail", status=250, code=None)
        step("mail", logging.DEBUG, status=250)
    finally:
        ANFRAGE.reset(token)
        logger.removeHandler(handler)
        logger.setLevel(before)
    (line,) = map(json.loads, handler.lines)
    assert set(line) == {"zeit", "stufe", "art", "anfrage", "status"}


def test_what_must_be_found_is_found() -> None:
    """The search itself: spelled with escapes, as bytes, in capitals."""
    for text in (json.dumps(PERSON.nachname), repr(PERSON.nachname.encode()), AZR, PERSON.nachname.upper()):
        assert leaked(f"... {text} ..."), text
    assert leaked('{"art": "annahme", "nachricht": "0199"}') == set()
