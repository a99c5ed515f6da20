"""Mail out: one prepared message to one recipient through our mail server.

Promises: the message goes out byte for byte; without verified TLS nothing is said but EHLO and STARTTLS (an exception
is the explicit `keine`, for a server on this machine); the server's SIZE is read before anything is sent; a try counts
as handed over only by 250 after DATA. Whatever happens on the line comes back as a value.
Fails: as a `Failure` value from `failure`; only cancellation passes through.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from dataclasses import dataclass, field
from typing import Final, Literal

import aiosmtplib

from gateway.send.failure import At, Failure, Trouble, from_smtp, from_trouble
from gateway.send.mail_message import checked_address

TIMEOUT_S: Final = 60.0
"""Longest wait for one reply but the last."""
DATA_TIMEOUT_S: Final = 600.0
"""Longest wait for the reply after DATA: RFC 5321 section 4.5.3.2.6 asks for 10 minutes, so as not to send twice."""
MAX_MESSAGE: Final = 20 * 1024 * 1024
"""Default limit of a mail on the wire (wire.md section 5): aiosmtplib holds the bytes, some four times over."""
ENVID_MAX: Final = 100
"""Longest ENVID (RFC 3461 section 4.4)."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our outgoing mail (configuration `[postausgang]`)."""

    host: str
    port: int
    sicherheit: Literal["starttls", "tls", "keine"] = "starttls"
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    """Trust anchors; None takes those of the system."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    local_hostname: str | None = None
    """Our name in EHLO; None takes the host's."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands outside the message."""

    sender: str
    """Envelope sender of this try (`mail_message.verp_address`); empty for a receipt, which is never answered."""
    recipient: str
    envid: str | None = None
    """This try's token, sent as ENVID where the server has DSN (RFC 3461)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took responsibility (RFC 5321 section 6.1): handed over, no receipt yet."""

    code: int


class _NoStartTlsError(Exception):
    """The server does not offer STARTTLS."""


async def send(
    server: MailServer,
    envelope: Envelope,
    message: bytes,
    *,
    max_bytes: int = MAX_MESSAGE,
    timeout_s: float = TIMEOUT_S,
    data_timeout_s: float = DATA_TIMEOUT_S,
) -> Accepted | Failure:
    """Hand one mail to the server.

    Args:
        server: where to.
        envelope: from whom to whom.
        message: RFC 5322 bytes with CRLF, from `mail_message`.
        max_bytes: limit of the agreement.
        timeout_s: longest wait for the connection and each reply.
        data_timeout_s: longest wait for the reply after the message.

    Returns:
        `Accepted`, or what went wrong.
    """
    if len(message) > max_bytes:
        return from_trouble(Trouble.MAIL_TOO_LARGE)
    client = _client(server, timeout_s)
    try:
        _check(envelope)
        await client.connect()
        await _secure(client, server)
        return await _transaction(client, envelope, message, data_timeout_s)
    except _NoStartTlsError:
        return from_trouble(Trouble.NO_STARTTLS)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        return failure_of(error)
    finally:
        await _leave(client)


def _check(envelope: Envelope) -> None:
    """Plain addresses only: aiosmtplib would read another address out of a crooked one.

    Raises:
        ValueError: an address or the ENVID is not plain.
    """
    checked_address(envelope.recipient)
    if envelope.sender:
        checked_address(envelope.sender)
    if envelope.envid is not None:
        xtext(envelope.envid)


def _client(server: MailServer, timeout_s: float) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.sicherheit == "tls",
        start_tls=False,  # `_secure` does it, and tells a server without it from other refusals
        validate_certs=True,
        tls_context=server.ssl_context if server.sicherheit != "keine" else None,
        local_hostname=server.local_hostname,
        timeout=timeout_s,
    )


