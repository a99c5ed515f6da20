"""Four key pairs, each for one thing (wire.md section 1)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway import pki
from gateway.config import load
from gateway.service.keys import OwnKeys


@pytest.fixture
def folder(run: Callable[..., Result], tmp_path: Path) -> Path:
    assert run("init", tmp_path / "hub").exit_code == 0
    return tmp_path / "hub"


def own_keys(folder: Path) -> OwnKeys:
    return OwnKeys.load(load(folder / "gateway.toml"), datetime.now(UTC))


def test_the_uses_have_keys_of_their_own_and_receipts_the_signatures(folder: Path) -> None:
    keys = own_keys(folder).pairs
    assert len({pair.sha256 for found in keys.values() for pair in found}) == 4
    for use, stands_for in (("mdn", "sign"), ("tls_client", "tls")):
        assert [pair.sha256 for pair in keys[use]] == [pair.sha256 for pair in keys[stands_for]]  # type: ignore[index]


@pytest.mark.parametrize(("use", "before"), [("encrypt", "sign"), ("tls", "encrypt"), ("log", "sign")])
def test_one_key_for_two_purposes_is_refused(folder: Path, use: str, before: str) -> None:
    for ending in (".key", ".crt"):
        shutil.copy2(folder / f"keys/{before}{ending}", folder / f"keys/{use}{ending}")
    with pytest.raises(pki.PkiError, match=rf"\[schluessel\] {use} nennt den Schlüssel von {before}"):
        own_keys(folder)


def test_another_certificate_of_the_same_key_is_the_same_key(folder: Path) -> None:
    (sign,) = load(folder / "gateway.toml").schluessel.files("sign")
    key, now = pki.load_pair(sign).key, datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw:nrw")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(days=1), now + timedelta(days=9))
    (folder / "keys/encrypt.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    shutil.copy2(sign.key, folder / "keys/encrypt.key")
    with pytest.raises(pki.PkiError, match="nennt den Schlüssel von sign"):
        own_keys(folder)
