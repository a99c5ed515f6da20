"""Keys that stay in a PKCS#11 token: signing and ECDH, RSA-OAEP where the token has it, AES-GCM for the store.

A `.key` file holds the key's URI instead of PEM (RFC 7512), on one line:
`pkcs11:token=gateway;object=sign?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/gateway/pin`.

Promises: the keys look like those of `cryptography`, as far as messages need it; one operation at a time per token
session; whether key and certificate belong together, and whether the token can do it, is tried when they are loaded.
Fails: `TokenError` on loading; later `ValueError`, as `cryptography` does for what does not decrypt.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import parse_qs, unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SCHEME: Final = b"pkcs11:"
_TRIAL: Final = b"gateway"
_HASHES: Final = {"sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}
_LOCK: Final = threading.Lock()
"""Tokens count their sessions; they are opened one after the other."""


class TokenError(Exception):
    """A token or a key in it cannot be used; the text is German."""


@dataclass(frozen=True, slots=True)
class Uri:
    """A PKCS#11 URI, as far as it names a key."""

    module: str
    token: str
    name: str
    pin_file: Path | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Uri:
        """From one line.

        Raises:
            TokenError: token, object or module is missing.
        """
        path, _, query = text.strip().removeprefix(SCHEME.decode()).partition("?")
        parts = {k: unquote(v) for k, _, v in (each.partition("=") for each in path.split(";"))}
        more = {k: v[0] for k, v in parse_qs(query).items()}
        if not (parts.get("token") and parts.get("object") and more.get("module-path")):
            raise TokenError("PKCS#11-Adresse braucht token, object und module-path")
        pin = more.get("pin-source", "").removeprefix("file:")
        return cls(more["module-path"], parts["token"], parts["object"], Path(pin) if pin else None)


class _Token:
    """A key handle; `lock` is its session's, which can do one thing at a time."""

    def __init__(self, key: Any, lock: threading.Lock) -> None:
        self._key = key
        self._lock = lock

    def sign(self, data: bytes, mechanism: str, parameter: Any = None) -> bytes:
        with self._lock:
            return bytes(self._key.sign(data, mechanism=_mechanism(mechanism), mechanism_param=parameter))

    def decrypt(self, data: bytes, mechanism: str, parameter: Any) -> bytes:
        with self._lock:
            return bytes(self._key.decrypt(data, mechanism=_mechanism(mechanism), mechanism_param=parameter))

    def encrypt(self, data: bytes, mechanism: str, parameter: Any) -> bytes:
        with self._lock:
            return bytes(self._key.encrypt(data, mechanism=_mechanism(mechanism), mechanism_param=parameter))

    def derive(self, point: bytes, size: int) -> bytes:
        import pkcs11

        template = {pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.EXTRACTABLE: True}
        parameter = (pkcs11.KDF.NULL, None, point)
        mechanism = pkcs11.Mechanism.ECDH1_DERIVE
        with self._lock:
            derived = self._key.derive_key(
                pkcs11.KeyType.GENERIC_SECRET,
                size * 8,
                mechanism=mechanism,
                mechanism_param=parameter,
                template=template,
            )
            return bytes(derived[pkcs11.Attribute.VALUE])


def _mechanism(name: str) -> Any:
    import pkcs11

    return pkcs11.Mechanism[name]


def _stays() -> NoReturn:
    raise UnsupportedAlgorithm("the key stays in its token")


class TokenRsaKey(rsa.RSAPrivateKey):
    """An RSA key in a token."""

    def __init__(self, token: _Token, public: rsa.RSAPublicKey) -> None:
        self._token = token
        self._public = public

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        """The certificate's."""
        return self._public

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        """PSS with the hash's own MGF and salt, or PKCS#1 v1.5."""
        name = _HASHES[algorithm.name]
        if not _is_pss(padding):
            return _guarded(self._token.sign, bytes(data), f"{name}_RSA_PKCS")
        import pkcs11

        parameter = (pkcs11.Mechanism[name], pkcs11.MGF[name], algorithm.digest_size)
        return _guarded(self._token.sign, bytes(data), f"{name}_RSA_PKCS_PSS", parameter)

    def decrypt(self, ciphertext: Any, padding: Any) -> bytes:
        """OAEP with SHA-256. PKCS#1 v1.5 not at all: a token tells bad padding apart, which must not be seen."""
        if not _is_oaep(padding):
            raise ValueError("not by a token")
        import pkcs11

        parameter = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, None)
        return _guarded(self._token.decrypt, bytes(ciphertext), "RSA_PKCS_OAEP", parameter)

    def private_numbers(self) -> rsa.RSAPrivateNumbers:
        """Never."""
        _stays()

    def private_bytes(self, *_: Any, **__: Any) -> bytes:
        """Never."""
        _stays()

    def __copy__(self) -> TokenRsaKey:
        return self

    def __deepcopy__(self, memo: Any) -> TokenRsaKey:
        return self


