"""What each failure of a delivery means: the one place that classifies, for both ways.

| what | where | meaning |
| --- | --- | --- |
| 2xx | AS2 | taken; whether it is delivered the receipt or its deadline tells (`gateway/settle/receipt.py`) |
| 408, 425, 429, 5xx, no HTTP at all | AS2 | temporary; Retry-After is heard, up to an hour |
| 413; mail too large for the server, the partner or the agreement | both | a person chooses another way |
| other 4xx, every 3xx | AS2 | permanent: the agreement names the address, and the bytes stay the same |
| SMTP 4xx | mail | temporary, at whatever command |
| SMTP 5xx at greeting, EHLO, STARTTLS, login, MAIL FROM | mail | ours: our server refuses us, whoever shall get it |
| SMTP 5xx at RCPT TO, DATA | mail | permanent: this recipient, or this message |
| refused, reset, timeouts, DNS, TLS, no STARTTLS, an answer that is none | both | temporary |
| address that cannot be used, forbidden network, body that breaks, an exception of ours | both | ours |
| mails that come back | mail | temporary; after some a person decides |

Exceptions of libraries become `Trouble` at the border (`http.trouble_of`, `mail.failure_of`); nothing else classifies.

Promises: pure; every HTTP status, SMTP reply and trouble on the line is temporary, permanent or ours, with a stable
code and a German sentence for the delivery's page. The peer's own words never get into it: they are hostile input.
Fails: not at all; what is unknown is temporary, because a message given up too early is worse than a late one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, Literal

from gateway.states import Step

Kind = Literal["temporary", "permanent", "ours"]
"""temporary: the same bytes later; permanent: they will never be taken; ours: an operator must act, tried on until
then."""

RETRY_AFTER_MAX_S: Final = 3_600
"""Longest wait that a peer may ask for: the default cap of our own back-off, so that no peer can park a lane."""
RETURNS_MAX: Final = 3
"""Mails of one delivery that may come back before a person decides: one can be a mistake of a server on the way."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed try, and what it means."""

    kind: Kind
    code: str
    """Stable, for events and metrics: `http_502`, `smtp_550`, `tls_zertifikat`."""
    text_de: str
    """What happened and who must act."""
    retry_after: int | None = None
    """Seconds that the peer asks us to wait, already capped; None where it says nothing."""
    step: Step = Step.GIVE_UP
    """Where a permanent failure leads: GIVE_UP, or CANNOT_SEND where a person may choose another way."""


class Taken(StrEnum):
    """What a 2xx is."""

    RECEIPT = "receipt"  # the answer carries what may be a receipt: to be judged
    HANDED_OVER = "handed_over"  # it carries none: delivered or not, the deadline will tell


class Trouble(StrEnum):
    """What went wrong before there was an answer."""

    ADDRESS = "address"
    FORBIDDEN_ADDRESS = "forbidden_address"
    DNS = "dns"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    TLS_CERTIFICATE = "tls_certificate"
    NO_STARTTLS = "no_starttls"
    TIMEOUT = "timeout"
    CUT = "cut"
    PROTOCOL = "protocol"
    RESPONSE_TOO_LARGE = "response_too_large"
    BODY = "body"
    MAIL_TOO_LARGE = "mail_too_large"
    INTERNAL = "internal"


