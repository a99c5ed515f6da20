"""The configuration's keys that protect the store: from files and the environment (tokens: test_keys_elsewhere.py)."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from gateway.config import ConfigError, parse
from gateway.kek import load_keks
from gateway.pki import PkiError, write_new
from gateway.store.keyring import PlainKek

KEY = secrets.token_bytes(32)
LEAST = '[gateway]\nkennung = "gw:nrw"\n[store]\n'


def test_a_file_and_a_variable_hold_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_new(tmp_path / "store.key", KEY.hex().encode())
    monkeypatch.setenv("GATEWAY_STORE_KEY", base64.b64encode(KEY).decode() + "\n")
    found = load_keks([str(tmp_path / "store.key"), "env:GATEWAY_STORE_KEY"])
    assert {each.id for each in found} == {PlainKek(KEY).id}
    assert KEY.hex()[:16] not in found[0].id


@pytest.mark.parametrize("value", [None, "", "zu kurz", 33 * "5a"])
def test_a_variable_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("GATEWAY_STORE_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("GATEWAY_STORE_KEY", value)
    with pytest.raises(PkiError, match="env:GATEWAY_STORE_KEY") as caught:
        load_keks(["env:GATEWAY_STORE_KEY"])
    assert not value or value not in str(caught.value)


def test_entries_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    one = parse(LEAST + 'schluessel = "keys/a"\n', path).store.schluessel
    many = parse(LEAST + 'schluessel = ["keys/b", "/etc/a", "env:OLD_KEY"]\n', path).store.schluessel
    assert one == (str(tmp_path / "keys/a"),)
    assert many == (str(tmp_path / "keys/b"), "/etc/a", "env:OLD_KEY")
    for wrong in ("[]", '"env:"', '"env:A B"', "7"):
        with pytest.raises(ConfigError, match="schluessel"):
            parse(LEAST + f"schluessel = {wrong}\n", path)
