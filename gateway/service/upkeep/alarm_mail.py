"""An alarm as a mail for people.

Promises: pure; one plain text in UTF-8, marked as made by a machine, so that nothing answers it.
Fails: `ValueError` for an address that cannot stand in a header.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from gateway.clock import BERLIN
from gateway.send.mail_message import checked_address

OCCASIONS: Final = {"neu": "Alarm", "wiederholt": "Alarm (noch immer)", "erledigt": "Erledigt"}


def alarm_mail(body: Mapping[str, Any], *, sender: str, recipient: str, notice: str) -> bytes:
    """The mail of one notice.

    Args:
        body: what is told.
        sender: our address.
        recipient: who is told.
        notice: its id, the same for each try.

    Raises:
        ValueError: an address is none.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = checked_address(sender)
    mail["To"] = checked_address(recipient)
    mail["Subject"] = f"[{body['gateway']}] {OCCASIONS[body['anlass']]}: {body['titel']}"
    mail["Date"] = format_datetime(datetime.fromisoformat(body["gemeldet"]))
    mail["Message-ID"] = f"<{notice}@{sender.rpartition('@')[2]}>"
    mail["References"] = f"<{body['alarm']}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_text(body), cte="quoted-printable")
    return mail.as_bytes()


def _text(body: Mapping[str, Any]) -> str:
    since = datetime.fromisoformat(body["seit"]).astimezone(BERLIN).strftime("%d.%m.%Y, %H:%M Uhr")
    end = f"Gateway: {body['gateway']}\nSeit: {since}\nKennung: {body['art']} {body['gegenstand']}".rstrip()
    if body["anlass"] == "erledigt":
        return f"Das besteht nicht mehr; es ist nichts zu tun.\n\nGemeldet war: {body['was']}\n\n{end}\n"
    return (
        f"Was geschehen ist:\n{body['was']}\n\nWas es bedeutet:\n{body['bedeutet']}\n\n"
        f"Was zu tun ist:\n{body['tun']}\n\n{end}\n"
    )
