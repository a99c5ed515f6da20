"""The SMTP client against real servers on the loopback: aiosmtpd, and scripted ones that misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from aiosmtpd.smtp import Envelope as Received

from gateway.demo.cast import free_port
from gateway.pki import KeyPair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.send.failure import At, Failure, Trouble, from_smtp, from_trouble
from gateway.send.mail import Accepted, Envelope, MailServer, send, size_limit, xtext
from gateway.states import Step

CA = DevelopmentCa.create()
MESSAGE = b"From: a@hub.example\r\nSubject: Nachricht\r\n\r\n.dot\r\n..two\r\nend\r\n"
ENVELOPE = Envelope("gateway+abcdefghij0123456789@hub.example", "post@kreis.example", "abcdefghij0123456789")


class Mailbox:
    """A handler that keeps what comes, and answers what a test wants."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.received: list[Received] = []

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Received, address: str, options: Any) -> str:
        if "rcpt" in self.answers:
            return self.answers["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Received, address: str, options: Any) -> str:
        if "mail" in self.answers:
            return self.answers["mail"]
        envelope.mail_from, envelope.mail_options = address, list(options)
        return "250 2.1.0 ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Received) -> str:
        self.received.append(envelope)
        return self.answers.get("data", "250 2.0.0 queued")


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, implicit: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="mx.example", **options), "127.0.0.1", 0, ssl=implicit
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def scripted(*replies: bytes | None, hold: asyncio.Event | None = None) -> AsyncIterator[int]:
    """A peer that says each reply in turn, whatever it is asked; None closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for reply in replies:
                if reply is None:
                    return
                writer.write(reply)
                await writer.drain()
                await reader.readuntil(b"\r\n")
            if hold is not None:
                await hold.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def plain(port: int) -> MailServer:
    return MailServer("127.0.0.1", port, "keine", local_hostname="hub.example")


async def hand_over(port: int, envelope: Envelope = ENVELOPE, message: bytes = MESSAGE) -> Accepted | Failure:
    return await send(plain(port), envelope, message, timeout_s=5, data_timeout_s=5)


async def test_a_mail_arrives_byte_for_byte() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        assert await hand_over(port) == Accepted(250)
    got = mailbox.received[0]
    assert got.original_content == MESSAGE
    assert (got.mail_from, got.rcpt_tos) == (ENVELOPE.sender, ["post@kreis.example"])
    assert f"SIZE={len(MESSAGE)}" in got.mail_options


async def test_a_receipt_has_an_empty_sender() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        assert await hand_over(port, replace(ENVELOPE, sender="")) == Accepted(250)
    assert mailbox.received[0].mail_from == "<>"  # so aiosmtpd names the empty one


WHAT: dict[str, At] = {"mail": "server", "rcpt": "recipient", "data": "message"}


@pytest.mark.parametrize("command", WHAT)
@pytest.mark.parametrize("reply", ["451 4.3.0 later", "421 4.3.2 closing", "550 5.1.1 no"])
async def test_a_refusal_means_what_its_code_and_its_command_say(command: str, reply: str) -> None:
    async with mail_server(Mailbox(**{command: reply})) as port:
        failure = await hand_over(port)
    assert failure == from_smtp(int(reply[:3]), at=WHAT[command])
    assert isinstance(failure, Failure)
    refused = "ours" if command == "mail" else "permanent"
    assert failure.kind == ("temporary" if reply.startswith("4") else refused)


OK = b"250 ok\r\n"
COMMANDS: list[tuple[str, list[bytes], str]] = [
    ("greeting", [], "ours"),
    ("EHLO", [b"220 hi\r\n"], "ours"),
    ("MAIL FROM", [b"220 hi\r\n", b"250 mx.example\r\n"], "ours"),
    ("RCPT TO", [b"220 hi\r\n", b"250 mx.example\r\n", OK], "permanent"),
    ("DATA", [b"220 hi\r\n", b"250 mx.example\r\n", OK, OK], "permanent"),
    ("end of data", [b"220 hi\r\n", b"250 mx.example\r\n", OK, OK, b"354 go\r\n"], "permanent"),
]


@pytest.mark.parametrize(("command", "before", "refused"), COMMANDS, ids=[command for command, _, _ in COMMANDS])
@pytest.mark.parametrize("code", [451, 554])
async def test_a_refusal_at_every_command(command: str, before: list[bytes], refused: str, code: int) -> None:
    """Before a recipient was named our own server refuses us: nobody's messages are given up for that."""
    no = f"{code} 5.0.0 no\r\n".replace("5.0.0", f"{code // 100}.0.0").encode()
    async with scripted(*before, *([no, no] if command == "EHLO" else [no])) as port:
        failure = await hand_over(port)
    assert isinstance(failure, Failure), command
    assert (failure.code, failure.kind) == (f"smtp_{code}", "temporary" if code == 451 else refused)
    assert failure.step is Step.GIVE_UP
    assert str(code) in failure.text_de


