"""`gateway partners lanes`, `hold ID`, `release ID`: the lanes in which deliveries to partners go.

Promises: what is held stays held on every gateway of the store until somebody releases it; each act has its reason and
is an event.
Fails: exit 1 where the partner is unknown, or held or released already, 3 where the store cannot be reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import click

from gateway.cli.shell import configuration, json_option, reason_option, show
from gateway.cli.stored import OPERATOR, with_store
from gateway.service.context import Context, akteur
from gateway.service.departure.lanes import Lanes

Act = Callable[[Lanes, str, str, str], Awaitable[None]]


@click.command("lanes", short_help="State of all partners' lanes.")
@json_option
@click.pass_context
def lanes(ctx: click.Context, as_json: bool) -> None:
    """Show whether deliveries to each partner go, pause after failures, or are held."""
    show(with_store(configuration(ctx), lambda context: Lanes(context).all()), as_json, _lines)


def _act(name: str, short: str, text: str, act: Act, state: str) -> click.Command:
    """One act on the lane of the partner ID, with its reason."""

    @click.command(name, short_help=short, help=text)
    @click.argument("id_", metavar="ID")
    @reason_option
    @json_option
    @click.pass_context
    def made(ctx: click.Context, id_: str, grund: str, as_json: bool) -> None:
        async def run(context: Context) -> dict[str, Any]:
            await act(Lanes(context), id_, grund, akteur(OPERATOR))
            return {"partner": id_, "zustand": state}

        show(with_store(configuration(ctx), run), as_json, _acted)

    return made


hold = _act(
    "hold",
    "Hold all deliveries to one partner.",
    "Hold all deliveries to the partner ID; what is under way ends, everything else waits.",
    Lanes.hold,
    "angehalten",
)
release = _act(
    "release",
    "Let deliveries to one partner go on.",
    "Let deliveries to the partner ID go on at once, whether it was held or pauses after failures.",
    Lanes.release,
    "frei",
)


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        notes = [f"{row['partner']}: {row['zustand']}"]
        if row["naechste_probe"]:
            notes.append(f"{row['fehler_in_folge']} Fehler in Folge, nächste Probe {row['naechste_probe']}")
        if row["grund"]:
            notes.append(f"seit {row['angehalten_am']}: {row['grund']}")
        if row["wartet_seit"]:
            notes.append(f"fällig seit {row['wartet_seit']}")
        yield ", ".join(notes)


def _acted(value: dict[str, Any]) -> Iterator[str]:
    yield f"{value['partner']}: {value['zustand']}"