async def _secure(client: aiosmtplib.SMTP, server: MailServer) -> None:
    """STARTTLS where agreed, then the login; never a login without TLS, but to this machine itself."""
    await client.ehlo()
    if server.sicherheit == "starttls":
        if not client.supports_extension("starttls"):
            raise _NoStartTlsError
        await client.starttls()
        await client.ehlo()  # RFC 3207 section 4.2: what was said before TLS counts no more
    if server.user is not None:
        await client.login(server.user, server.password or "")


async def _transaction(
    client: aiosmtplib.SMTP, envelope: Envelope, message: bytes, data_timeout_s: float
) -> Accepted | Failure:
    limit = size_limit(client.esmtp_extensions.get("size"))
    if limit is not None and len(message) > limit:
        return from_trouble(Trouble.MAIL_TOO_LARGE)
    options = [f"SIZE={len(message)}"] if limit is not None or client.supports_extension("size") else []
    notify: list[str] = []
    if envelope.envid is not None and client.supports_extension("dsn"):
        options += ["RET=HDRS", f"ENVID={xtext(envelope.envid)}"]
        notify = ["NOTIFY=FAILURE,DELAY"] if envelope.sender else ["NOTIFY=NEVER"]
    await client.mail(envelope.sender, options=options)
    await client.rcpt(envelope.recipient, options=notify)
    reply = await client.data(message, timeout=data_timeout_s)
    return Accepted(reply.code)


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; what goes wrong here changes nothing."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=1)
    client.close()


def size_limit(parameter: str | None) -> int | None:
    """The limit that the server's SIZE names (RFC 1870 section 4); None without one, 0 means none."""
    if parameter is None or not re.fullmatch(r"[0-9]{1,20}", parameter.strip()):
        return None
    return int(parameter) or None


def xtext(value: str) -> str:
    """`value` in the xtext of RFC 3461 section 4.

    Raises:
        ValueError: not printable ASCII, or longer than `ENVID_MAX` once written.
    """
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise ValueError("an ENVID is printable ASCII")
    written = re.sub(r"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]", lambda found: f"+{ord(found[0]):02X}", value)
    if len(written) > ENVID_MAX:
        raise ValueError("ENVID too long")
    return written


def failure_of(error: BaseException) -> Failure:
    """What an exception of aiosmtplib or the socket means; foreign exceptions end here."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return from_smtp(error.code, error.message, at=_answered(error))
    if isinstance(error.__cause__, ssl.SSLError | OSError) and isinstance(error, aiosmtplib.SMTPConnectError):
        return from_trouble(_of_socket(error.__cause__))
    return from_trouble(next((trouble for kind, trouble in _MEANINGS if isinstance(error, kind)), Trouble.INTERNAL))


def _answered(error: aiosmtplib.SMTPResponseException) -> At:
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return "recipient"
    return "message" if isinstance(error, aiosmtplib.SMTPDataError) else "server"


_MEANINGS: Final[tuple[tuple[type[BaseException], Trouble], ...]] = (
    # The first that fits counts: subclasses stand before their bases.
    (aiosmtplib.SMTPConnectTimeoutError, Trouble.CONNECT_TIMEOUT),
    (aiosmtplib.SMTPTimeoutError, Trouble.TIMEOUT),
    (aiosmtplib.SMTPServerDisconnected, Trouble.CUT),
    (aiosmtplib.SMTPConnectError, Trouble.CONNECT),
    (aiosmtplib.SMTPException, Trouble.PROTOCOL),
    (TimeoutError, Trouble.TIMEOUT),
    (ssl.SSLCertVerificationError, Trouble.TLS_CERTIFICATE),
    (ssl.SSLError, Trouble.TLS),
    (OSError, Trouble.CUT),
    (ValueError, Trouble.ADDRESS),
)


def _of_socket(error: OSError) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble.TLS_CERTIFICATE
    if isinstance(error, ssl.SSLError):
        return Trouble.TLS
    if isinstance(error, TimeoutError):
        return Trouble.CONNECT_TIMEOUT
    return Trouble.DNS if error.__class__.__name__ == "gaierror" else Trouble.CONNECT
