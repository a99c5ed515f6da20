"""The options of `gateway partners add` for algorithms and limits: one for each key of an agreement's tables.

Promises: an option that is not given keeps the agreement's default; names and values are those of the agreement.
Fails: by click, exit 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

_NUMBER: Final = click.IntRange(min=1)
_OPTIONS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "hash": ("algorithmen", "hash", {"type": click.Choice(["sha-256", "sha-384", "sha-512"])}),
    "signatur": ("algorithmen", "signatur", {"type": click.Choice(["pss", "pkcs1"])}),
    "schluesseltransport": ("algorithmen", "schluesseltransport", {"type": click.Choice(["oaep", "pkcs1"])}),
    "inhalt": (
        "algorithmen",
        "inhalt",
        {"type": click.Choice(["aes-256-gcm", "aes-128-gcm", "aes-256-cbc", "aes-128-cbc"])},
    ),
    "kompression": ("algorithmen", "kompression", {"is_flag": True, "default": None}),
    "ausnahmen-bis": ("algorithmen", "ausnahmen_bis", {"type": click.DateTime(["%Y-%m-%d"])}),
    "max-bytes": ("grenzen", "bytes", {"type": _NUMBER}),
    "max-mail-bytes": ("grenzen", "mail_bytes", {"type": _NUMBER}),
    "gleichzeitig": ("grenzen", "gleichzeitig", {"type": _NUMBER}),
    "quittung-sekunden": ("grenzen", "quittung_sekunden", {"type": _NUMBER}),
}
"""Option: table and key of the agreement, and how click reads it."""
_HELP: Final = {
    "hash": "Hash of signatures and MICs.",
    "signatur": "RSA padding; pkcs1 needs --ausnahmen-bis.",
    "schluesseltransport": "RSA key transport; pkcs1 needs --ausnahmen-bis.",
    "inhalt": "Content encryption; CBC needs --ausnahmen-bis.",
    "kompression": "Compress before signing.",
    "ausnahmen-bis": "Last day of the weaker algorithms.",
    "max-bytes": "Largest message that the partner takes.",
    "max-mail-bytes": "Largest mail on the wire.",
    "gleichzeitig": "Deliveries at the same time.",
    "quittung-sekunden": "How long a receipt may take.",
}


def agreement_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command; their values come as `<table>_<key>`."""
    for name, (table, key, options) in reversed(_OPTIONS.items()):
        command = click.option(f"--{name}", f"{table}_{key}", help=_HELP[name], **options)(command)
    return command


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with `algorithmen_hash` … put into their tables; a table without values is None."""
    flat = dict(fields)
    tables: dict[str, dict[str, Any]] = {"algorithmen": {}, "grenzen": {}}
    for table, key, _ in _OPTIONS.values():
        value = flat.pop(f"{table}_{key}", None)
        if value is not None:
            tables[table][key] = value.date() if key == "ausnahmen_bis" else value
    return {**flat, **{name: values or None for name, values in tables.items()}}
