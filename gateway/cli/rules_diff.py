"""`gateway rules diff`: which rules A and B name, and what they would decide differently.

Promises: reads only; keys, numbers and days are printed, never content.
Fails: exit 2 for rules that there are not or a file that holds none, 3 where the store cannot be reached.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import Progress

from gateway import clock
from gateway.cli.main import MISUSED
from gateway.cli.shell import show, stop
from gateway.cli.stored import with_store
from gateway.config import Config
from gateway.config_errors import findings
from gateway.config_tables import Regeln
from gateway.route.resources import packaged_rules
from gateway.service.casework.replaying import Replay, Replaying, Variant
from gateway.service.context import Context
from routing import Einstellungen, RegelwerkFehler
from routing.erlass.tabelle import TABELLEN
from routing.regelwerk import Regelwerk

CURRENT: Final = "aktuell"
"""The rules in force, with the settings of this gateway."""
FILE_LIMIT: Final = 1_000_000
"""Bytes of a rule file: a real one has a few hundred."""


class _Settings(BaseModel):
    """The part of a rule file that is written as in gateway.toml."""

    regeln: Regeln


def run(config: Config, a: str, b: str, since: date, as_json: bool) -> None:
    """Compare and print."""
    own = config.regeln.einstellungen()
    one, other = variant(a, own), variant(b, own)
    first = int(datetime.combine(since, time(), clock.BERLIN).timestamp() * clock.SECOND)

    async def ask(ctx: Context) -> Replay:
        with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
            start = ctx.now()
            task = progress.add_task("Nachrichten", total=max(start - first, 1))
            return await Replaying(ctx).compare(
                one, other, first, lambda came: progress.update(task, completed=start - came)
            )

    replay = with_store(config, ask)
    value = {
        "a": a,
        "b": b,
        "seit": since.isoformat(),
        "nachgerechnet": replay.geprueft,
        "uebersprungen": replay.uebersprungen,
        "anders": replay.anders,
    }
    show(value, as_json, _lines)


def variant(name: str, own: Einstellungen) -> Variant:
    """The rules that a name or a file stands for; stops with exit 2 if there are none."""
    rules = packaged_rules()
    if name == CURRENT:
        return Variant(name, rules, own)
    fixed = rules.festgelegt_auf(name)
    if fixed is not None:
        return Variant(name, fixed, own)
    path = Path(name)
    if not path.is_file():
        known = [CURRENT, *(each.fassung for each in (*rules.erlass, *rules.zustavo))]
        stop(MISUSED, f"„{name[:200]}“ ist weder eine Fassung ({', '.join(known)}) noch eine Datei.")
    try:
        return _from_file(path, own)
    except OSError as error:
        stop(MISUSED, f"{path}: nicht lesbar ({error.strerror})")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        stop(MISUSED, f"{path}: kein gültiges TOML in UTF-8")
    except RegelwerkFehler as error:
        stop(MISUSED, [f"{path}: {line}" for line in error.fehler])
    except ValidationError as error:
        stop(MISUSED, [f"{path}: {line}" for line in findings(error, _Settings)])


def _from_file(path: Path, own: Einstellungen) -> Variant:
    """Rules of a file: what it does not say is as packaged, settings that it does not say are this gateway's."""
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise RegelwerkFehler([f"größer als {FILE_LIMIT} Bytes"])
    table = tomllib.loads(data.decode("utf-8"))
    settings = table.pop("regeln", None)
    rules = Regelwerk.aus_daten(table, TABELLEN, packaged_rules())
    if settings is None:
        return Variant(str(path), rules, own)
    return Variant(str(path), rules, _Settings.model_validate({"regeln": settings}).regeln.einstellungen())


def _lines(value: dict[str, Any]) -> Iterator[str]:
    for each in value["anders"]:
        yield f"{each['eingang']}  {each['id']}  {each['anlass']} von {each['absender']}"
        for name, both in each["felder"].items():
            yield f"    {name}: {_text(both['a'])} → {_text(both['b'])}"
    for each in value["uebersprungen"]:
        yield f"{each['id']}: {each['grund']}"
    yield (
        f"{value['nachgerechnet']} Nachrichten seit {value['seit']} nachgerechnet, {len(value['anders'])} anders, "
        f"{len(value['uebersprungen'])} nicht nachzurechnen."
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "ja" if value else "nein"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
