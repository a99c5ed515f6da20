from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import Result
from cryptography.hazmat.primitives.serialization import Encoding
from multipart import parse_options_header

from gateway.accept.form import FileBytes, FileEnds, FileStarts, Form
from gateway.cli.profile import read_profile
from gateway.demo.cast import free_port
from gateway.errors import Befund, Conflict, Invalid, Overloaded, TooLarge
from gateway.pki import hash_of_certificate, load_certificates
from gateway.pki_issue import Request

from .conftest import Peer, Pki

Run = Callable[..., Result]

DECISION = {
    "entscheidung": "zustellen",
    "empfaenger": ["abh:05315000"],
    "nummer": "3.2 Satz 1",
    "vorlaeufig": True,
    "begruendung": [{"nummer": "3.2 Satz 1", "text": "Zuständig ist die Behörde am Haftort.", "auslegung": False}],
    "hinweise": [{"text": "Bitte prüfen.", "vorschlag": "zab:koeln"}],
}
ACCEPTED = {"id": "0190c6a0-0000-7000-8000-000000000001", "status": "angenommen", "entscheidung": DECISION}


@pytest.fixture
def message(tmp_path: Path) -> Path:
    path = tmp_path / "haft.xml"
    path.write_bytes('<?xml version="1.0"?>\r\n<a>ä</a>'.encode())
    return path


def fields_and_files(peer: Peer) -> tuple[dict[str, bytes], dict[str, tuple[str, bytes]]]:
    """The last body, read by the gateway's own parser."""
    last = peer.received[-1]
    media_type, options = parse_options_header(last.headers["Content-Type"])
    assert media_type == "multipart/form-data"
    form = Form(options["boundary"])
    files: dict[str, tuple[str, bytes]] = {}
    name = ""
    for event in form.feed(last.body):
        match event:
            case FileStarts(name, media_type):
                files[name] = (media_type, b"")
            case FileBytes(data):
                files[name] = (files[name][0], files[name][1] + data)
            case FileEnds():
                pass
    form.finish()
    return form.fields, files


@pytest.mark.parametrize("status", [202, 200])
def test_a_lone_message_goes_as_xml(run: Run, peer: Peer, keys: Pki, message: Path, status: int) -> None:
    peer.answer("POST", "/v1/messages", ACCEPTED, status)
    result = run("send", message, "--url", peer.url, *keys.client())
    assert result.exit_code == 0, result.output
    (received,) = peer.received
    assert received.body == message.read_bytes()
    assert received.headers["Content-Type"] == "application/xml"
    assert received.headers["Content-Length"] == str(len(received.body))
    certificate = load_certificates(keys.folder / "client.crt")[0]
    assert received.certificate == hash_of_certificate(certificate.public_bytes(Encoding.DER))
    assert result.stdout.splitlines() == [
        f"{ACCEPTED['id']}  angenommen",
        "Entscheidung: zustellen an abh:05315000 (vorläufig)",
        "  Nr. 3.2 Satz 1: Zuständig ist die Behörde am Haftort.",
        "  Hinweis: Bitte prüfen. (Vorschlag: zab:koeln)",
    ]


