from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway import pki
from gateway.pki import PURPOSES, KeyPair, PkiError, PrivateKey, Purpose
from gateway.pki_issue import DevelopmentCa, Kind, Request, self_signed, wrong_key

NOW = datetime.now(UTC)


def write_key(path: Path, key: PrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> None:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock))
    path.chmod(0o600)


@pytest.mark.parametrize("kind", ["p256", "rsa"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_pair_comes_back_from_its_files(tmp_path: Path, purpose: Purpose, kind: Kind) -> None:
    pair = self_signed(Request(purpose=purpose, name="gw:nrw", kind=kind, hosts=("localhost",)))
    files = pki.write_pair(pair, tmp_path / purpose)
    read = pki.load_pair(files, purpose)
    assert read.der == pair.der
    assert read.files == files
    assert {stat.S_IMODE(each.stat().st_mode) for each in (files.key, files.crt)} == {0o600}
    assert not list(tmp_path.glob(".*"))


def test_one_key_one_use() -> None:
    ca = DevelopmentCa.create()
    usage = {
        (purpose, kind): ca.issue(Request(purpose=purpose, name="x", kind=kind))
        .certificate.extensions.get_extension_for_class(x509.KeyUsage)
        .value
        for purpose, kind in [("sign", "p256"), ("encrypt", "p256"), ("encrypt", "rsa")]
    }
    assert usage["sign", "p256"].digital_signature
    assert not usage["sign", "p256"].key_agreement
    assert usage["encrypt", "p256"].key_agreement
    assert not usage["encrypt", "p256"].digital_signature
    assert usage["encrypt", "rsa"].key_encipherment
    assert not usage["encrypt", "rsa"].key_agreement


def test_the_ca_signs_and_its_twin_does_not() -> None:
    ca = DevelopmentCa.create()
    twin = ca.twin()
    certificate = ca.issue(Request(purpose="tls", name="gds:R8088")).certificate
    certificate.verify_directly_issued_by(ca.certificate)
    assert twin.certificate.subject == ca.certificate.subject
    with pytest.raises(InvalidSignature):
        certificate.verify_directly_issued_by(twin.certificate)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    pki.write_store_key(tmp_path / "store.key")
    before = (tmp_path / "store.key").read_bytes()
    with pytest.raises(FileExistsError, match=r"store\.key"):
        pki.write_store_key(tmp_path / "store.key")
    assert (tmp_path / "store.key").read_bytes() == before


def test_the_newest_valid_pair_comes_first_and_old_ones_stay(tmp_path: Path) -> None:
    ca = DevelopmentCa.create()
    names = {
        "old": (-400, -10),
        "current": (-200, 100),
        "newer": (-5, 300),
        "future": (5, 400),
    }
    files = []
    for name, (start, end) in names.items():
        window = Request(purpose="sign", name=name, ab=NOW + timedelta(days=start), bis=NOW + timedelta(days=end))
        files.append(pki.write_pair(ca.issue(window), tmp_path / name))
    order = [pair.certificate.subject.rfc4514_string() for pair in pki.load_pairs(files, "sign", NOW)]
    assert order == ["CN=newer", "CN=current", "CN=future", "CN=old"]
    with pytest.raises(PkiError, match="heute gültig"):
        pki.load_pairs(files[:1], "sign", NOW)
    with pytest.raises(PkiError, match="heute gültig"):
        pki.load_pairs([], "sign", NOW)


def test_the_wrong_key_is_refused(tmp_path: Path) -> None:
    pair = DevelopmentCa.create().issue(Request(purpose="sign", name="x"))
    with pytest.raises(PkiError, match="gehört nicht zum Schlüssel"):
        pki.load_pair(pki.write_pair(wrong_key(pair), tmp_path / "sign"))


def test_a_pair_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "sign.crt").write_text("meins")
    with pytest.raises(FileExistsError, match=r"sign\.crt"):
        pki.write_pair(self_signed(Request(purpose="sign", name="x")), tmp_path / "sign")
    assert [path.name for path in tmp_path.iterdir()] == ["sign.crt"]


@pytest.mark.parametrize(
    ("key", "purpose", "text"),
    [
        (rsa.generate_private_key(65537, 2048), "sign", "mindestens 3072"),
        (ec.generate_private_key(ec.SECP224R1()), "sign", "secp224r1 nicht erlaubt"),
        (ec.generate_private_key(ec.BrainpoolP256R1()), "tls", "brainpoolP256r1 nicht erlaubt"),
        (ed25519.Ed25519PrivateKey.generate(), "sign", "Schlüsselart"),
    ],
)
def test_weak_and_foreign_kinds_of_keys_are_refused(
    tmp_path: Path, key: PrivateKey | ed25519.Ed25519PrivateKey, purpose: Purpose, text: str
) -> None:
    files = pki.write_pair(self_signed(Request(purpose=purpose, name="x")), tmp_path / "a")
    write_key(files.key, key)
    with pytest.raises(PkiError, match=text):
        pki.load_pair(files, purpose)


def test_unusable_key_files(tmp_path: Path) -> None:
    pair = self_signed(Request(purpose="sign", name="x"))
    files = pki.write_pair(pair, tmp_path / "sign")
    files.key.chmod(0o644)
    with pytest.raises(PkiError, match="chmod 600"):
        pki.load_pair(files)
    write_key(files.key, pair.key, password=b"geheim")
    with pytest.raises(PkiError, match="Kennwort"):
        pki.load_pair(files)
    files.key.write_text("-----BEGIN PRIVATE KEY-----\nunsinn\n-----END PRIVATE KEY-----\n")
    with pytest.raises(PkiError, match="kein lesbarer privater Schlüssel") as caught:
        pki.load_pair(files)
    assert "unsinn" not in str(caught.value)
    files.key.unlink()
    with pytest.raises(PkiError, match="nicht lesbar"):
        pki.load_pair(files)


def test_the_key_is_not_in_repr() -> None:
    pair = self_signed(Request(purpose="sign", name="x"))
    assert "PrivateKey" not in repr(pair)
    assert "key=" not in repr(DevelopmentCa.create())


def test_store_key_in_hex_and_base64(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    for text, expected in [
        ("ab" * 32 + "\n", b"\xab" * 32),
        ("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=", b"\xab" * 32),
    ]:
        path.write_text(text)
        path.chmod(0o600)
        assert pki.load_store_key(path) == expected
    for text in ("", "ab" * 31, "zz" * 32, "ä" * 32, "q6s="):
        path.write_text(text)
        with pytest.raises(PkiError, match="32 Byte"):
            pki.load_store_key(path)
    path.write_text("ab" * 32)
    path.chmod(0o604)
    with pytest.raises(PkiError, match="zu weit"):
        pki.load_store_key(path)


def test_anchors_are_read_from_a_folder(tmp_path: Path) -> None:
    assert pki.load_anchors(tmp_path) == []
    one, two = DevelopmentCa.create("eins"), DevelopmentCa.create("zwei")
    (tmp_path / "b.crt").write_text(two.pem)
    (tmp_path / "a.pem").write_text(one.pem)
    (tmp_path / "README").write_text("kein Zertifikat")
    assert pki.load_anchors(tmp_path) == [one.certificate, two.certificate]
    (tmp_path / "c.crt").write_text("unsinn")
    with pytest.raises(PkiError, match=r"c\.crt"):
        pki.load_anchors(tmp_path)
    with pytest.raises(PkiError, match="Verzeichnis fehlt"):
        pki.load_anchors(tmp_path / "nowhere")


def test_an_agreed_certificate_has_its_own_window() -> None:
    pair = self_signed(Request(purpose="encrypt", name="x"))
    entry = pki.agreed("verschluesselung", pair.certificate)
    assert entry.gilt(NOW.date())
    assert not entry.gilt(NOW.date() + timedelta(days=3 * 365))
    assert x509.load_pem_x509_certificate(entry.pem.encode()) == pair.certificate


def test_a_chain_travels_with_its_certificate(tmp_path: Path) -> None:
    ca = DevelopmentCa.create()
    leaf = ca.issue(Request(purpose="tls", name="x"))
    files = pki.write_pair(KeyPair(leaf.key, leaf.certificate, (ca.certificate,)), tmp_path / "tls")
    assert pki.load_pair(files, "tls").chain == (ca.certificate,)


def test_a_broken_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"28"):
        pki.write_new(tmp_path / "x.key", b"half")
    assert list(tmp_path.iterdir()) == []
