"""Wrong and hostile input at the running API: each gets its answer, the store at most an event without content."""

import asyncio
import json
import logging
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from apiworld import STA, World, api_world, assert_problem, file_name, form, haft, notice, part
from gatewayworld import JVA, KOELN

from gateway import web
from gateway.accept import form as forms
from gateway.accept.form import FIELD_BYTES, FILES, FRAMING_BYTES, MESSAGE_BYTES, XML_BYTES
from gateway.check import intake
from gateway.logs import Canonical
from gateway.pki_issue import DevelopmentCa

NOBODYS = "7c0d9f0e-3b57-4b52-9a35-0f5f1d3f6a01"
"""The id of no message; the same in every test process, which must all find the same tests."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, ca: DevelopmentCa) -> AsyncIterator[World]:
    async with api_world(tmp_path_factory.mktemp("bad") / "hub", ca) as world:
        yield world


class Unchanged:
    """Counts every row before and after; inside, at most `events` events may be added, without content."""

    def __init__(self, world: World, events: int) -> None:
        self._world, self._events = world, events

    def __enter__(self) -> None:
        self._before = self._world.rows()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        after = self._world.rows()
        assert after.pop("event") - self._before.pop("event") == self._events
        assert after == self._before
        if self._events:
            event = self._world.last_event()
            assert (event["art"], event["message_id"], event["delivery_id"]) == ("abweisung", None, None)
            assert set(json.loads(event["detail"])) == {"status", "code", "codes"}


def root(inner: str = "", head: str = "") -> bytes:
    name = 'nachricht.strafausl.haft.9900002 xmlns="urn:de:nrw:strafausl:1"'
    return f"{head}<{name}>{inner}</nachricht.strafausl.haft.9900002>".encode()


BOMB = '<!DOCTYPE n [<!ENTITY a "lol"><!ENTITY b "' + "&a;" * 50 + '"><!ENTITY c "' + "&b;" * 50 + '">]>'
XML_CASES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty": (lambda: b"", 400, "kein_xml"),
    "not XML": (lambda: b"%PDF-1.4 kein XML", 400, "kein_xml"),
    "JSON": (lambda: b'{"anlass": "untersuchungshaft_antritt"}', 400, "kein_xml"),
    "cut off": (lambda: haft()[:-40], 400, "kein_xml"),
    "binary": (lambda: bytes(range(256)) * 4, 400, "kodierung"),
    "wrong root": (lambda: b"<rechnung/>", 422, "wurzel_unbekannt"),
    "root of another namespace": (lambda: haft(**{"urn:de:nrw:strafausl:1": "urn:x"}), 422, "wurzel_unbekannt"),
    "DOCTYPE": (lambda: b"<!DOCTYPE n>" + root(), 400, "doctype"),
    "external DOCTYPE": (lambda: b'<!DOCTYPE n SYSTEM "file:///etc/passwd">' + root(), 400, "doctype"),
    "entity bomb": (lambda: BOMB.encode() + root("&c;"), 400, "entitaeten"),
    "external entity": (
        lambda: b'<!DOCTYPE n [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + root("&x;"), 400, "entitaeten"
    ),
    "undeclared entity": (lambda: root("&auml;"), 400, "entitaeten"),
    "processing instruction": (lambda: root("<?php x?>"), 400, "verarbeitungsanweisung"),
    "UTF-16": (lambda: haft().decode().encode("utf-16"), 400, "kodierung"),
    "latin-1 declared": (lambda: root(head='<?xml version="1.0" encoding="ISO-8859-1"?>'), 400, "kodierung"),
    "latin-1 bytes": (lambda: haft().decode().replace("ł", "ö").encode("latin-1"), 400, "kodierung"),
    "XML 1.1": (lambda: root(head='<?xml version="1.1"?>'), 400, "xml_version"),
    "control character": (lambda: root("&#1;"), 400, "kein_xml"),
    "too deep": (lambda: root("<a>" * 70 + "</a>" * 70), 413, "grenze_tiefe"),
    "too many elements": (lambda: root("<a/>" * (intake.MAX_ELEMENTS + 1)), 413, "grenze_elemente"),
    "too much markup": (lambda: root("<!---->" * (intake.MAX_MARKUP + 1)), 413, "grenze_elemente"),
    "too many attributes": (
        lambda: root("<a " + " ".join(f'a{n}=""' for n in range(intake.MAX_ATTRIBUTES_PER_ELEMENT + 1)) + "/>"),
        413, "grenze_attribute",
    ),
    "too many attributes in all": (lambda: root("=" * (intake.MAX_ATTRIBUTES + 1)), 413, "grenze_attribute"),
    "long text": (lambda: root("<a>" + "x" * (intake.MAX_TEXT + 1) + "</a>"), 413, "grenze_text"),
    "long attribute": (lambda: root('<a b="' + "x" * (intake.MAX_TEXT + 1) + '"/>'), 413, "grenze_text"),
    "long name": (lambda: root("<" + "a" * (intake.MAX_NAME + 1) + "/>"), 413, "grenze_name"),
    "too large": (lambda: root(" " * XML_BYTES), 413, "zu_gross"),
    "invalid": (lambda: haft(**{"2026-10-05": "05.10.2026"}), 422, ""),
    "version of tomorrow": (lambda: haft(**{'version="1.0.0"': 'version="9.0.0"'}), 422, ""),
    "file named, not attached": (lambda: notice([file_name()]), 422, "datei_fehlt"),
}  # fmt: skip


@pytest.mark.parametrize("name", XML_CASES)
async def test_what_is_not_the_xml_that_we_take(world: World, name: str) -> None:
    build, status, code = XML_CASES[name]
    client = "polizei" if name == "file named, not attached" else "jva"
    with Unchanged(world, events=1):
        problem = assert_problem(await world.post(client, build()), status, code or None)
    if name in ("invalid", "cut off"):
        (finding, *_) = problem["errors"]
        assert finding["zeile"]
        assert finding["xpath"] if name == "invalid" else finding["spalte"]
    with Unchanged(world, events=1):  # the same in a form
        assert_problem(await world.post_form(client, form(build())), status, code or None)


A, B = file_name("A"), file_name("B")
FORM_CASES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "no part nachricht": (lambda: part("datei", b"x", A) + b"--grenze--\r\n", 400, "nachricht_fehlt"),
    "nachricht twice": (lambda: form(notice(), part("nachricht", notice())), 400, "teil_doppelt"),
    "sachverhalt twice": (
        lambda: form(notice(), part("sachverhalt", b"{}"), part("sachverhalt", b"{}")), 400, "teil_doppelt"
    ),
    "empfaenger twice": (
        lambda: form(notice(), part("empfaenger", b"abh:05382"), part("empfaenger", b"abh:05382")), 400, "teil_doppelt"
    ),
    "file twice": (lambda: form(notice([A]), part("a", b"x", A), part("b", b"y", A)), 400, "datei_doppelt"),
    "not a form": (lambda: notice(), 400, "multipart"),
    "empty body": (lambda: b"", 400, "multipart_unvollstaendig"),
    "no end": (lambda: form(notice())[: -len("--grenze--\r\n")], 400, "multipart_unvollstaendig"),
    "cut in a large file": (
        lambda: form(notice([A]), part("a", bytes(3_000_000), A))[:-1000], 400, "multipart_unvollstaendig"
    ),
    "attachment missing": (lambda: form(notice([A, B]), part("a", b"x", A)), 422, "datei_fehlt"),
    "attachment surplus": (
        lambda: form(notice([A]), part("a", b"x", A), part("b", b"y", B)), 422, "datei_ueberzaehlig"
    ),
    "large attachment surplus": (lambda: form(notice(), part("b", bytes(3_000_000), B)), 422, "datei_ueberzaehlig"),
    "slash": (lambda: form(notice([A]), part("a", b"x", f"../{A}")), 400, "dateiname"),
    "backslash": (lambda: form(notice([A]), part("a", b"x", f"..\\{A}")), 400, "dateiname"),
    "absolute": (lambda: form(notice([A]), part("a", b"x", f"/etc/{A}")), 400, "dateiname"),
    "percent": (lambda: form(notice([A]), part("a", b"x", f"..%2F{A}")), 400, "dateiname"),
    "only dots": (lambda: form(notice([A]), part("a", b"x", "..")), 400, "dateiname"),
    "filename*": (lambda: form(notice([A]), part("a", b"x", head=f"; filename*=UTF-8''..%2F{A}")), 400, "dateiname"),
    "path in the XML": (lambda: form(notice([f"../{A}"])), 422, "wert_form"),
    "large file, then a path": (
        lambda: form(notice([A]), part("a", bytes(3_000_000), A), part("b", b"x", "../b")), 400, "dateiname"
    ),
    "sachverhalt on an own root": (lambda: form(notice(), part("sachverhalt", b"{}")), 422, "teil_unzulaessig"),
    "empfaenger on an own root": (
        lambda: form(notice(), part("empfaenger", b"abh:05315000")), 422, "teil_unzulaessig"
    ),
    "sachverhalt is no JSON": (lambda: form(notice(), part("sachverhalt", b"{")), 400, "sachverhalt_json"),
    "sachverhalt is a list": (lambda: form(notice(), part("sachverhalt", b"[]")), 400, "sachverhalt_json"),
    "sachverhalt with half a character": (
        lambda: form(notice(), part("sachverhalt", b'{"anlass": "\\ud800"}')), 400, "zeichen"
    ),
    "bestehen_auf in latin-1": (
        lambda: form(notice(), part("bestehen_auf", "für".encode("latin-1"))), 400, "kodierung"
    ),
    "bestehen_auf with NUL": (lambda: form(notice(), part("bestehen_auf", b"a\0b")), 400, "zeichen"),
    "bestehen_auf too long": (lambda: form(notice(), part("bestehen_auf", b"a" * 2001)), 413, "zu_gross"),
    "field too long": (lambda: form(notice(), part("empfaenger", b"a" * (FIELD_BYTES + 1))), 413, "zu_gross"),
    "XML too large": (lambda: form(b" " * (XML_BYTES + 1)), 413, "zu_gross"),
    "too many files": (
        lambda: form(notice(), *(part("f", b"", f"{n}.txt") for n in range(FILES + 1))), 413, "zu_viele_dateien"
    ),
}  # fmt: skip


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("name", FORM_CASES)
async def test_what_is_not_the_form_that_we_take(world: World, name: str, chunked: bool) -> None:
    build, status, code = FORM_CASES[name]
    body = build()
    with Unchanged(world, events=1):
        if chunked:
            pieces = [body[at : at + 70_000] for at in range(0, len(body), 70_000)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
            answer = await world.post_form("polizei", body, ("Transfer-Encoding", "chunked"))
        else:
            answer = await world.post_form("polizei", body)
        assert_problem(answer, status, code)


async def test_more_than_all_files_may_have_is_refused_before_and_while_it_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Unchanged(world, events=1):  # announced: nothing is read
        length = ("Content-Length", str(MESSAGE_BYTES + FRAMING_BYTES + 1))
        assert_problem(await world.post_form("polizei", b"--grenze\r\n", length), 413, "zu_gross")
    monkeypatch.setattr(forms, "MESSAGE_BYTES", 4_000_000)
    files = [part("a", bytes(2_500_000), A), part("b", bytes(2_500_000), B)]
    with Unchanged(world, events=1):  # the sum of the files
        assert_problem(await world.post_form("polizei", form(notice([A, B]), *files)), 413, "zu_gross")
    monkeypatch.setattr(forms, "FRAMING_BYTES", 1000)
    body = form(notice([A, B]), *files)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:3_000_000], body[3_000_000:])) + b"0\r\n\r\n"
    with Unchanged(world, events=1):  # not announced
        answer = await world.post_form("polizei", chunked, ("Transfer-Encoding", "chunked"))
        assert_problem(answer, 413, "zu_gross")


@pytest.mark.parametrize(
    "start",
    [
        b"Content-Type: application/xml\r\nContent-Length: 5000\r\n\r\n<a>",
        b"Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<a>",
        b"Content-Type: multipart/form-data; boundary=grenze\r\nContent-Length: 9000000\r\n\r\n"
        + form(notice([A]), part("a", bytes(3_000_000), A))[:-20],
        b"Content-Type: multipart/form-data; boundary=grenze\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % 9_000_000
        + form(notice([A]), part("a", bytes(3_000_000), A))[:-20],
    ],
    ids=["xml", "xml chunked", "file", "file chunked"],
)
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_client_that_leaves_in_the_middle_leaves_nothing(
    world: World, start: bytes, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = world.rows()
    _, writer = await world.connect("polizei")
    writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n" + start)
    await writer.drain()
    if b"multipart" in start:
        await world.until(lambda rows: rows["chunk"] > before["chunk"])
    writer.close() if how == "close" else writer.transport.abort()
    await world.until(lambda rows: rows == before | {"event": before["event"] + 1})
    assert json.loads(world.last_event()["detail"])["code"] == "abgebrochen"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR], caplog.text


async def test_broken_chunks_are_answered(world: World, caplog: pytest.LogCaptureFixture) -> None:
    before = world.rows()
    answer = await world.post("jva", b"5\r\n<a>bc\r\nErika Mustermann\r\n", ("Transfer-Encoding", "chunked"))
    assert answer.status == 400
    assert not [line for line in map(Canonical().format, caplog.records) if "Mustermann" in line]
    after = world.rows()
    assert after.pop("event") - before.pop("event") <= 1
    assert after == before


async def test_a_client_that_stops_sending_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "IDLE_S", 0.05)
    with Unchanged(world, events=1):
        answer = await world.post("jva", b"<a>", ("Content-Length", "100"))
        assert_problem(answer, 408, "zeitueberschreitung")


async def test_who_may_not_send(world: World) -> None:
    xml = haft()
    with Unchanged(world, events=0):
        assert_problem(await world.post(None, xml), 401, "nicht_angemeldet")
        assert_problem(await world.post("unbekannt", xml), 403, "zertifikat_unbekannt")
        assert_problem(await world.post("jva", xml, ("Origin", "https://boese.example")), 403, "origin")
        assert_problem(await world.post("jva", xml, ("Origin", "null")), 403, "origin")
        assert_problem(await world.post("jva", xml, ("Client-Cert", ":MIIB:")), 400, "client_cert")
        assert_problem(await world.post("jva", xml, ("Client-Cert-Chain", ":MIIB:")), 400, "client_cert")
        assert_problem(await world.post(None, xml, ("Client-Cert", ":MIIB:")), 400, "client_cert")
    for client, code in [
        ("polizei", "absender_fremd"),
        ("koeln", "absender_fremd"),
        ("revision", "rolle"),
        ("betrieb", "rolle"),
    ]:
        with Unchanged(world, events=1):
            assert_problem(await world.post(client, xml), 403, code)


@pytest.mark.parametrize(("client", "reason"), [("abgelaufen", "abgelaufen"), ("zwilling", "fremd")])
async def test_an_expired_or_foreign_certificate_ends_the_handshake(
    world: World, client: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    status = f"http://127.0.0.1:{world.hub.listeners.ports['status']}/metrics"

    async def count() -> int:
        async with aiohttp.ClientSession() as session, session.get(status) as answer:
            lines = (await answer.text()).splitlines()
        wanted = f'gateway_tls_handshake_failures_total{{listener="api",reason="{reason}"}} '
        return sum(int(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))

    before = await count()
    caplog.set_level(logging.WARNING, "gateway.tls")
    with Unchanged(world, events=0), pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await world.post(client, haft())
    assert await count() == before + 1
    assert f"tls handshake failed listener=api reason={reason}" in caplog.text


async def test_the_same_id_with_other_content(world: World) -> None:
    own = str(uuid.uuid4())
    first = notice(eigene_id=own)
    assert (await world.post("polizei", first)).status == 202
    with Unchanged(world, events=1):
        assert_problem(await world.post("polizei", notice(eigene_id=own, tatort_ags="05315000")), 409, "id_vergeben")
    with Unchanged(world, events=1):
        assert_problem(await world.post_form("polizei", form(first, part("bestehen_auf", b"doch"))), 409, "id_vergeben")
    with Unchanged(world, events=1):  # upper case names the same message
        assert_problem(await world.post("polizei", first.replace(own.encode(), own.upper().encode())), 409)


@pytest.mark.parametrize(
    ("media_type", "code"),
    [
        (None, "medientyp"),
        ("text/plain", "medientyp"),
        ("application/json", "medientyp"),
        ("multipart/mixed; boundary=grenze", "medientyp"),
        ("application/x-www-form-urlencoded", "medientyp"),
        ("kein Medientyp", "medientyp"),
        ("application/xml", "content_encoding"),
    ],
)
async def test_another_media_type(world: World, media_type: str | None, code: str) -> None:
    headers = [("Content-Type", media_type)] if media_type else []
    headers += [("Content-Encoding", "gzip")] if code == "content_encoding" else []
    with Unchanged(world, events=0 if code == "content_encoding" else 1):
        assert_problem(await world.send("jva", "POST", "/v1/messages", haft(), *headers), 415, code)


async def test_another_charset_and_no_boundary(world: World) -> None:
    for kind in ("application/xml; charset=iso-8859-1", "multipart/form-data", "multipart/form-data; boundary=\udcff"):
        with Unchanged(world, events=1):
            assert_problem(await world.send("jva", "POST", "/v1/messages", haft(), ("Content-Type", kind)), 400)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/nichts", 404),
        ("POST", "/v1/messages/", 404),
        ("GET", "/V1/inbox", 404),
        ("GET", "/v1/../v1/inbox/x", 404),
        ("GET", "/v1/messages/1", 404),
        ("GET", "/v1/messages/%2e%2e%2fetc%2fpasswd", 404),
        ("GET", "/v1/messages/%ff", 404),
        ("GET", "/v1/messages/' or 1=1 --".replace(" ", "%20"), 404),
        ("GET", f"/v1/messages/{NOBODYS}/parts/x", 404),
        ("GET", f"/v1/messages/{NOBODYS}/parts/99999", 404),
        ("GET", "/v1/messages", 405),
        ("DELETE", "/v1/messages", 405),
        ("PUT", f"/v1/messages/{NOBODYS}", 405),
        ("POST", "/v1/inbox", 405),
        ("TRACE", "/v1/inbox", 405),
    ],
)
async def test_paths_and_methods_that_there_are_not(world: World, method: str, path: str, status: int) -> None:
    with Unchanged(world, events=0):
        answer = await world.send("jva", method, path)
        assert_problem(answer, status)
        assert ("allow" in answer.headers) == (status == 405)


BAD_JSON = [
    b"",
    b"[]",
    b"{",
    b'"x"',
    b'{"a": "\\ud800"}',
    b'{"anlass": "\\u0000"}',
    b'{"von": NaN}',
    b"\xff",
    b"[" * 50_000,
]


@pytest.mark.parametrize("path", ["/v1/messages/search", f"/v1/messages/{NOBODYS}/forward"])
async def test_json_that_is_none(world: World, path: str) -> None:
    kind = ("Content-Type", "application/json")
    with Unchanged(world, events=0):
        for raw in BAD_JSON:
            assert_problem(await world.send("jva", "POST", path, raw, kind), 400)
        assert_problem(await world.send("jva", "POST", path, b"{}", ("Content-Type", "text/json")), 415)
        assert_problem(await world.send("jva", "POST", path, b" " * (web.JSON_BYTES + 1), kind), 413)
        assert_problem(await world.send("jva", "POST", path, b'{"unbekannt": 1}', kind), 400, "unbekannte_angabe")


@pytest.mark.parametrize(
    "query",
    [
        {"anzahl": 0}, {"anzahl": 201}, {"anzahl": True}, {"anzahl": "5"}, {"anzahl": 1.0}, {"anzahl": -1},
        {"von": "gestern"}, {"von": 5}, {"von": "0001-01-01"}, {"von": "0001-01-01T00:00:00+14:00"},
        {"bis": "1969-12-31"},
        {"bis": "9999-12-31T23:59:59-12:00"}, {"von": "2026-02-30"}, {"bis": ""},
        {"nach": "x"}, {"nach": "bnVsbA=="}, {"nach": "WzEsIDJd"}, {"nach": "WzFlNDAwLCAiYSJd"}, {"nach": "ä"},
        {"nach": "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwLCAiYSJd"}, {"nach": "e30="}, {"nach": "W1tbW1tbW1tb"},
        {"status": 5}, {"status": ["zugestellt"]}, {"absender": {}}, {"aktenzeichen": "x" * 201}, {"azr_nummer": ""},
    ],
)  # fmt: skip
async def test_a_search_that_cannot_be_read(world: World, query: dict[str, object]) -> None:
    with Unchanged(world, events=0):
        assert_problem(await world.call("jva", "POST", "/v1/messages/search", query), 400, "wert")


async def test_the_answer_to_an_official_root_without_its_pack(world: World) -> None:
    xml = b'<x:nachricht.gds.basisnachricht.0005006 xmlns:x="http://www.xjustiz.de"/>'
    facts = json.dumps({"anlass": "weitere_mitteilung", "absender": STA, "empfaenger": KOELN}).encode()
    with Unchanged(world, events=1):
        assert_problem(await world.post_form("sta", form(xml, part("sachverhalt", facts))), 422, "wurzel_unbekannt")


async def test_nothing_of_all_this_was_an_error_of_ours(world: World, tmp_path: Path) -> None:
    assert (await world.post("jva", haft())).status == 202, "and the gateway still works"
    assert await world.search("jva", absender=JVA)
