"""Reads the packaged data of the rules: the directory of NRW, the versions of decree and ordinance, the decree's text.

Promises: one value per process, built once; it works from a wheel as from a checkout.
Fails: with `VerzeichnisFehler` or `RegelwerkFehler` for packaged data that do not add up, `FileNotFoundError` for a
broken installation.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from gateway.route.overlay import COLUMNS, FILES, Rows
from routing.erlass.tabelle import TABELLEN
from routing.regelwerk import Regelwerk
from routing.verzeichnis import Verzeichnis


@cache
def packaged_rules() -> Regelwerk:
    """The versions of decree and ordinance that come with the program."""
    return Regelwerk.aus_daten(rule_data("regelwerk.toml"), TABELLEN)


@cache
def rule_data(name: str) -> Mapping[str, Any]:
    """One TOML file of `routing/data`; callers only read it."""
    return tomllib.loads(files("routing").joinpath("data", name).read_text(encoding="utf-8"))


@cache
def message_catalogue() -> Mapping[str, Any]:
    """The catalogue of messages, `schemas/katalog.toml`; callers only read it."""
    return tomllib.loads(files("schemas").joinpath("katalog.toml").read_text(encoding="utf-8"))


@cache
def packaged_directory() -> Verzeichnis:
    """The directory that comes with the program, without any operator's corrections."""
    return Verzeichnis.aus_zeilen(_rows("behoerden.csv"), _rows("gemeinden.csv"), _rows("aufnahmeeinrichtungen.csv"))


@cache
def packaged_rows() -> Rows:
    """The rows of the packaged directory, for what overlays them; callers only read them."""
    return {table: {row[keyed]: row for row in _rows(FILES[table])} for table, (keyed, *_) in COLUMNS.items()}


def _rows(name: str) -> list[dict[str, str]]:
    text = files("routing").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
