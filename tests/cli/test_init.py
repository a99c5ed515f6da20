from __future__ import annotations

import asyncio
import json
import re
import stat
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from pydantic import BaseModel

from gateway import pki, tls
from gateway.cli import init
from gateway.cli.init_template import render
from gateway.config import Config, Zugang, load, parse
from gateway.config_proxy import Proxy
from gateway.config_signon import Anmeldung
from gateway.config_tables import Postausgang
from gateway.kek import load_keks
from gateway.store import open_database

Run = Callable[..., Result]


def test_a_new_gateway_is_complete_and_loads(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "hub"
    result = run("init", folder, "--kennung", "gw:koeln", "--eigene", "abh:05315000", "--eigene", "zab:koeln")
    assert result.exit_code == 0, result.output
    config = load(folder / "gateway.toml")
    assert config.gateway.kennung == "gw:koeln"
    assert config.gateway.eigene == ("abh:05315000", "zab:koeln")
    for purpose in pki.PURPOSES:
        (pair,) = pki.load_pairs(config.schluessel.files(purpose), purpose, datetime.now(UTC))
        assert "gw:koeln" in pair.certificate.subject.rfc4514_string()
    assert len(load_keks(config.store.schluessel)) == 1
    contexts = tls.listener_contexts(config, datetime.now(UTC), tls.HandshakeFailures())
    assert contexts.keys() == {"api", "as2", "betrieb", "mail"}
    assert (folder / "packs").is_dir()

    async def partners() -> int:
        store = await open_database(config.store.url)
        rows = await store.fetch("partners")
        await store.close()
        return len(rows)

    assert (folder / "gateway.db").is_file()
    assert asyncio.run(partners()) == 0


def test_everything_belongs_to_its_owner_alone(run: Run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "hub").exit_code == 0
    made = [tmp_path / "hub", *(tmp_path / "hub").rglob("*")]
    assert len(made) > 12
    assert not [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "hub/keys").iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["gateway.toml", "keys", "gateway.db"])
def test_nothing_is_overwritten(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / name).write_text("meins")
    result = run("init", tmp_path / "hub")
    assert result.exit_code == 1
    assert name in result.stderr
    assert [path.name for path in (tmp_path / "hub").iterdir()] == [name]
    assert (tmp_path / "hub" / name).read_text() == "meins"


@pytest.mark.parametrize(
    "options", [["--kennung", "abh:05315000"], ["--eigene", "koeln"], ["--host", "kölner host"], ["--mail", "ä@b"]]
)
def test_impossible_values_leave_nothing(run: Run, tmp_path: Path, options: list[str]) -> None:
    result = run("init", tmp_path / "hub", *options)
    assert result.exit_code == 2
    assert result.stderr
    assert not (tmp_path / "hub").exists()


def test_a_failure_half_way_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(url: str) -> None:
        (tmp_path / "hub" / "gateway.db").write_text("halb")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(init, "_make_database", full)
    result = run("init", tmp_path / "hub")
    assert result.exit_code == 3
    assert "nichts wurde angelegt" in result.stderr
    assert list((tmp_path / "hub").iterdir()) == []


def test_json_and_rsa(run: Run, tmp_path: Path) -> None:
    result = run("init", tmp_path / "hub", "--schluessel", "rsa", "--json")
    certificates = json.loads(result.stdout)["zertifikate"]
    files = load(tmp_path / "hub/gateway.toml").schluessel.files("sign")
    assert certificates["sign"]["sha256"] == pki.load_pair(files[0]).sha256
    assert "RSA" in type(pki.load_pair(files[0]).key).__name__


def tables() -> list[tuple[str, str]]:
    found = []
    for name, setting in Config.model_fields.items():
        table = setting.annotation
        table = {"postausgang": Postausgang, "anmeldung": Anmeldung, "proxy": Proxy, "zugang": Zugang}.get(name, table)
        assert isinstance(table, type)
        assert issubclass(table, BaseModel)
        found += [(name, key) for key in table.model_fields]
    return found


@pytest.mark.parametrize(("table", "key"), tables())
def test_the_written_file_names_every_setting(table: str, key: str) -> None:
    section = re.split(r"^#? ?\[+", render("gw:nrw", []), flags=re.MULTILINE)
    (mine,) = [part for part in section if part.startswith(f"{table}]")]
    assert re.search(rf"^(# )?{key} = ", mine, flags=re.MULTILINE)


def test_the_written_values_are_the_defaults() -> None:
    text = render("gw:nrw", [])
    path = Path("/etc/gateway.toml")
    assert parse(text, path) == parse('[gateway]\nkennung = "gw:nrw"\n', path)


def test_the_examples_in_comments_are_valid_too() -> None:
    lines = [re.sub(r"^# (?=(\[+\w+\]+$|\w+ = ))", "", line) for line in render("gw:nrw", []).splitlines()]
    text = "\n".join(lines).replace('"…"', f'"{"0a" * 32}"')
    config = parse(text, Path("/etc/gateway.toml"))
    assert config.postausgang is not None
    assert len(config.zugang) == 1
    assert set(tomllib.loads(text)) == set(Config.model_fields)