async def test_a_refused_size_asks_a_person() -> None:
    async with mail_server(Mailbox(data="552 5.3.4 too big")) as port:
        failure = await hand_over(port)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.step) == ("permanent", Step.CANNOT_SEND)


async def test_size_is_read_before_anything_is_sent() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, data_size_limit=len(MESSAGE) - 1) as port:
        assert await hand_over(port) == from_trouble(Trouble.MAIL_TOO_LARGE)
    async with mail_server(mailbox, data_size_limit=len(MESSAGE) + 2) as port:
        assert await hand_over(port) == Accepted(250)
    assert len(mailbox.received) == 1


async def test_the_agreements_limit_counts_without_any_server() -> None:
    failure = await send(plain(1), ENVELOPE, MESSAGE, max_bytes=len(MESSAGE) - 1)
    assert failure == from_trouble(Trouble.MAIL_TOO_LARGE)


async def commands_with(extensions: bytes, envelope: Envelope) -> list[bytes]:
    """What the client says to a server with these extensions."""
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example\r\n")
        replies = {b"EHLO": b"250-mx.example\r\n" + extensions + b"250 8BITMIME\r\n", b"DATA": b"354 go\r\n"}
        while not said or said[-1] != b"QUIT\r\n":
            said.append(await reader.readuntil(b"\r\n"))
            writer.write(replies.get(said[-1][:4].strip(), b"250 ok\r\n"))
            if said[-1] == b"DATA\r\n":
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        assert await hand_over(server.sockets[0].getsockname()[1], envelope) == Accepted(250)
    return said


async def test_envid_is_sent_where_the_server_has_dsn() -> None:
    said = await commands_with(b"250-DSN\r\n", ENVELOPE)
    assert f"MAIL FROM:<{ENVELOPE.sender}> RET=HDRS ENVID={ENVELOPE.envid}\r\n".encode() in said
    assert b"RCPT TO:<post@kreis.example> NOTIFY=FAILURE,DELAY\r\n" in said


async def test_no_dsn_is_asked_for_a_receipt() -> None:
    said = await commands_with(b"250-DSN\r\n", replace(ENVELOPE, sender=""))
    assert f"MAIL FROM:<> RET=HDRS ENVID={ENVELOPE.envid}\r\n".encode() in said
    assert b"RCPT TO:<post@kreis.example> NOTIFY=NEVER\r\n" in said


async def test_without_dsn_and_size_nothing_is_added() -> None:
    said = await commands_with(b"", ENVELOPE)
    assert f"MAIL FROM:<{ENVELOPE.sender}>\r\n".encode() in said
    assert b"RCPT TO:<post@kreis.example>\r\n" in said


async def test_connection_refused() -> None:
    assert await hand_over(free_port()) == from_trouble(Trouble.CONNECT)


async def test_an_unknown_host() -> None:
    server = replace(plain(25), host=".".join(["a" * 63] * 4 + ["invalid"]))
    assert await send(server, ENVELOPE, MESSAGE, timeout_s=5) == from_trouble(Trouble.DNS)


EHLO = b"250 mx.example\r\n"