_TROUBLES: Final[dict[Trouble, Failure]] = {
    Trouble.ADDRESS: Failure(
        "ours", "adresse", "Die hinterlegte Adresse des Partners ist nicht brauchbar; bitte den Partnereintrag prüfen."
    ),
    Trouble.FORBIDDEN_ADDRESS: Failure(
        "ours",
        "adresse_privat",
        "Die Adresse des Partners liegt in einem privaten Netz, und private_adressen ist nicht eingeschaltet.",
    ),
    Trouble.DNS: Failure("temporary", "dns", "Der Rechnername des Partners lässt sich nicht auflösen."),
    Trouble.CONNECT: Failure("temporary", "verbindung", "Der Partner nimmt keine Verbindung an."),
    Trouble.CONNECT_TIMEOUT: Failure(
        "temporary", "verbindung_zeit", "Der Verbindungsaufbau zum Partner hat zu lange gedauert."
    ),
    Trouble.TLS: Failure("temporary", "tls", "Mit dem Partner kam keine TLS-Verbindung zustande."),
    Trouble.TLS_CERTIFICATE: Failure(
        "temporary", "tls_zertifikat", "Das TLS-Zertifikat des Partners ließ sich nicht prüfen."
    ),
    Trouble.NO_STARTTLS: Failure(
        "temporary", "starttls_fehlt", "Der Mailserver bietet kein STARTTLS an; unverschlüsselt wird nicht gesendet."
    ),
    Trouble.TIMEOUT: Failure("temporary", "zeit", "Der Partner hat nicht rechtzeitig geantwortet."),
    Trouble.CUT: Failure("temporary", "abbruch", "Die Verbindung zum Partner ist abgebrochen."),
    Trouble.PROTOCOL: Failure("temporary", "protokoll", "Die Antwort des Partners ist nicht verständlich."),
    Trouble.RESPONSE_TOO_LARGE: Failure(
        "temporary", "antwort_zu_gross", "Die Antwort des Partners ist größer, als eine Quittung sein kann."
    ),
    Trouble.BODY: Failure(
        "ours", "inhalt", "Der zu sendende Inhalt ließ sich nicht vollständig lesen; das liegt am Gateway."
    ),
    Trouble.MAIL_TOO_LARGE: Failure(
        "permanent",
        "mail_zu_gross",
        "Die Nachricht ist für den Mailweg zu groß; bitte einen anderen Weg wählen.",
        step=Step.CANNOT_SEND,
    ),
    Trouble.INTERNAL: Failure("ours", "intern", "Beim Senden ist im Gateway ein Fehler aufgetreten."),
}


def from_trouble(trouble: Trouble) -> Failure:
    """What a trouble on the line means."""
    return _TROUBLES[trouble]


def from_http(status: int, *, receipt: bool, retry_after: str | None = None, now: int = 0) -> Taken | Failure:
    """What an HTTP answer to an AS2 request means (wire.md section 4; RFC 4130 sections 5.4 and 5.5).

    Args:
        status: HTTP status.
        receipt: whether the body has a media type in which a receipt comes; a 502 with an HTML page has none.
        retry_after: value of Retry-After, if there is one.
        now: microseconds UTC, to read a date in `retry_after`.

    Returns:
        `Taken` for 2xx. Else a failure: 5xx, 408, 425 (RFC 8470) and 429 are temporary; other 4xx and every 3xx (no
        redirect is followed: the agreement names the address) are final; anything else is no HTTP answer, hence
        temporary.
    """
    if 200 <= status <= 299:
        return Taken.RECEIPT if receipt else Taken.HANDED_OVER
    code, wait = f"http_{status}", read_retry_after(retry_after, now)
    if status in (408, 425, 429):
        return Failure("temporary", code, f"Der Partner bittet um einen späteren Versuch (HTTP {status}).", wait)
    if status == 413:
        text = "Dem Partner ist die Nachricht zu groß (HTTP 413); bitte einen anderen Weg wählen."
        return Failure("permanent", code, text, step=Step.CANNOT_SEND)
    if 300 <= status <= 399:
        text = f"Der Partner verweist auf eine andere Adresse (HTTP {status}); Umleitungen wird nicht gefolgt."
        return Failure("permanent", code, text)
    if 400 <= status <= 499:
        return Failure("permanent", code, f"Der Partner weist die Übertragung zurück (HTTP {status}).")
    if 500 <= status <= 599:
        return Failure("temporary", code, f"Beim Partner ist ein Fehler aufgetreten (HTTP {status}).", wait)
    return from_trouble(Trouble.PROTOCOL)


