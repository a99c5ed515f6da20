"""The mail listener speaks SMTP and LMTP to a real client, takes only our mailbox, and is honest about failures."""

import asyncio
import smtplib
import ssl
import tempfile
from pathlib import Path

import pytest

from gateway.accept.mail import BUSY, SESSIONS, Handed, listen
from gateway.pki import write_pair
from gateway.pki_issue import DevelopmentCa, Request

POSTFACH = "quittung@gateway.example"
MAIL = b"From: a@partner.example\r\nTo: quittung@gateway.example\r\nSubject: Quittung\r\n\r\nText\r\n"


class Taker:
    """Takes mails, or cannot."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.handed: list[Handed] = []
        self.broken = False

    async def takes(self, address: str) -> bool:
        return address.lower() == POSTFACH

    async def receive_mail(self, raw: bytes, handed: Handed) -> None:
        if self.broken:
            raise OSError("disk full")
        self.taken.append(raw)
        self.handed.append(handed)


def talk(
    client: type[smtplib.SMTP], port: int, recipients: list[str], sender: str = "a@partner.example"
) -> tuple[list[int], int]:
    """Codes of every RCPT, and of DATA."""
    with client("127.0.0.1", port) as session:
        session.ehlo("mta.example")
        session.mail(sender)
        codes = [session.rcpt(recipient)[0] for recipient in recipients]
        return codes, session.data(MAIL)[0]


@pytest.mark.parametrize("client", [smtplib.SMTP, smtplib.LMTP])
async def test_a_mail_to_our_mailbox_is_taken(client: type[smtplib.SMTP]) -> None:
    taker = Taker()
    server = await listen(taker, "127.0.0.1", 0)
    codes, data = await asyncio.to_thread(talk, client, server.port, ["QUITTUNG@gateway.example"])
    await server.close()
    assert (codes, data) == ([250], 250)
    assert taker.taken == [MAIL]
    assert taker.handed == [Handed("QUITTUNG@gateway.example", automatic=False)]


async def test_nobody_else_and_only_once() -> None:
    taker = Taker()
    server = await listen(taker, "127.0.0.1", 0)
    codes, data = await asyncio.to_thread(talk, smtplib.LMTP, server.port, ["x@gateway.example", POSTFACH, POSTFACH])
    await server.close()
    assert (codes, data) == ([550, 250, 452], 250)
    assert len(taker.taken) == 1


async def test_what_cannot_be_kept_is_tried_again_by_the_mail_server() -> None:
    taker = Taker()
    taker.broken = True
    server = await listen(taker, "127.0.0.1", 0)
    _, data = await asyncio.to_thread(talk, smtplib.SMTP, server.port, [POSTFACH])
    await server.close()
    assert data == 451


@pytest.mark.parametrize("client", [smtplib.SMTP, smtplib.LMTP])
async def test_an_empty_return_path_is_told(client: type[smtplib.SMTP]) -> None:
    taker = Taker()
    server = await listen(taker, "127.0.0.1", 0)
    await asyncio.to_thread(talk, client, server.port, [POSTFACH], "")
    await server.close()
    assert taker.handed == [Handed(POSTFACH, automatic=True)]


async def test_one_connection_too_many_is_asked_to_come_later() -> None:
    server = await listen(Taker(), "127.0.0.1", 0)
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(SESSIONS)]
    assert {await reader.readline() for reader, _ in held} == {b"220 gateway gateway\r\n"}
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await reader.read() == BUSY
    held[0][1].close()
    assert await held[0][0].read() == b""
    await _admitted(server.port)
    await server.close()
    for busy_reader, busy_writer in [(reader, writer), *held]:
        busy_writer.close()
        await busy_reader.read()


async def _admitted(port: int) -> None:
    """A place is free as soon as the server has seen that one ended."""
    async with asyncio.timeout(30):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            greeting = await reader.readline()
            writer.close()
            await reader.read()
            if greeting.startswith(b"220"):
                return


async def test_sessions_end_with_the_listener() -> None:
    server = await listen(Taker(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert (await reader.readline()).startswith(b"220")
    await server.close()
    assert await reader.read() == b""
    writer.close()


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The listener's context, and a client's that trusts it."""
    ca = DevelopmentCa.create()
    pair = ca.issue(Request(purpose="tls", name="gateway", hosts=("localhost",)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        write_pair(pair, Path(folder) / "tls")
        context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    return context, ssl.create_default_context(cadata=ca.pem)


async def test_nothing_is_taken_without_tls_where_it_is_demanded(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    taker = Taker()
    server = await listen(taker, "127.0.0.1", 0, tls[0], demand_tls=True)

    def plain_and_secured() -> tuple[int, int]:
        with smtplib.SMTP("localhost", server.port) as session:
            session.ehlo("mta.example")
            refused = session.mail("a@partner.example")[0]
            session.starttls(context=tls[1])
            session.ehlo("mta.example")
            session.sendmail("a@partner.example", POSTFACH, MAIL)
            return refused, session.noop()[0]

    assert await asyncio.to_thread(plain_and_secured) == (530, 250)
    await server.close()
    assert taker.taken == [MAIL]


async def test_a_secured_session_ends_with_the_listener_at_once(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Whoever stays connected and says nothing holds up no stop."""
    server = await listen(Taker(), "127.0.0.1", 0, tls[0])
    session = await asyncio.to_thread(smtplib.SMTP, "localhost", server.port)
    await asyncio.to_thread(session.starttls, context=tls[1])
    async with asyncio.timeout(20):  # TLS alone would wait 30 seconds for a farewell
        await server.close()
    session.close()
