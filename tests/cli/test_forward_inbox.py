from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from gateway import pki
from gateway.cli.inbox import sign_detached
from gateway.errors import Invalid
from gateway.message import Teil
from gateway.partner import Algorithmen
from gateway.pki_issue import Kind, Request
from gateway.seal.signed import SignatureRefused, verify
from gateway.settle.inbox_ack import ack_content

from .conftest import Peer, Pki

Run = Callable[..., Result]

MESSAGE = "0190c6a0-0000-7000-8000-000000000001"
ENTRY = "0190c6a0-0000-7000-8000-000000000002"
PARTS = [("nachricht.xml", b"<a/>"), ("Urteil Köln.pdf", b"%PDF" * 100_000)]


def entry(parts: list[tuple[str, bytes]] = PARTS) -> dict[str, object]:
    return {
        "id": ENTRY,
        "nachricht": MESSAGE,
        "absender": "gds:R8088",
        "teile": [
            {"n": n, "name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for n, (name, data) in enumerate(parts)
        ],
    }


@pytest.fixture
def inbox(peer: Peer) -> Peer:
    peer.answer("GET", "/v1/inbox", {"eintraege": [entry()]})
    for n, (_, data) in enumerate(PARTS):
        peer.answer("GET", f"/v1/messages/{MESSAGE}/parts/{n}", data)
    peer.answer("POST", f"/v1/inbox/{ENTRY}/ack", {"id": ENTRY, "status": "zugestellt"})
    return peer


@pytest.fixture
def options(peer: Peer, keys: Pki) -> list[str]:
    return ["--url", peer.url, *keys.client()]


# --- forward ---------------------------------------------------------------------------------------------------------


def test_forward_says_what_it_knows(run: Run, peer: Peer, options: list[str]) -> None:
    peer.answer("POST", f"/v1/messages/{MESSAGE}/forward", {"id": ENTRY, "status": "angenommen"}, 202)
    result = run("forward", MESSAGE, "--wohnsitz-ags", "05314000", "--dezernat", "33", "--grund", "Wohnsitz", *options)
    assert result.exit_code == 0, result.output
    assert json.loads(peer.received[-1].body) == {"wohnsitz_ags": "05314000", "dezernat": "33", "grund": "Wohnsitz"}
    assert ENTRY in result.stdout


def test_forward_to_a_named_authority_refused(run: Run, peer: Peer, options: list[str]) -> None:
    peer.answer("POST", f"/v1/messages/{MESSAGE}/forward", Invalid("Das sind Sie selbst.").as_problem(), 422)
    result = run("forward", MESSAGE, "--an", "abh:05314000", "--auflage-ags", "05315000", "--grund", "x", *options)
    assert result.exit_code == 1
    assert "Das sind Sie selbst." in result.stderr
    assert json.loads(peer.received[-1].body)["an"] == "abh:05314000"


def test_forward_used_wrongly(run: Run, options: list[str]) -> None:
    assert run("forward", MESSAGE, *options).exit_code == 2
    assert run("forward", "../inbox", "--grund", "x", *options).exit_code == 2


# --- inbox -----------------------------------------------------------------------------------------------------------


def test_list_is_the_default(run: Run, inbox: Peer, options: list[str]) -> None:
    for args in (["inbox"], ["inbox", "list"]):
        result = run(*args, *options)
        assert result.exit_code == 0, result.output
        assert f"{ENTRY}  von gds:R8088  2 Teile, 400004 Byte" in result.stdout
    assert json.loads(run("inbox", *options, "--json").stdout) == {"eintraege": [entry()]}
    inbox.answer("GET", "/v1/inbox", {"eintraege": []})
    assert "leer" in run("inbox", *options).stdout
    assert "get" in run("inbox", "--help").stdout


def test_get_writes_what_the_inbox_lists(run: Run, inbox: Peer, options: list[str], tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = run("inbox", "get", ENTRY, "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert {path.name: path.read_bytes() for path in out.iterdir()} == dict(PARTS)
    assert not [path for path in (out, *out.iterdir()) if path.stat().st_mode & 0o077]
    again = run("inbox", "get", ENTRY, "--out", out, *options)
    assert again.exit_code == 1
    assert "gibt es schon" in again.stderr


def test_other_content_than_listed_does_not_stay(run: Run, inbox: Peer, options: list[str], tmp_path: Path) -> None:
    inbox.answer("GET", f"/v1/messages/{MESSAGE}/parts/1", b"anders")
    result = run("inbox", "get", ENTRY, "--out", tmp_path / "out", *options)
    assert result.exit_code == 1
    assert "Hashwert" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["nachricht.xml"]


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "..", "", "a\\b", ".profile", "a\nb", "nachricht.xml"])
def test_a_name_cannot_leave_the_folder(run: Run, inbox: Peer, options: list[str], tmp_path: Path, name: str) -> None:
    inbox.answer("GET", "/v1/inbox", {"eintraege": [entry([PARTS[0], (name, PARTS[1][1])])]})
    result = run("inbox", "get", ENTRY, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"nachricht.xml", "teil-1"}


def test_an_unknown_entry(run: Run, inbox: Peer, options: list[str], tmp_path: Path) -> None:
    result = run("inbox", "get", MESSAGE, "--out", tmp_path / "out", *options)
    assert result.exit_code == 1
    assert "kein offener Eintrag" in result.stderr


@pytest.mark.parametrize("page", [[], {"eintraege": 1}, {}])
def test_an_unreadable_inbox(run: Run, inbox: Peer, options: list[str], page: object) -> None:
    inbox.answer("GET", "/v1/inbox", page)
    assert run("inbox", *options).exit_code == 3


def test_an_unreadable_entry(run: Run, inbox: Peer, options: list[str], tmp_path: Path) -> None:
    inbox.answer("GET", "/v1/inbox", {"eintraege": [{"id": ENTRY, "teile": [{"n": "eins"}]}]})
    assert run("inbox", "get", ENTRY, "--out", tmp_path / "out", *options).exit_code == 3


# --- ack -------------------------------------------------------------------------------------------------------------


def signer(keys: Pki, kind: Kind = "p256") -> tuple[pki.KeyPair, list[str]]:
    pair = keys.ca.issue(Request(purpose="sign", name="gds:R8088", kind=kind))
    files = pki.write_pair(pair, keys.folder / f"sign-{kind}")
    return pair, ["--sign-cert", str(files.crt), "--sign-key", str(files.key)]


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_an_ack_is_a_signature_that_the_gateway_verifies(
    run: Run, inbox: Peer, options: list[str], keys: Pki, kind: Kind
) -> None:
    pair, sign = signer(keys, kind)
    result = run("inbox", "ack", ENTRY, *sign, *options)
    assert result.exit_code == 0, result.output
    received = inbox.received[-1]
    assert received.headers["Content-Type"] == "application/pkcs7-signature"
    digests = [hashlib.sha256(data).hexdigest() for _, data in PARTS]
    content = f"{ENTRY} {digests[0]} {digests[1]}".encode()
    verified = verify(content, received.body, [pair.certificate], Algorithmen(), datetime.now(UTC))
    assert verified.signer == pair.certificate
    with pytest.raises(SignatureRefused):
        verify(content + b" ", received.body, [pair.certificate], Algorithmen(), datetime.now(UTC))


def test_an_ack_of_fetched_files(run: Run, inbox: Peer, options: list[str], keys: Pki, tmp_path: Path) -> None:
    _, sign = signer(keys)
    out = tmp_path / "out"
    assert run("inbox", "get", ENTRY, "--out", out, *options).exit_code == 0
    (out / "nachricht.xml").write_bytes(b"<b/>")
    changed = run("inbox", "ack", ENTRY, "--dir", out, *sign, *options)
    assert changed.exit_code == 1
    assert "nachricht.xml" in changed.stderr
    (out / "nachricht.xml").unlink()
    assert run("inbox", "ack", ENTRY, "--dir", out, *sign, *options).exit_code == 1
    assert not [each for each in inbox.received if each.method == "POST"]
    (out / "nachricht.xml").write_bytes(PARTS[0][1])
    assert run("inbox", "ack", ENTRY, "--dir", out, *sign, *options).exit_code == 0


def test_an_ack_needs_a_signer(run: Run, inbox: Peer, options: list[str], keys: Pki) -> None:
    assert run("inbox", "ack", ENTRY, *options).exit_code == 2
    _, sign = signer(keys)
    (keys.folder / "sign-p256.key").chmod(0o644)
    result = run("inbox", "ack", ENTRY, *sign, *options)
    assert result.exit_code == 2
    assert "chmod 600" in result.stderr


def test_an_ack_that_is_refused(run: Run, inbox: Peer, options: list[str], keys: Pki) -> None:
    inbox.answer("POST", f"/v1/inbox/{ENTRY}/ack", Invalid("Die Signatur passt nicht.").as_problem(), 422)
    _, sign = signer(keys)
    result = run("inbox", "ack", ENTRY, *sign, *options)
    assert result.exit_code == 1
    assert "Die Signatur passt nicht." in result.stderr


def test_a_signature_names_its_signer_alone(keys: Pki) -> None:
    pair, _ = signer(keys)
    other = keys.ca.issue(Request(purpose="sign", name="gds:R8088"))
    content = ack_content(ENTRY, [Teil(0, "a", "", "ab" * 32, 1)])
    with pytest.raises(SignatureRefused):
        verify(content, sign_detached(content, other), [pair.certificate], Algorithmen(), datetime.now(UTC))
