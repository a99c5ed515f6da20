"""`gateway check`: would the gateway take this message? `gateway check --example ANLASS`: what does one look like?

Promises: needs no configuration, no store and no network; where a configuration is found, its packs, previews and
overlap count. Findings are German lines: place, sentence, XPath. Nothing is stored or sent.
Fails: exit 1 for a message that is refused, 2 for a command line or configuration that cannot be used.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from gateway import clock
from gateway.check import examples
from gateway.check.checker import Checker
from gateway.check.intake import MAX_BYTES
from gateway.check.resources import SchemaMissing
from gateway.cli.directory_store import effective_directory
from gateway.cli.main import MISUSED, REFUSED
from gateway.cli.schemas import found_configuration
from gateway.cli.shell import json_option, show, stop
from gateway.errors import Befund, Refusal
from gateway.message import Geprueft


@click.command()
@click.argument("message", type=click.File("rb"), metavar="FILE", required=False)
@click.option(
    "--attachment",
    "attachments",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that travels with it; repeatable. Without any, attachments are not compared.",
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day of receipt; today if not given.")
@click.option("--packs", type=click.Path(file_okay=False, path_type=Path), help="Folder of installed XJustiz packs.")
@click.option("--example", "shown", metavar="ANLASS", help="Print the valid example; ANLASS/FAULT prints a faulty one.")
@click.option("--faulty", is_flag=True, help="With --example: list the faulty examples with what is wrong.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    message: Any,
    attachments: tuple[Path, ...],
    day: datetime | None,
    packs: Path | None,
    shown: str | None,
    faulty: bool,
    as_json: bool,
) -> None:
    """Check a message against its schema and the rules beyond it; - reads standard input."""
    if shown is not None and message is None:
        _show_example(shown, faulty, as_json)
        return
    if message is None or shown is not None or faulty:
        stop(MISUSED, "Angegeben wird entweder eine Datei oder --example ANLASS, mit oder ohne --faulty.")
    checker = _checker(ctx, packs)
    received = day.date() if day else clock.day(clock.now())
    names = [path.name for path in attachments] or None
    try:
        checked = asyncio.run(_check(checker, message.read(MAX_BYTES + 1), received, names))
    except Refusal as refused:
        lines = list(_refused(refused))
        show({"gueltig": False, **refused.as_problem()}, as_json, lambda _: lines)
        raise click.exceptions.Exit(REFUSED) from None
    show(_as_json(checked), as_json, lambda _: _accepted(checked, names is not None))


def _show_example(name: str, faulty: bool, as_json: bool) -> None:
    """Print an example, or the list of those with a fault."""
    try:
        xml, listed = examples.example(name), examples.faulty(name) if faulty else []
    except KeyError:
        stop(MISUSED, f"Kein Beispiel „{name}“. Es gibt: {', '.join(examples.names())}.")
    if not faulty:
        text = xml.decode("utf-8")
        show({"name": name, "xml": text}, as_json, lambda _: [text.rstrip()])
        return
    found = [dataclasses.asdict(fault) for fault in listed]
    show({"name": name, "fehlerhaft": found}, as_json, lambda _: _faults(name, listed))


def _faults(name: str, listed: list[examples.FaultyExample]) -> Iterator[str]:
    """Faulty examples for people."""
    for fault in listed:
        finding = f", Befund {fault.befund}" if fault.befund else ""
        yield f"{name}/{fault.name}"
        yield f"  {fault.falsch} [{fault.code}{finding}]"


def _checker(ctx: click.Context, packs: Path | None) -> Checker:
    """A checker by the configuration, if there is one."""
    config = found_configuration(ctx)
    directory = effective_directory(ctx)
    try:
        if config is None:
            return Checker.for_packaged(packs, directory=directory)
        settings = config.schemata
        return Checker.for_packaged(
            packs or settings.packs,
            directory=directory,
            ueberlappung_tage=settings.ueberlappung_tage,
            vorschau=settings.vorschau,
            zuordnung=settings.zuordnung,
        )
    except SchemaMissing as error:
        stop(MISUSED, str(error))


async def _check(checker: Checker, xml: bytes, day: date, names: list[str] | None) -> Geprueft:
    """One check, and the end of the worker."""
    try:
        return await checker.check(xml, today=day, attachments=names)
    finally:
        await checker.close()


def _as_json(checked: Geprueft) -> dict[str, Any]:
    """A checked message for `--json`."""
    facts = checked.sachverhalt.as_json() if checked.sachverhalt else None
    return {"gueltig": True, "kopf": dataclasses.asdict(checked.kopf), "sachverhalt": facts}


def _accepted(checked: Geprueft, compared: bool) -> Iterator[str]:
    """A checked message for people."""
    kopf = checked.kopf
    yield f"Gültig: {kopf.wurzel}, Version {kopf.version}" + (", Testverkehr" if kopf.test else "")
    yield f"  Absender: {kopf.absender or 'unbekannt'}, Empfänger: {kopf.empfaenger or 'zu ermitteln'}"
    if checked.sachverhalt is not None:
        yield f"  Anlass: {checked.sachverhalt.anlass}"
    if kopf.dateien:
        yield f"  Dateien: {', '.join(kopf.dateien)}" + ("" if compared else " (Anlagen nicht verglichen)")


def _refused(refusal: Refusal) -> Iterator[str]:
    """A refusal for people, one finding after the other."""
    yield f"Abgewiesen: {refusal.detail}"
    for finding in refusal.befunde:
        number = f", Nummer {finding.nummer}" if finding.nummer else ""
        yield f"  {_place(finding)}{finding.text} [{finding.code}{number}]"
        if finding.xpath:
            yield f"    {finding.xpath}"


def _place(finding: Befund) -> str:
    """Line and column of a finding, as far as known."""
    if finding.zeile is None:
        return ""
    column = f", Spalte {finding.spalte}" if finding.spalte is not None else ""
    return f"Zeile {finding.zeile}{column}: "
