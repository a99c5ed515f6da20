"""The API's way in: `POST /v1/messages`.

Promises: a body streams; files go into encrypted staging as they come; nothing but an event without content stays of
a refused request. The answer leaves only after everything is durable.
Fails: with the `Refusal`s of gateway/errors.py, which the listener turns into answers.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import web
from multipart import parse_options_header

from gateway.accept.commands import REASON_CHARS, Assignment, Forward, Reason
from gateway.accept.form import XML_BYTES, Event, FileBytes, FileEnds, FileStarts, Form
from gateway.errors import Forbidden, Malformed, Refusal, TooLarge, UnsupportedMediaType
from gateway.message import Answer, Caller, StagedFile, Submission
from gateway.web import CALLER, ID, check_text, path_id, pieces, read_json, read_limited

SIGNATURE_BYTES = 64 * 1024
"""A detached CMS signature with its certificate chain has some kilobytes."""


class Files(Protocol):
    """Takes the files of one request, one after the other, into encrypted staging."""

    def begin(self, name: str, media_type: str) -> None:
        """The next file."""

    async def write(self, data: bytes) -> None:
        """More of its content."""

    async def end(self) -> None:
        """Its content is complete."""

    def staged(self) -> tuple[StagedFile, ...]:
        """All files that are complete."""

    async def discard(self) -> None:
        """Removes what no message refers to."""


class Intake(Protocol):
    """What the way in needs of the gateway."""

    def upload(self) -> Files:
        """Where one request's files go."""

    async def accept(self, submission: Submission) -> Answer:
        """Checks, decides, makes durable, answers; raises `Refusal`."""

    async def refused(self, caller: Caller, refusal: Refusal) -> None:
        """Records the refusal as an event without content."""