class TokenEcKey(ec.EllipticCurvePrivateKey):
    """An elliptic key in a token."""

    def __init__(self, token: _Token, public: ec.EllipticCurvePublicKey) -> None:
        self._token = token
        self._public = public

    @property
    def curve(self) -> ec.EllipticCurve:
        """Its curve."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The certificate's."""
        return self._public

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        """ECDSA; the hash is made here, the token signs it."""
        digest = hashes.Hash(signature_algorithm.algorithm)
        digest.update(bytes(data))
        raw = _guarded(self._token.sign, digest.finalize(), "ECDSA")
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """ECDH; the shared secret leaves the token, the key does not."""
        del algorithm
        if peer_public_key.curve.name != self.curve.name:
            raise ValueError("another curve")
        point = peer_public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _guarded(self._token.derive, point, (self.key_size + 7) // 8)

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Never."""
        _stays()

    def private_bytes(self, *_: Any, **__: Any) -> bytes:
        """Never."""
        _stays()

    def __copy__(self) -> TokenEcKey:
        return self

    def __deepcopy__(self, memo: Any) -> TokenEcKey:
        return self


class TokenSecretKey:
    """An AES key in a token."""

    def __init__(self, token: _Token) -> None:
        self._token = token

    def encrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        """AES-GCM with a tag of 16 bytes; raises `ValueError` where the token refuses."""
        return _guarded(self._token.encrypt, data, "AES_GCM", _gcm(nonce, bound))

    def decrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        """The reverse; raises `ValueError` for what it did not encrypt so."""
        return _guarded(self._token.decrypt, data, "AES_GCM", _gcm(nonce, bound))


def _gcm(nonce: bytes, bound: bytes) -> Any:
    import pkcs11

    return pkcs11.GCMParams(nonce, bound, 128)


def _guarded(work: Any, *args: Any) -> bytes:
    """A token's operation; its errors become `ValueError`, whose text tells nothing."""
    import pkcs11

    try:
        result: bytes = work(*args)
    except (pkcs11.PKCS11Error, AttributeError):  # a key that may not sign, say, has no such operation
        raise ValueError("the token refuses") from None
    return result


def _is_pss(scheme: object) -> bool:
    return isinstance(scheme, padding.PSS)


def _is_oaep(scheme: object) -> bool:
    return isinstance(scheme, padding.OAEP)


def load(text: str, certificate: x509.Certificate, *, decrypts: bool) -> TokenRsaKey | TokenEcKey:
    """The key that a URI names, tried against its certificate.

    Args:
        text: the URI.
        certificate: whose public key belongs to it.
        decrypts: it opens messages; else it signs.

    Raises:
        TokenError: no such module, token or key; a wrong PIN; the key is not the certificate's, or the token cannot
            do what is needed.
    """
    uri, public = Uri.parse(text), certificate.public_key()
    handle, lock = _found(uri, "PRIVATE_KEY")
    key: TokenRsaKey | TokenEcKey
    if isinstance(public, rsa.RSAPublicKey):
        key = TokenRsaKey(_Token(handle, lock), public)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        key = TokenEcKey(_Token(handle, lock), public)
    else:
        raise TokenError("Schlüsselart nicht unterstützt; erlaubt sind RSA und elliptische Kurven")
    if not _belongs(key, decrypts):
        raise TokenError(f"Schlüssel {uri.name} gehört nicht zum Zertifikat, oder das Token kann das Verfahren nicht")
    return key


def load_secret(text: str) -> TokenSecretKey:
    """The AES key that a URI names.

    Raises:
        TokenError: no such module, token or key; a wrong PIN.
    """
    return TokenSecretKey(_Token(*_found(Uri.parse(text), "SECRET_KEY")))


def _found(uri: Uri, kind: str) -> tuple[Any, threading.Lock]:
    """A key's handle, and the lock of its session."""
    try:
        import pkcs11
    except ImportError:
        raise TokenError("Schlüssel im Token brauchen das Zusatzpaket pkcs11 (python-pkcs11)") from None
    try:
        session, lock = _session(uri)
        with lock:
            return session.get_key(object_class=pkcs11.ObjectClass[kind], label=uri.name), lock
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise TokenError(f"Token {uri.token}, Schlüssel {uri.name}: {type(error).__name__}") from None


def _belongs(key: TokenRsaKey | TokenEcKey, decrypts: bool) -> bool:
    """Whether the key does what its certificate says, by trying."""
    try:
        return _opens(key) if decrypts else _signs(key)
    except (ValueError, InvalidSignature):
        return False


def _signs(key: TokenRsaKey | TokenEcKey) -> bool:
    digest = hashes.SHA256()
    if isinstance(key, TokenEcKey):
        key.public_key().verify(key.sign(_TRIAL, ec.ECDSA(digest)), _TRIAL, ec.ECDSA(digest))
    else:
        scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
        key.public_key().verify(key.sign(_TRIAL, scheme, digest), _TRIAL, scheme, digest)
    return True


def _opens(key: TokenRsaKey | TokenEcKey) -> bool:
    if isinstance(key, TokenEcKey):
        other = ec.generate_private_key(key.curve)
        return key.exchange(ec.ECDH(), other.public_key()) == other.exchange(ec.ECDH(), key.public_key())
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return key.decrypt(key.public_key().encrypt(_TRIAL, scheme), scheme) == _TRIAL


def _session(uri: Uri) -> tuple[Any, threading.Lock]:
    pin = uri.pin_file.read_text("utf-8").strip() if uri.pin_file else None
    with _LOCK:
        return _opened(uri.module, uri.token, pin)


@lru_cache(maxsize=16)
def _opened(module: str, token: str, pin: str | None) -> tuple[Any, threading.Lock]:
    """One session per token, for as long as the program runs, and who may use it."""
    import pkcs11

    return pkcs11.lib(module).get_token(token_label=token).open(user_pin=pin), threading.Lock()
