"""`gateway send FILE`: post one message as an agency's IT system does (contracts.md section 5).

Promises: exit 0 once the gateway has answered 202 or 200; sending the same again is harmless.
Fails: exit 1 with the gateway's findings, 2 for files that are not there, 3 where the gateway cannot be reached.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.api_http import Api, Part, form, opened, reasons, run
from gateway.cli.profile import connection, connection_options
from gateway.cli.shell import counting, json_option, show

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Send a message to a gateway.")
@click.argument("file", type=EXISTING)
@click.option("--attachment", "attachments", type=EXISTING, multiple=True, help="File that the XML names; repeatable.")
@click.option("--sachverhalt", type=EXISTING, help="Facts as JSON, with official XJustiz messages only.")
@click.option("--empfaenger", metavar="KEY", help="Recipient, with official XJustiz messages only.")
@click.option("--bestehen-auf", metavar="TEXT", help="Why it shall go out although it is entbehrlich.")
@connection_options
@json_option
def command(
    file: Path,
    attachments: tuple[Path, ...],
    sachverhalt: Path | None,
    empfaenger: str | None,
    bestehen_auf: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Send the XML message FILE with its attachments."""
    parts = parts_of(file, attachments, sachverhalt, empfaenger, bestehen_auf)
    answer = run(connection(given), lambda api: post(api, parts))
    show(answer, as_json, _lines)


def parts_of(
    file: Path,
    attachments: Sequence[Path],
    sachverhalt: Path | None = None,
    empfaenger: str | None = None,
    bestehen_auf: str | None = None,
) -> list[Part]:
    """The parts of one post; a lone XML file goes without multipart."""
    parts = [Part("nachricht", file, "application/xml")]
    if sachverhalt is not None:
        parts.append(Part("sachverhalt", sachverhalt.read_bytes(), "application/json"))
    if empfaenger is not None:
        parts.append(Part("empfaenger", empfaenger.encode(), "text/plain; charset=utf-8"))
    if bestehen_auf is not None:
        parts.append(Part("bestehen_auf", bestehen_auf.encode(), "text/plain; charset=utf-8"))
    for attachment in attachments:
        media_type = mimetypes.guess_type(attachment.name)[0] or "application/octet-stream"
        parts.append(Part("datei", attachment, media_type, attachment.name))
    return parts


async def post(api: Api, parts: Sequence[Part]) -> Any:
    """`POST /v1/messages`.

    Raises:
        Refused, Unreachable: see `api_http`.
    """
    sent, total = 0, sum(part.content.stat().st_size for part in parts if isinstance(part.content, Path))
    with counting("Byte", total) as told:

        def read(count: int) -> None:
            nonlocal sent
            sent += count
            told(sent)

        if len(parts) == 1 and isinstance(parts[0].content, Path):
            with opened(parts[0].content, read) as xml:
                return await api.call("POST", "/v1/messages", data=xml, headers={"Content-Type": parts[0].media_type})
        return await api.call("POST", "/v1/messages", data=form(parts, read))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['id']}  {answer['status']}"
    decision = answer.get("entscheidung")
    if not decision:
        return
    to = ", ".join(decision.get("empfaenger", []))
    provisional = " (vorläufig)" if decision.get("vorlaeufig") else ""
    yield f"Entscheidung: {decision['entscheidung']}{f' an {to}' if to else ''}{provisional}"
    yield from (f"  {line}" for line in reasons(decision))
