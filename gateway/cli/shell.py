"""What the commands share: how they speak, how they stop, how they read the configuration.

Promises: results go to stdout, as text or as one JSON value; what went wrong goes to stderr in German, one line a
finding, never a traceback for what a user can mend; exit codes as in contracts.md section 6.
Fails: by `click.exceptions.Exit`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from gateway.cli.main import MISUSED, config_path
from gateway.config import Config, ConfigError, load

F = TypeVar("F", bound=Callable[..., Any])

WIDTH = 160
"""Columns of a table where no terminal says how many there are: ids and keys of authorities stay on one line."""


def json_option(command: F) -> F:
    """`--json`: one JSON value on stdout instead of text for people."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def reason_option(command: F) -> F:
    """`--grund`: why an operator acts."""
    return click.option("--grund", required=True, metavar="TEXT", help="The reason; it is recorded.")(command)


def stop(code: int, lines: str | Iterable[str]) -> NoReturn:
    """Say on stderr what is wrong and leave with `code`."""
    for line in [lines] if isinstance(lines, str) else lines:
        click.echo(printable(line), err=True)
    raise click.exceptions.Exit(code)


def show(value: Any, as_json: bool, text: Callable[[Any], Iterable[str]]) -> None:
    """Print a result: as JSON, or as the lines that `text` makes of it."""
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    for line in text(value):
        click.echo(printable(line))


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Progress on stderr, where that is a terminal: what the block counts, of `total` where that is known by now."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done, total=total: progress.update(task, completed=done, total=total)


def console() -> Console:
    """Where tables go: as wide as the terminal, `WIDTH` where there is none."""
    found = Console()
    if not found.is_terminal:
        found.width = WIDTH
    return found


def table(headings: Iterable[str], uncut: Iterable[str] = (), **options: Any) -> Table:
    """A table that cuts no value: the columns in `uncut` stay on one line, the others fold."""
    whole = frozenset(uncut)
    return Table(*(Column(name, no_wrap=name in whole, overflow="fold") for name in headings), **options)


def printable(text: str) -> str:
    """`text` without control characters: what comes from outside must not steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def configuration(ctx: click.Context) -> Config:
    """The configuration that the command line names; stops with its findings if it cannot be used."""
    try:
        return load(config_path(ctx))
    except ConfigError as error:
        stop(MISUSED, str(error))