@pytest.mark.parametrize(
    ("replies", "trouble"),
    [
        ([None], Trouble.CONNECT),
        ([b"220 hi\r\n", None], Trouble.CUT),
        ([b"220 hi\r\n", EHLO, None], Trouble.CUT),
        ([b"220 hi\r\n", EHLO, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", None], Trouble.CUT),
        ([b"HTTP/1.1 400 Bad Request\r\n"], Trouble.PROTOCOL),
    ],
)
async def test_a_peer_that_ends_too_early(replies: list[bytes | None], trouble: Trouble) -> None:
    async with scripted(*replies) as port:
        failure = await hand_over(port)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == ("temporary", from_trouble(trouble).code)


async def test_a_server_that_is_busy_at_the_door() -> None:
    async with scripted(b"421 4.3.2 busy\r\n") as port:
        assert await hand_over(port) == from_smtp(421)


@pytest.mark.parametrize("replies", [[b""], [b"220 hi\r\n"], [b"220 hi\r\n", EHLO]])
async def test_a_slow_server(replies: list[bytes]) -> None:
    hold = asyncio.Event()
    async with scripted(*replies, hold=hold) as port:
        failure = await send(plain(port), ENVELOPE, MESSAGE, timeout_s=0.1)
        hold.set()
    assert failure in (from_trouble(Trouble.TIMEOUT), from_trouble(Trouble.CONNECT_TIMEOUT))


async def test_a_lost_goodbye_does_not_undo_the_delivery() -> None:
    replies = [b"220 hi\r\n", EHLO, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            writer.write(reply)
            await reader.readuntil(b"\r\n" if reply[:3] != b"354" else b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        assert await hand_over(server.sockets[0].getsockname()[1]) == Accepted(250)


@pytest.mark.parametrize("recipient", ["a@b.example>\r\nRCPT TO:<c@d.example", "", "a b@c"])
async def test_an_address_never_adds_a_command(recipient: str) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        failure = await hand_over(port, replace(ENVELOPE, recipient=recipient))
    assert failure == from_trouble(Trouble.ADDRESS)
    assert mailbox.received == []


def server_context(pair: KeyPair, folder: Path) -> ssl.SSLContext:
    files = write_pair(pair, folder / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.crt, files.key)
    return context


def secured(port: int, how: str) -> MailServer:
    trust = ssl.create_default_context(cadata=CA.pem)
    return MailServer("127.0.0.1", port, how, trust, local_hostname="hub.example")  # type: ignore[arg-type]


async def tls_try(how: str, pair: KeyPair, folder: Path, mailbox: Mailbox) -> Accepted | Failure:
    context = server_context(pair, folder)
    options: dict[str, Any] = (
        {"implicit": context} if how == "tls" else {"tls_context": context, "require_starttls": True}
    )
    async with mail_server(mailbox, **options) as port:
        return await send(secured(port, how), ENVELOPE, MESSAGE, timeout_s=5)


GOOD = CA.issue(Request(purpose="tls", name="mx", hosts=("127.0.0.1",)))
BAD = {
    "other name": CA.issue(Request(purpose="tls", name="mx", hosts=("other.example",))),
    "foreign CA": CA.twin().issue(Request(purpose="tls", name="mx", hosts=("127.0.0.1",))),
    "expired": CA.issue_expired("tls", "mx", ["127.0.0.1"]),
}


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_verified_tls(how: str, tmp_path: Path) -> None:
    mailbox = Mailbox()
    assert await tls_try(how, GOOD, tmp_path, mailbox) == Accepted(250)
    assert len(mailbox.received) == 1


@pytest.mark.parametrize("how", ["starttls", "tls"])
@pytest.mark.parametrize("pair", BAD.values(), ids=BAD.keys())
async def test_nothing_is_said_to_a_server_that_does_not_verify(how: str, pair: KeyPair, tmp_path: Path) -> None:
    mailbox = Mailbox()
    assert await tls_try(how, pair, tmp_path, mailbox) == from_trouble(Trouble.TLS_CERTIFICATE)
    assert mailbox.received == []


async def test_without_starttls_nothing_is_sent() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        failure = await send(secured(port, "starttls"), ENVELOPE, MESSAGE, timeout_s=5)
    assert failure == from_trouble(Trouble.NO_STARTTLS)
    assert mailbox.received == []


@pytest.mark.parametrize(("password", "taken"), [("richtig", True), ("falsch", False)])
async def test_login_after_starttls(password: str, taken: bool, tmp_path: Path) -> None:
    def check(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"richtig", handled=False)

    mailbox = Mailbox()
    options: dict[str, Any] = {
        "tls_context": server_context(GOOD, tmp_path),
        "authenticator": check,
        "auth_required": True,
    }
    async with mail_server(mailbox, **options) as port:
        server = replace(secured(port, "starttls"), user="gateway", password=password)
        answer = await send(server, ENVELOPE, MESSAGE, timeout_s=5)
    assert isinstance(answer, Accepted) is taken
    assert isinstance(answer, Accepted) or (answer.kind, answer.code) == ("ours", "smtp_535")


def test_a_password_stands_in_no_repr() -> None:
    assert "geheim" not in repr(MailServer("h", 25, password="geheim"))


@pytest.mark.parametrize(
    ("parameter", "limit"), [(None, None), ("", None), ("0", None), ("10", 10), (" 7 ", 7), ("x", None), ("-1", None)]
)
def test_what_size_says(parameter: str | None, limit: int | None) -> None:
    assert size_limit(parameter) == limit


@pytest.mark.parametrize(("value", "written"), [("abc", "abc"), ("a+b=c", "a+2Bb+3Dc"), ("a b", "a+20b")])
def test_xtext(value: str, written: str) -> None:
    assert xtext(value) == written


@pytest.mark.parametrize("value", ["", "ä", "a\r\n", "a" * 101, "=" * 40])
def test_no_xtext(value: str) -> None:
    with pytest.raises(ValueError):
        xtext(value)
