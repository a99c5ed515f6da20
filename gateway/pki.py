"""Keys and certificates in files: read, check, write. New ones are made by `pki_issue`.

Promises: four key pairs, each for one thing (wire.md section 1); a loaded pair belongs together, is strong enough and
is readable by nobody else; secrets are written once, atomically, with mode 0600, and never shown by `repr` or errors.
Fails: `PkiError`, whose German text names the file and the mend.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.config import hash_of_certificate
from gateway.config_fields import P12
from gateway.config_tables import KeyFiles
from gateway.partner import Zertifikat, Zweck
from gateway.pki_pkcs11 import SCHEME, TokenEcKey, TokenError, TokenRsaKey
from gateway.pki_pkcs11 import load as load_token

Purpose = Literal["sign", "encrypt", "tls", "log"]
PURPOSES: tuple[Purpose, ...] = ("sign", "encrypt", "tls", "log")
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_BITS = 3072
"""Smallest RSA key of our own (wire.md section 1)."""
CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1"})
"""Curves of our own keys (wire.md section 1)."""
TLS_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
"""Brainpool does not work in TLS here (wire.md section 1)."""
STORE_KEY_BYTES = 32
"""AES-256 (design.md section 4)."""
PEM_LIMIT = 1024 * 1024
"""Largest key or certificate file that is read; a chain of ten certificates takes 20 KB."""


class PkiError(Exception):
    """A key or certificate cannot be used; the text is German and names file and mend."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with its certificate."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """Certificates between this one and its anchor, as the file holds them."""
    files: KeyFiles | None = None
    """Where it was read from; TLS libraries want files."""

    @property
    def der(self) -> bytes:
        """The certificate's DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate as PEM, without its chain."""
        return pem_of(self.certificate)

    @property
    def sha256(self) -> str:
        """What a `zugang` entry names."""
        return hash_of_certificate(self.der)

    def valid(self, at: datetime) -> bool:
        """Whether the certificate's window holds `at`."""
        return self.certificate.not_valid_before_utc <= at <= self.certificate.not_valid_after_utc


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def hash_of_pem(pem: str) -> str:
    """`hash_of_certificate` of a certificate in PEM.

    Raises:
        ValueError: it is none.
    """
    certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
    return hash_of_certificate(certificate.public_bytes(serialization.Encoding.DER))