class MessagesIn:
    """Handler of `POST /v1/messages`."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def routes(self) -> list[web.AbstractRouteDef]:
        """The routes of this stage."""
        return [web.post("/v1/messages", self.post, name="messages_post")]

    async def post(self, request: web.Request) -> web.Response:
        """Reads the request, hands it in, answers."""
        caller = request[CALLER]
        files = self._intake.upload()
        stored = False
        try:
            demand_client(caller)
            answer = await self._intake.accept(await self._read(request, caller, files))
            stored = answer.status == web.HTTPAccepted.status_code
        except Refusal as refusal:
            await self._intake.refused(caller, refusal)
            raise
        finally:  # refused, known already, or the connection broke: nothing of the upload stays
            if not stored:
                await files.discard()
        return _respond(answer)

    async def _read(self, request: web.Request, caller: Caller, files: Files) -> Submission:
        if request.content_type in {"application/xml", "text/xml"}:
            if (request.charset or "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
                raise Malformed("Senden Sie die Nachricht in UTF-8 (Content-Type: charset).", code="kodierung")
            return Submission(caller, await read_limited(request, XML_BYTES))
        if request.content_type == "multipart/form-data":
            return await self._read_form(request, caller, files)
        raise UnsupportedMediaType(
            "Senden Sie application/xml, oder multipart/form-data mit dem Teil „nachricht“ und den Dateien."
        )

    async def _read_form(self, request: web.Request, caller: Caller, files: Files) -> Submission:
        _, options = parse_options_header(request.headers["Content-Type"])
        form = Form(options.get("boundary", ""), request.content_length)
        async for piece in pieces(request):
            for event in form.feed(piece):
                await _stage(event, files)
        form.finish()
        return Submission(
            caller,
            form.fields["nachricht"],
            files.staged(),
            form.fields.get("sachverhalt"),
            _text(form, "empfaenger"),
            _text(form, "bestehen_auf"),
        )


async def _stage(event: Event, files: Files) -> None:
    match event:
        case FileStarts(name, media_type):
            files.begin(name, media_type)
        case FileBytes(data):
            await files.write(data)
        case FileEnds():
            await files.end()


def demand_client(caller: Caller) -> None:
    """Only an agency's IT system sends, forwards and acknowledges; who may only look, does not.

    Raises:
        Forbidden: the certificate does not have the role.
    """
    if "fachverfahren" not in caller.rollen:
        raise Forbidden("Ihr Zertifikat hat nicht die Rolle „fachverfahren“; es darf nur lesen.", code="rolle")


def _text(form: Form, field: str) -> str | None:
    raw = form.fields.get(field)
    if raw is None:
        return None
    what = f"Der Teil „{field}“"
    try:
        text = check_text(raw.decode("utf-8").strip(), what)
    except UnicodeDecodeError:
        raise Malformed(f"{what} ist nicht in UTF-8 geschrieben.", code="kodierung") from None
    if len(text) > REASON_CHARS:
        raise TooLarge(f"{what} darf höchstens {REASON_CHARS} Zeichen haben.")
    return text or None


class Commands(Protocol):
    """What the calls about a message that is already here need of the gateway."""

    async def forward(self, caller: Caller, message_id: str, forward: Forward) -> Answer:
        """Forwards as one act; raises `Refusal`."""

    async def acknowledge(self, caller: Caller, entry_id: str, signature: bytes) -> Answer:
        """Takes the receipt of an inbox entry; raises `Refusal`."""

    async def release(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """Releases a withheld notice; raises `Refusal`."""

    async def assign(self, caller: Caller, message_id: str, command: Assignment) -> Answer:
        """Places a notice that is in Klärung; raises `Refusal`."""

    async def resend(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """Sends once more; raises `Refusal`."""

    async def cancel(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """Ends what has not arrived; raises `Refusal`."""


class CommandsIn:
    """Handlers of forward, release, assign, resend, cancel and ack."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def routes(self) -> list[web.AbstractRouteDef]:
        """The routes of this part."""
        return [
            web.post(f"/v1/messages/{ID}/forward", self.forward, name="message_forward"),
            web.post(f"/v1/messages/{ID}/release", self.release, name="message_release"),
            web.post(f"/v1/messages/{ID}/assign", self.assign, name="message_assign"),
            web.post(f"/v1/messages/{ID}/resend", self.resend, name="message_resend"),
            web.post(f"/v1/messages/{ID}/cancel", self.cancel, name="message_cancel"),
            web.post(f"/v1/inbox/{ID}/ack", self.acknowledge, name="inbox_ack"),
        ]

    async def forward(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/{id}/forward`."""
        demand_client(request[CALLER])
        command = Forward.from_json(await read_json(request))
        return _respond(await self._commands.forward(request[CALLER], path_id(request), command))

    async def release(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/{id}/release`; a sender may send no body."""
        body = await read_json(request) if request.can_read_body else {}
        return _respond(await self._commands.release(request[CALLER], path_id(request), Reason.from_json(body)))

    async def assign(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/{id}/assign`."""
        command = Assignment.from_json(await read_json(request))
        return _respond(await self._commands.assign(request[CALLER], path_id(request), command))

    async def resend(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/{id}/resend`."""
        command = Reason.from_json(await read_json(request))
        return _respond(await self._commands.resend(request[CALLER], path_id(request), command))

    async def cancel(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/{id}/cancel`."""
        command = Reason.from_json(await read_json(request))
        return _respond(await self._commands.cancel(request[CALLER], path_id(request), command))

    async def acknowledge(self, request: web.Request) -> web.Response:
        """`POST /v1/inbox/{id}/ack`: a detached CMS signature in DER."""
        demand_client(request[CALLER])
        if request.content_type != "application/pkcs7-signature":
            raise UnsupportedMediaType("Erwartet wird application/pkcs7-signature (DER).")
        signature = await read_limited(request, SIGNATURE_BYTES)
        return _respond(await self._commands.acknowledge(request[CALLER], path_id(request), signature))


def _respond(answer: Answer) -> web.Response:
    headers = {"Location": answer.location} if answer.location else None
    return web.Response(status=answer.status, body=answer.body, content_type="application/json", headers=headers)
