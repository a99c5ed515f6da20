"""The mail listener speaks SMTP and LMTP to a real client, takes only our mailbox, and is honest about failures."""

import asyncio
import smtplib

import pytest

from gateway.accept.mail import listen

POSTFACH = "quittung@gateway.example"
MAIL = b"From: a@partner.example\r\nTo: quittung@gateway.example\r\nSubject: Quittung\r\n\r\nText\r\n"


class Taker:
    """Takes mails, or cannot."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.broken = False

    async def receive_mail(self, raw: bytes) -> None:
        if self.broken:
            raise OSError("disk full")
        self.taken.append(raw)


def talk(client: type[smtplib.SMTP], port: int, recipients: list[str]) -> tuple[list[int], int]:
    """Codes of every RCPT, and of DATA."""
    with client("127.0.0.1", port) as session:
        session.ehlo("mta.example")
        session.mail("a@partner.example")
        codes = [session.rcpt(recipient)[0] for recipient in recipients]
        return codes, session.data(MAIL)[0]


@pytest.mark.parametrize("client", [smtplib.SMTP, smtplib.LMTP])
async def test_a_mail_to_our_mailbox_is_taken(client: type[smtplib.SMTP]) -> None:
    taker = Taker()
    server = await listen(taker, POSTFACH, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    codes, data = await asyncio.to_thread(talk, client, port, ["QUITTUNG@gateway.example"])
    server.close()
    await server.wait_closed()
    assert (codes, data) == ([250], 250)
    assert taker.taken == [MAIL]


async def test_nobody_else_and_only_once() -> None:
    taker = Taker()
    server = await listen(taker, POSTFACH, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    codes, data = await asyncio.to_thread(talk, smtplib.LMTP, port, ["x@gateway.example", POSTFACH, POSTFACH])
    server.close()
    await server.wait_closed()
    assert (codes, data) == ([550, 250, 452], 250)
    assert len(taker.taken) == 1


async def test_what_cannot_be_kept_is_tried_again_by_the_mail_server() -> None:
    taker = Taker()
    taker.broken = True
    server = await listen(taker, POSTFACH, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, data = await asyncio.to_thread(talk, smtplib.SMTP, port, [POSTFACH])
    server.close()
    await server.wait_closed()
    assert data == 451