def test_json_is_the_gateways_answer(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    peer.answer("POST", "/v1/messages", ACCEPTED, 202)
    result = run("send", message, "--url", f"{peer.url}/v1/", *keys.client(), "--json")
    assert json.loads(result.stdout) == ACCEPTED


def test_files_and_fields_arrive_as_the_gateway_reads_them(
    run: Run, peer: Peer, keys: Pki, message: Path, tmp_path: Path
) -> None:
    peer.answer("POST", "/v1/messages", ACCEPTED, 202)
    (tmp_path / "Haftbefehl Köln.pdf").write_bytes(os.urandom(3_000_000))
    (tmp_path / "leer.bin").write_bytes(b"")
    (tmp_path / "facts.json").write_text('{"anlass": "weitere_mitteilung"}')
    result = run(
        *("send", message, "--url", peer.url, *keys.client()),
        *("--attachment", tmp_path / "Haftbefehl Köln.pdf", "--attachment", tmp_path / "leer.bin"),
        *("--sachverhalt", tmp_path / "facts.json", "--empfaenger", "abh:05315000", "--bestehen-auf", "Weil nötig."),
    )
    assert result.exit_code == 0, result.output
    fields, files = fields_and_files(peer)
    assert fields == {
        "nachricht": message.read_bytes(),
        "sachverhalt": b'{"anlass": "weitere_mitteilung"}',
        "empfaenger": b"abh:05315000",
        "bestehen_auf": "Weil nötig.".encode(),
    }
    assert files == {
        "Haftbefehl Köln.pdf": ("application/pdf", (tmp_path / "Haftbefehl Köln.pdf").read_bytes()),
        "leer.bin": ("application/octet-stream", b""),
    }
    assert int(peer.received[-1].headers["Content-Length"]) == len(peer.received[-1].body)


def test_a_refusal_is_told_with_place_and_number(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    refusal = Invalid(
        "Die Nachricht verletzt ihr Schema.",
        Befund("schema", "Das Element „ort“ fehlt.", zeile=7, xpath="/a/b"),
        Befund("regel", "Das Datum liegt in der Zukunft.", nummer="3.1"),
    )
    peer.answer("POST", "/v1/messages", refusal.as_problem(), 422)
    result = run("send", message, "--url", peer.url, *keys.client())
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Abgewiesen (422): Die Nachricht verletzt ihr Schema.",
        "  Zeile 7, /a/b: Das Element „ort“ fehlt.",
        "  Das Datum liegt in der Zukunft. (Nr. 3.1)",
    ]


def test_an_inadmissible_notice_shows_its_reasons(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    peer.answer("POST", "/v1/messages", Invalid("Unzulässig.", entscheidung=DECISION).as_problem(), 422)
    result = run("send", message, "--url", peer.url, *keys.client())
    assert result.exit_code == 1
    assert "Nr. 3.2 Satz 1" in result.stderr


def test_a_conflict_is_said_once(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    peer.answer("POST", "/v1/messages", Conflict().as_problem(), 409)
    result = run("send", message, "--url", peer.url, *keys.client())
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_an_answer_cannot_steer_the_terminal(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    peer.answer("POST", "/v1/messages", Invalid("rot\x1b[31m\x07").as_problem(), 422)
    assert "\x1b" not in run("send", message, "--url", peer.url, *keys.client()).stderr


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (503, json.dumps(Overloaded(retry_after=30).as_problem()).encode(), "frühestens in 30 s"),
        (429, json.dumps(Overloaded().as_problem()).encode(), "HTTP 429"),
        (502, b"<html>Bad Gateway</html>", "HTTP 502: vorübergehend gestört"),
        (404, b"<html>nothing</html>", "spricht dort wirklich das Gateway?"),
        (301, b"", "spricht dort wirklich das Gateway?"),
        (202, b"<html>Willkommen</html>", "kein JSON"),
    ],
)
def test_what_may_work_later_is_exit_3(
    run: Run, peer: Peer, keys: Pki, message: Path, status: int, body: bytes, text: str
) -> None:
    headers = {"Retry-After": "30"} if status == 503 else {"Location": "/elsewhere"} if status == 301 else {}
    peer.answer("POST", "/v1/messages", body, status, headers=headers)
    result = run("send", message, "--url", peer.url, *keys.client())
    assert result.exit_code == 3
    assert text in result.stderr
    assert len(peer.received) == 1


def test_a_broken_answer_is_exit_3(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    def cut() -> web.StreamResponse:
        raise ConnectionResetError

    peer.answers["POST", "/v1/messages"] = cut
    result = run("send", message, "--url", peer.url, *keys.client())
    assert result.exit_code == 3
    assert result.stderr.startswith(peer.url)


def test_a_refusal_in_the_middle_of_a_long_upload_is_heard(
    run: Run, peer: Peer, keys: Pki, message: Path, tmp_path: Path
) -> None:
    peer.answer("POST", "/v1/messages", TooLarge("Zu groß.").as_problem(), 413)
    peer.hasty = True
    (tmp_path / "gross.bin").write_bytes(bytes(8_000_000))
    result = run("send", message, "--attachment", tmp_path / "gross.bin", "--url", peer.url, *keys.client())
    assert result.exit_code == 1
    assert "Zu groß." in result.stderr


def test_nobody_listens(run: Run, keys: Pki, message: Path) -> None:
    result = run("send", message, "--url", f"https://127.0.0.1:{free_port()}", *keys.client())
    assert result.exit_code == 3
    assert "keine Verbindung (Connection refused)" in result.stderr


def test_a_gateway_of_another_ca_is_not_spoken_to(run: Run, peer: Peer, keys: Pki, message: Path) -> None:
    options = keys.client()
    (keys.folder / "ca.crt").write_text(keys.ca.twin().pem)
    result = run("send", message, "--url", peer.url, *options)
    assert result.exit_code == 3
    assert "--ca" in result.stderr
    assert not peer.received


@pytest.mark.parametrize("evil", ["expired", "foreign"])
def test_a_bad_client_certificate_gets_nowhere(run: Run, peer: Peer, keys: Pki, message: Path, evil: str) -> None:
    pair = (
        keys.ca.issue_expired("tls", "gds:R8088")
        if evil == "expired"
        else keys.ca.twin().issue(Request(purpose="tls", name="gds:R8088"))
    )
    result = run("send", message, "--url", peer.url, *keys.client(pair, evil))
    assert result.exit_code == 3
    assert "Client-Zertifikat" in result.stderr
    assert not peer.received
    assert sum(peer.failures.counts.values()) == 1


def test_used_wrongly(run: Run, keys: Pki, message: Path, tmp_path: Path) -> None:
    options = keys.client()
    assert run("send", message).exit_code == 2
    for url in ("http://127.0.0.1", "https://", "https://localhost:", "https://a@b", "https://a b", "https://a?b"):
        assert run("send", message, "--url", url, *options).exit_code == 2
    assert run("send", tmp_path / "missing.xml", "--url", "https://127.0.0.1", *options).exit_code == 2
    (keys.folder / "client.key").unlink()
    result = run("send", message, "--url", "https://127.0.0.1:1", *options)
    assert result.exit_code == 2
    assert "client.crt" in result.stderr


def test_a_profile_stands_for_the_options(
    run: Run, peer: Peer, keys: Pki, message: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.answer("POST", "/v1/messages", ACCEPTED, 202)
    keys.client()
    profile = f'url = "{peer.url}"\ncert = "client.crt"\nkey = "client.key"\nca = "ca.crt"\n'
    (keys.folder / "profile.toml").write_text(f'[jva]\n{profile}[kaputt]\nport = 1\n[leer]\nurl = "{peer.url}"\n')
    monkeypatch.setenv("GATEWAY_PROFILE", str(keys.folder / "profile.toml"))
    assert run("send", message, "--profil", "jva").exit_code == 0
    assert run("send", message).exit_code == 2
    unknown = run("send", message, "--profil", "sta")
    assert unknown.exit_code == 2
    assert "vorhanden: jva, kaputt, leer" in unknown.stderr
    assert run("send", message, "--profil", "kaputt").exit_code == 2
    assert "--cert, --key fehlt" in run("send", message, "--profil", "leer").stderr
    # Options win.
    assert run("send", message, "--profil", "jva", "--url", "https://127.0.0.1:1").exit_code == 3


def test_the_default_profile_in_the_home_folder(run: Run, peer: Peer, keys: Pki, message: Path, tmp_path: Path) -> None:
    peer.answer("POST", "/v1/messages", ACCEPTED, 202)
    keys.client()
    folder = tmp_path / "home" / ".config" / "gateway"
    folder.mkdir(parents=True)
    lines = [
        f'{name} = "{keys.folder}/{file}"'
        for name, file in [("cert", "client.crt"), ("key", "client.key"), ("ca", "ca.crt")]
    ]
    (folder / "profile.toml").write_text("\n".join(["[standard]", f'url = "{peer.url}"', *lines]))
    assert run("send", message).exit_code == 0
    (folder / "profile.toml").write_text("kein toml")
    assert run("send", message).exit_code == 2


def test_no_profile_file_is_no_profile(tmp_path: Path) -> None:
    assert read_profile(tmp_path / "none.toml", None) == {}
