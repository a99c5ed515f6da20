"""TLS contexts of the listeners and of the connections to partners.

Promises: TLS 1.3, or 1.2 with ECDHE and AEAD; keys of NIST curves or RSA >= 3072 on both sides (wire.md section 1);
no context without verification; each failed handshake of a listener leaves one log line and one count, with a reason
of a closed list and nothing about the peer.
Fails: `pki.PkiError` for keys and anchors that cannot be used.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from gateway.config import Config
from gateway.config_tables import KeyFiles
from gateway.pki import PkiError, load_anchors, load_pairs, pem_of

log = logging.getLogger("gateway.tls")

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2: forward secrecy and AEAD only; the suites of TLS 1.3 are all both."""
STRICT = ":@SECLEVEL=3"
"""OpenSSL refuses RSA below 3072 bits, curves below 256 and SHA-1 in chains, ours and the peer's."""
PUBLIC = ":@SECLEVEL=2"
"""For servers that are verified by the system's anchors: public CAs still sign by RSA-2048 intermediates."""

_VERIFY_CODES = {
    9: "noch_nicht_gueltig",
    10: "abgelaufen",
    18: "fremd",  # self-signed, not among the anchors
    19: "fremd",  # chain ends at an unknown root
    20: "fremd",  # issuer unknown
    21: "fremd",  # a single certificate, nobody vouches for it
    7: "fremd",  # the issuer's name is known, its signature is not
    30: "fremd",  # authority key identifier of another issuer with the same name
    23: "widerrufen",
    26: "zweck",  # not for this use
    66: "schluessel_schwach",
    67: "schluessel_schwach",
    68: "schluessel_schwach",
}
"""X509_V_ERR_* of OpenSSL's x509_vfy.h."""


class HandshakeFailures:
    """Counts of failed handshakes by (listener, reason), for the metrics page."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def record(self, listener: str, reason: str) -> None:
        """Count one failure and log it."""
        self.counts[listener, reason] += 1
        log.warning("tls handshake failed listener=%s reason=%s", listener, reason)


def reason_of(error: ssl.SSLError) -> str:
    """Why a handshake failed, as one lower-case word that holds nothing from the peer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, "zertifikat_ungueltig")
    reason = error.reason or ""
    return reason.lower() if re.fullmatch(r"[A-Z0-9_ ]{1,60}", reason) else "protokoll"


def _recording(listener: str, failures: HandshakeFailures) -> type[ssl.SSLObject]:
    """An SSL object whose failed handshake is recorded: asyncio itself only closes the connection."""

    class Recording(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                failures.record(listener, reason_of(error))
                raise

    return Recording


def server_context(
    listener: str, files: KeyFiles, failures: HandshakeFailures, anchors: Sequence[str] | None = None
) -> ssl.SSLContext:
    """A listener's context.

    Args:
        listener: its name in log and metrics (`api`, `as2`, `betrieb`).
        files: our TLS key and certificate.
        failures: where failed handshakes are recorded.
        anchors: PEM certificates that client certificates must lead to; None: no client certificate is asked for.
            With anchors a client without a certificate still gets in, and is answered 401 by the application; one
            with an expired or foreign certificate does not pass the handshake, even where the list is empty.

    Raises:
        PkiError: OpenSSL refuses the key or an anchor.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context, STRICT)
    context.sslobject_class = _recording(listener, failures)
    # A resumed session would skip the check of the client's chain.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    _load_own(context, files)
    if anchors is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        _load_anchors(context, anchors)
    return context


class ReloadableContext(ssl.SSLContext):
    """A listener's context that can be exchanged while it listens: each new connection gets the one of that moment.

    Connections that stand keep theirs. It works for asyncio's servers, which wrap by `wrap_bio`.
    """

    current: ssl.SSLContext

    def __new__(cls, current: ssl.SSLContext) -> ReloadableContext:
        """Begin with `current`."""
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self.current = current
        return self

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """A connection by the context of this moment."""
        return self.current.wrap_bio(*args, **options)


def listener_contexts(config: Config, now: datetime, failures: HandshakeFailures) -> dict[str, ssl.SSLContext]:
    """The contexts of `api` and `proxy` (mutual), `as2`, `betrieb` and `mail`, from the newest valid TLS pair.

    Raises:
        PkiError: keys or anchors cannot be used.
    """
    newest = load_pairs(config.schluessel.files("tls"), "tls", now)[0]
    if newest.files is None:
        raise PkiError("TLS-Schlüssel ohne Datei")
    anchors = [pem_of(certificate) for certificate in load_anchors(config.vertrauen.verzeichnis)]
    mutual = ("api", "proxy") if config.proxy is not None and config.proxy.socket is None else ("api",)
    return {
        **{name: server_context(name, newest.files, failures, anchors) for name in mutual},
        "as2": server_context("as2", newest.files, failures),
        "betrieb": server_context("betrieb", newest.files, failures),
        "mail": server_context("mail", newest.files, failures),
    }


@dataclass(frozen=True, slots=True)
class OwnClient:
    """The pair that we show to servers that ask for a certificate."""

    files: KeyFiles
    sha256: str
    """Of its certificate: changed files under the same names are another pair."""


@lru_cache(maxsize=1024)
def partner_context(anchors: tuple[str, ...], own: OwnClient | None = None) -> ssl.SSLContext:
    """A context for connections to one partner; the host name is always checked.

    Args:
        anchors: PEM certificates of the agreement for `tls` (the server's own or its CA's); empty: the system's.
        own: our certificate, for servers that ask for one.

    Raises:
        PkiError: an anchor is no certificate, or OpenSSL refuses our key.
    """
    return client_context(anchors, own.files if own else None)


def client_context(anchors: Sequence[str] = (), files: KeyFiles | None = None) -> ssl.SSLContext:
    """A context for an outgoing connection, with our certificate if `files` are given.

    Raises:
        PkiError: an anchor is no certificate, or OpenSSL refuses the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context, STRICT if anchors else PUBLIC)
    if anchors:
        _load_anchors(context, anchors)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if files is not None:
        _load_own(context, files)
    return context


def _restrict(context: ssl.SSLContext, level: str) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS + level)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # An agreement may name a server's own certificate or an intermediate CA as its anchor.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _load_own(context: ssl.SSLContext, files: KeyFiles) -> None:
    try:
        context.load_cert_chain(files.crt, files.key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise PkiError(f"{files.crt}: für TLS nicht brauchbar ({reason}); Paar prüfen oder neu anlegen") from None


def _no_password() -> str:
    """OpenSSL would ask on the terminal; a service has none."""
    return ""


def _load_anchors(context: ssl.SSLContext, anchors: Sequence[str]) -> None:
    if not anchors:
        return
    try:
        context.load_verify_locations(cadata="\n".join(anchors))
    except (ssl.SSLError, ValueError):
        raise PkiError("Vertrauensanker für TLS ist kein lesbares Zertifikat im PEM-Format") from None