def agreed(zweck: Zweck, certificate: x509.Certificate) -> Zertifikat:
    """A certificate as an entry of a partner's agreement, with the certificate's own window."""
    return Zertifikat(
        zweck=zweck,
        pem=pem_of(certificate),
        ab=certificate.not_valid_before_utc.date(),
        bis=certificate.not_valid_after_utc.date(),
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def load_pair(files: KeyFiles, purpose: Purpose = "sign") -> KeyPair:
    """One key pair from its files: two in PEM, one PKCS#12 container, or a certificate with the URI of a token's key.

    Raises:
        PkiError: a file is missing, unreadable, too open or too weak, or the two do not belong together.
    """
    key, (certificate, *chain) = _load_container(files) if files.key.suffix in P12 else _load_two(files, purpose)
    _demand_strength(key, files.key, TLS_CURVES if purpose == "tls" else CURVES)
    if public_bytes(key.public_key()) != public_bytes(certificate.public_key()):
        raise PkiError(f"{files.crt}: Zertifikat gehört nicht zum Schlüssel {files.key}; das passende Paar eintragen")
    if purpose == "tls" and (files.key.suffix in P12 or isinstance(key, TokenRsaKey | TokenEcKey)):
        raise PkiError(f"{files.key}: TLS-Schlüssel brauchen zwei Dateien im PEM-Format")
    return KeyPair(key, certificate, tuple(chain), files)


def _load_two(files: KeyFiles, purpose: Purpose) -> tuple[PrivateKey, list[x509.Certificate]]:
    certificates = load_certificates(files.crt)
    _demand_private(files.key)
    data = _read(files.key)
    if not data.startswith(SCHEME):
        return _load_key(files.key), certificates
    try:
        return load_token(data.decode("utf-8"), certificates[0], decrypts=purpose == "encrypt"), certificates
    except (TokenError, UnicodeDecodeError, OSError) as error:
        raise PkiError(f"{files.key}: {error}") from None


def _load_container(files: KeyFiles) -> tuple[PrivateKey, list[x509.Certificate]]:
    """PKCS#12; its password stands in a file beside it, `sign.p12.kennwort`, which is missing where there is none."""
    path = files.key
    _demand_private(path)
    secret = path.with_name(path.name + ".kennwort")
    password = None
    if secret.exists():
        _demand_private(secret)
        password = _read(secret).rstrip(b"\r\n")
    try:
        found = pkcs12.load_pkcs12(_read(path), password)
    except ValueError:
        raise PkiError(f"{path}: kein lesbares PKCS#12, oder das Kennwort in {secret.name} passt nicht") from None
    if not isinstance(found.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or found.cert is None:
        raise PkiError(f"{path}: braucht einen RSA- oder EC-Schlüssel und dessen Zertifikat")
    return found.key, [found.cert.certificate, *(each.certificate for each in found.additional_certs)]


def load_pairs(files: Sequence[KeyFiles], purpose: Purpose, now: datetime) -> list[KeyPair]:
    """All pairs of one purpose: those valid at `now` first, the newest first; then the others, newest first.

    Old pairs stay useful (an old encryption key opens late messages); the first one is used for new work.

    Raises:
        PkiError: one of them cannot be loaded, or none is valid at `now`.
    """
    pairs = [load_pair(each, purpose) for each in files]
    pairs.sort(key=lambda pair: (pair.valid(now), pair.certificate.not_valid_before_utc), reverse=True)
    if not pairs or not pairs[0].valid(now):
        names = ", ".join(str(each.crt) for each in files)
        raise PkiError(
            f"{names}: kein Zertifikat ist heute gültig; ein neues Paar anlegen und in [schluessel] eintragen"
        )
    return pairs


def load_certificates(path: Path) -> list[x509.Certificate]:
    """All certificates of one PEM file, at least one.

    Raises:
        PkiError: the file is missing, too large or holds no certificate.
    """
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise PkiError(f"{path}: kein lesbares Zertifikat im PEM-Format") from None


def load_anchors(folder: Path) -> list[x509.Certificate]:
    """All certificates of the files `*.crt` and `*.pem` in a folder, in the order of names; none if it is empty.

    Raises:
        PkiError: the folder is missing or a file in it is no certificate.
    """
    if not folder.is_dir():
        raise PkiError(f"{folder}: Verzeichnis fehlt; anlegen oder [vertrauen] verzeichnis ändern")
    files = sorted(each for each in folder.iterdir() if each.suffix in (".crt", ".pem"))
    return [certificate for each in files for certificate in load_certificates(each)]


def load_store_key(path: Path) -> bytes:
    """The 32-byte key of the store, from a file with hex or base64.

    Raises:
        PkiError: the file is missing, readable by others, or holds no such key.
    """
    return decode_store_key(read_secret(path).strip(), str(path))


def read_secret(path: Path) -> bytes:
    """What a file holds that nobody else can read.

    Raises:
        PkiError: it is missing, too large, or others can read or change it.
    """
    _demand_private(path)
    return _read(path)


def decode_store_key(text: bytes, source: str) -> bytes:
    """The 32-byte key that a text holds in hex or base64.

    Raises:
        PkiError: it holds none; names `source`.
    """
    with contextlib.suppress(ValueError, binascii.Error):
        key = (
            bytes.fromhex(text.decode("ascii"))
            if len(text) == 2 * STORE_KEY_BYTES
            else base64.b64decode(text, validate=True)
        )
        if len(key) == STORE_KEY_BYTES:
            return key
    raise PkiError(
        f"{source}: kein Schlüssel von {STORE_KEY_BYTES} Byte in Hex oder Base64; aus der Sicherung zurückholen"
    )


def public_bytes(key: object) -> bytes:
    """SubjectPublicKeyInfo in DER, to compare keys.

    Raises:
        PkiError: a kind of key that we do not use.
    """
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError("Schlüsselart nicht unterstützt; erlaubt sind RSA und elliptische Kurven")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _load_key(path: Path) -> PrivateKey:
    _demand_private(path)
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except TypeError:
        raise PkiError(
            f"{path}: der Schlüssel ist mit einem Kennwort verschlüsselt; unverschlüsselt mit Rechten 600 ablegen"
        ) from None
    except Exception:
        raise PkiError(f"{path}: kein lesbarer privater Schlüssel im PEM-Format") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise PkiError(f"{path}: Schlüsselart nicht unterstützt; erlaubt sind RSA und elliptische Kurven")
    return key


def _demand_strength(key: PrivateKey, path: Path, curves: frozenset[str]) -> None:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < RSA_BITS:
            raise PkiError(f"{path}: RSA-Schlüssel mit {key.key_size} Bit; mindestens {RSA_BITS} verwenden")
    elif key.curve.name not in curves:
        raise PkiError(f"{path}: Kurve {key.curve.name} nicht erlaubt; erlaubt sind {', '.join(sorted(curves))}")


def _demand_private(path: Path) -> None:
    """Refuse a secret that everybody on the machine can read or a group can change."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise PkiError(f"{path}: nicht lesbar ({error.strerror}); Pfad und Rechte prüfen") from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise PkiError(f"{path}: Rechte {stat.S_IMODE(mode):o} sind zu weit; mit chmod 600 einschränken")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(PEM_LIMIT + 1)
    except OSError as error:
        raise PkiError(f"{path}: nicht lesbar ({error.strerror}); Pfad und Rechte prüfen") from None
    if len(data) > PEM_LIMIT:
        raise PkiError(f"{path}: zu groß für einen Schlüssel oder ein Zertifikat")
    return data


# --- writing ---------------------------------------------------------------------------------------------------------


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet: complete, synced and with mode 0600, or not at all.

    Raises:
        FileExistsError: there is one already; it stays as it is.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        _demand_new(path)
        raise
    finally:
        Path(name).unlink()


def _demand_new(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(f"{path}: Datei gibt es schon; sie bleibt, wie sie ist")


def write_pair(pair: KeyPair, stem: Path) -> KeyFiles:
    """Write `stem.key` and `stem.crt` (with its chain), both with mode 0600.

    Raises:
        FileExistsError: one of them is there already.
    """
    files = KeyFiles(key=stem.with_name(stem.name + ".key"), crt=stem.with_name(stem.name + ".crt"))
    for path in (files.key, files.crt):
        _demand_new(path)
    key = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_new(files.key, key)
    write_new(files.crt, "".join(map(pem_of, (pair.certificate, *pair.chain))).encode("ascii"))
    return files


def write_store_key(path: Path) -> None:
    """Write a new random key for the store, in hex.

    Raises:
        FileExistsError: there is one already.
    """
    write_new(path, secrets.token_hex(STORE_KEY_BYTES).encode("ascii") + b"\n")
