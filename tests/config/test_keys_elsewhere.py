"""Our keys in PKCS#12 containers and in PKCS#11 tokens (SoftHSM, where it is installed)."""

import io
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pkcs11
import pkcs11.util.ec as pkcs11_ec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from gateway import pki
from gateway.config_fields import pair_file
from gateway.config_tables import KeyFiles
from gateway.kek import load_keks
from gateway.partner import Algorithmen, Partner
from gateway.pki_issue import DevelopmentCa, Kind, Request, self_signed
from gateway.pki_pkcs11 import TokenEcKey, TokenError, TokenRsaKey, Uri
from gateway.seal.identity import Identity
from gateway.seal.sealer import PartIn, open_sealed, seal
from gateway.store import open_database
from gateway.store.content import Contents
from gateway.store.keyring import Keyring

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "1234"


# --- PKCS#12 ---------------------------------------------------------------------------------------------------------


def container(path: Path, pair: pki.KeyPair, password: bytes | None, chain: list | None = None) -> KeyFiles:  # type: ignore[type-arg]
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    data = pkcs12.serialize_key_and_certificates(b"gw", pair.key, pair.certificate, chain, protection)
    path.write_bytes(data)
    path.chmod(0o600)
    return KeyFiles(key=pair_file(path, ".key"), crt=pair_file(path, ".crt"))


def secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_a_pair_from_a_container_with_its_chain(tmp_path: Path, kind: Kind) -> None:
    ca = DevelopmentCa.create()
    pair = ca.issue(Request(purpose="sign", name="gw:nrw", kind=kind))
    files = container(tmp_path / "sign.p12", pair, b"geheim", [ca.certificate])
    secret(tmp_path / "sign.p12.kennwort", "geheim\n")
    loaded = pki.load_pair(files)
    assert (loaded.certificate, loaded.chain) == (pair.certificate, (ca.certificate,))
    assert pki.public_bytes(loaded.key.public_key()) == pki.public_bytes(pair.key.public_key())


def test_a_container_without_a_password(tmp_path: Path) -> None:
    pair = self_signed(Request(purpose="sign", name="gw:nrw"))
    assert pki.load_pair(container(tmp_path / "sign.pfx", pair, None)).sha256 == pair.sha256


def test_what_is_wrong_with_a_container_is_said(tmp_path: Path) -> None:
    pair = self_signed(Request(purpose="tls", name="gw:nrw"))
    files = container(tmp_path / "sign.p12", pair, b"geheim")
    with pytest.raises(pki.PkiError, match="Kennwort"):
        pki.load_pair(files)
    secret(tmp_path / "sign.p12.kennwort", "falsch")
    with pytest.raises(pki.PkiError, match="Kennwort"):
        pki.load_pair(files)
    secret(tmp_path / "sign.p12.kennwort", "geheim")
    with pytest.raises(pki.PkiError, match="PEM"):
        pki.load_pair(files, "tls")
    files.key.chmod(0o644)
    with pytest.raises(pki.PkiError, match="600"):
        pki.load_pair(files)


# --- PKCS#11 ---------------------------------------------------------------------------------------------------------