At = Literal["server", "recipient", "message"]
"""What an SMTP reply answered: greeting, EHLO, STARTTLS, login or MAIL FROM; RCPT TO; DATA."""


def from_smtp(code: int, message: str = "", *, at: At = "message") -> Failure:
    """What a refusing SMTP reply means (RFC 5321 section 4.2.1, RFC 3463).

    Args:
        code: reply code.
        message: reply text; only its enhanced status code (RFC 2034) is read.
        at: what it answered.

    Returns:
        4xx are temporary, 5xx permanent. What our own set-up caused is ours: authentication, TLS demanded, and whatever
        our mail server refuses before it has heard of a recipient. A size limit leads to a person, who may choose
        another way.
    """
    enhanced = re.match(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b", message)
    detail = (enhanced[2], enhanced[3]) if enhanced else ("", "")
    name = f"smtp_{code}"
    if code in (530, 534, 535, 538):
        return Failure("ours", name, f"Der Mailserver verlangt eine andere Anmeldung (SMTP {code}).")
    if 400 <= code <= 499:
        return Failure("temporary", name, f"Der Mailserver bittet um einen späteren Versuch (SMTP {code}).")
    if not 500 <= code <= 599:
        return from_trouble(Trouble.PROTOCOL)
    if at == "server" and not _is_size(code, detail):
        return Failure("ours", name, f"Unser Mailserver weist uns ab (SMTP {code}); bitte [postausgang] prüfen.")
    if detail == ("2", "2"):
        return Failure("permanent", name, f"Das Postfach des Empfängers ist voll (SMTP {code}).")
    if _is_size(code, detail):
        return Failure("permanent", name, _TROUBLES[Trouble.MAIL_TOO_LARGE].text_de, step=Step.CANNOT_SEND)
    if at == "recipient":
        return Failure("permanent", name, f"Die Mailadresse des Empfängers wird nicht angenommen (SMTP {code}).")
    return Failure("permanent", name, f"Der Mailserver weist die Nachricht zurück (SMTP {code}).")


def _is_size(code: int, detail: tuple[str, str]) -> bool:
    return detail in (("3", "4"), ("2", "3")) or (code == 552 and detail == ("", ""))


def read_retry_after(value: str | None, now: int) -> int | None:
    """Seconds in a Retry-After (RFC 9110 section 10.2.3: seconds or a date), between 0 and `RETRY_AFTER_MAX_S`.

    Args:
        value: the header's value, hostile.
        now: microseconds UTC.

    Returns:
        None for a missing or unreadable value.
    """
    if value is None or len(value) > 64:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,20}", value):
        return min(int(value), RETRY_AFTER_MAX_S)
    try:
        date = parsedate_to_datetime(value)
        seconds = int(date.replace(tzinfo=date.tzinfo or UTC).timestamp()) - now // 1_000_000
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return max(0, min(seconds, RETRY_AFTER_MAX_S))


def from_dsn(status: str | None, times: int) -> Failure:
    """What a mail means that came back after the server had taken it.

    It leads to another try; after `RETURNS_MAX` a person decides about another way. Never alone to the end: whoever
    carries the mail can write such a notification (wire.md section 5).

    Args:
        status: enhanced status code of the notification (RFC 3463), from `settle.dsn`.
        times: how many mails of this delivery have come back, this one included.
    """
    said = f" ({status})" if status else ""
    if times < RETURNS_MAX or (status or "").startswith("4"):
        return Failure("temporary", "ruecklaeufer", f"Die Mail kam als unzustellbar zurück{said}.")
    text = (
        f"Die Mail kam {times}-mal als unzustellbar zurück{said}; "
        "bitte die Adresse beim Partner erfragen oder einen anderen Weg wählen."
    )
    return Failure("permanent", "ruecklaeufer", text, step=Step.CANNOT_SEND)