@dataclass
class Token:
    """A SoftHSM token of this run."""

    folder: Path

    def keep(self, name: str, pair: pki.KeyPair) -> KeyFiles:
        """Put the key into the token, its URI and certificate into files."""
        plain = self.folder / f"{name}.pem"
        plain.write_bytes(pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        number = pair.sha256[:8]
        softhsm("--import", str(plain), "--token", "gateway", "--label", name, "--id", number, "--pin", PIN)
        return self.files(name, pair)

    def keep_for_ecdh(self, name: str, pair: pki.KeyPair) -> KeyFiles:
        """The same for a key that may derive: softhsm2-util imports keys that only sign."""
        der = pair.key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        template = pkcs11_ec.decode_ec_private_key(der)
        template |= {pkcs11.Attribute.LABEL: name, pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.DERIVE: True}
        with writing() as session:
            session.create_object(template)
        return self.files(name, pair)

    def keep_secret(self, name: str) -> str:
        """Make an AES key in the token; the file that names it."""
        with writing() as session:
            session.generate_key(pkcs11.KeyType.AES, 256, label=name, store=True)
        return str(self.named(name))

    def named(self, name: str) -> Path:
        """A file that holds the address of a key."""
        pin, path = self.folder / "pin", self.folder / f"{name}.key"
        secret(pin, PIN)
        secret(path, f"pkcs11:token=gateway;object={name}?module-path={MODULE}&pin-source=file:{pin}\n")
        return path

    def files(self, name: str, pair: pki.KeyPair) -> KeyFiles:
        files = KeyFiles(key=self.folder / f"{name}.key", crt=self.folder / f"{name}.crt")
        self.named(name)
        files.crt.write_text(pair.pem)
        return files


def writing() -> Any:
    """A session that may write."""
    found = pkcs11.lib(MODULE).get_token(token_label="gateway")
    try:
        return found.open(rw=True, user_pin=PIN)
    except pkcs11.exceptions.UserAlreadyLoggedIn:  # by a key of another test
        return found.open(rw=True)


def softhsm(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    if shutil.which("softhsm2-util") is None or not Path(MODULE).exists():
        pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")  # read once by the module, for this process
    softhsm("--init-token", "--free", "--label", "gateway", "--so-pin", PIN, "--pin", PIN)
    return Token(folder)


def rsa_or_curve(kind: str, purpose: str) -> pki.KeyPair:
    if kind in ("rsa", "p256"):
        return self_signed(Request(purpose=purpose, name="gw:nrw", kind=kind))  # type: ignore[arg-type]
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_a_token_signs_what_a_partner_verifies(token: Token, kind: str) -> None:
    ours = rsa_or_curve(kind, "sign")
    loaded = pki.load_pair(token.keep(f"sign-{kind}", ours))
    assert isinstance(loaded.key, TokenRsaKey | TokenEcKey)
    assert isinstance(loaded.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    theirs = self_signed(Request(purpose="encrypt", name="partner"))
    sender = Identity("gw-nrw", loaded.key, loaded.certificate, ())
    body = sealed_by(sender, agreement(ours, theirs))
    reader = Identity("partner", theirs.key, theirs.certificate, ((theirs.key, theirs.certificate),))
    assert opened(body, reader, agreement(ours, theirs)) == b"<x/>"


def test_a_token_opens_by_ecdh(token: Token) -> None:
    ours = self_signed(Request(purpose="encrypt", name="gw:nrw"))
    theirs = self_signed(Request(purpose="sign", name="partner"))
    loaded = pki.load_pair(token.keep_for_ecdh("encrypt-p256", ours), "encrypt")
    sender = Identity("partner", theirs.key, theirs.certificate, ())
    body = sealed_by(sender, agreement(theirs, ours))
    reader = Identity("gw-nrw", theirs.key, theirs.certificate, ((loaded.key, loaded.certificate),))
    assert opened(body, reader, agreement(theirs, ours)) == b"<x/>"


def test_what_the_token_cannot_do_is_said_at_the_start(token: Token) -> None:
    ours = self_signed(Request(purpose="encrypt", name="gw:nrw", kind="rsa"))
    with pytest.raises(pki.PkiError, match="kann das Verfahren nicht"):  # SoftHSM has OAEP with SHA-1 alone
        pki.load_pair(token.keep("encrypt-rsa", ours), "encrypt")


def test_a_key_that_is_not_the_certificates_is_refused(token: Token) -> None:
    token.keep("sign-one", self_signed(Request(purpose="sign", name="gw:nrw")))
    other = self_signed(Request(purpose="sign", name="gw:nrw"))
    with pytest.raises(pki.PkiError, match="gehört nicht zum Zertifikat"):
        pki.load_pair(token.files("sign-one", other))
    with pytest.raises(pki.PkiError, match="NoSuchKey"):
        pki.load_pair(token.files("sign-missing", other))
    files = token.keep("tls-one", self_signed(Request(purpose="tls", name="gw:nrw")))
    with pytest.raises(pki.PkiError, match="TLS"):
        pki.load_pair(files, "tls")


def test_a_token_never_gives_its_key_away(token: Token) -> None:
    key = pki.load_pair(token.keep("sign-two", self_signed(Request(purpose="sign", name="gw:nrw")))).key
    with pytest.raises(Exception, match="stays in its token"):
        key.private_numbers()
    with pytest.raises(Exception, match="stays in its token"):
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_pkcs1_decryption_is_never_left_to_a_token(token: Token) -> None:
    pair = self_signed(Request(purpose="sign", name="gw:nrw", kind="rsa"))
    key = pki.load_pair(token.keep("sign-three", pair)).key
    assert isinstance(key, TokenRsaKey)
    with pytest.raises(ValueError):
        key.decrypt(b"\0" * 384, padding.PKCS1v15())


async def test_a_key_in_a_token_protects_a_store(token: Token, tmp_path: Path) -> None:
    file = token.keep_secret("store")
    (kek,) = load_keks([file])
    assert kek.plain is None
    with pytest.raises(ValueError, match="refuses"):
        kek.unwrap(kek.wrap(bytes(32), b"a"), b"b")
    database = await open_database(f"sqlite:///{tmp_path}/gateway.db")
    sealed = Contents(database, await Keyring.open(database, [kek], 1)).seal_small(b"invented", 1)
    await database.commit(*sealed.steps)
    again = load_keks([file])
    assert again[0].id == kek.id
    assert await Contents(database, await Keyring.open(database, again, 1)).read_all(sealed.id, 100) == b"invented"
    await database.close()
    with pytest.raises(pki.PkiError, match="nobody"):
        load_keks([str(token.named("nobody"))])


@pytest.mark.parametrize(
    "text", ["pkcs11:", "pkcs11:token=a", "pkcs11:token=a;object=b", "pkcs11:object=b?module-path=/x"]
)
def test_an_address_that_names_no_key_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        Uri.parse(text)


def agreement(sign: pki.KeyPair, encrypt: pki.KeyPair) -> Partner:
    return Partner(
        id="p",
        behoerden=(),
        weg="abruf",
        algorithmen=Algorithmen(),
        zertifikate=(
            pki.agreed("signatur", sign.certificate),
            pki.agreed("verschluesselung", encrypt.certificate),
        ),
    )


def sealed_by(sender: Identity, partner: Partner) -> tuple[bytes, str]:
    signed, body = io.BytesIO(), io.BytesIO()
    part = PartIn(None, "application/xml", io.BytesIO(b"<x/>"))
    now = datetime.now(UTC)
    found = seal([part], {}, sender, partner, at=now, transfer="binary", signed_out=signed, sealed_out=body)
    return body.getvalue(), found.headers["Content-Type"]


def opened(sealed: tuple[bytes, str], reader: Identity, partner: Partner) -> bytes:
    body, content_type = sealed
    found = open_sealed(io.BytesIO(body), content_type, reader, partner, at=datetime.now(UTC))
    data: bytes = found.parts[0][2]
    return data
