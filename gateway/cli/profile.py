"""How an agency's client reaches a gateway: `--url --cert --key --ca`, or a profile that holds them.

Promises: a profile file is TOML with one table a profile; paths in it count from the file; unknown keys and profiles
are errors that say what there is; options win over the profile.
Fails: `click.UsageError` (exit 2).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PROFILE = "standard"
"""The table that is used where no `--profil` is given, if the file has it."""
PATHS = ("cert", "key", "ca", "sign_cert", "sign_key")
KEYS = ("url", *PATHS)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the gateway is and who we are."""

    url: str
    """Base address without trailing slash, https."""
    cert: Path
    key: Path
    ca: Path | None = None
    """Anchor of the gateway's certificate; None: the system's."""
    sign_cert: Path | None = None
    sign_key: Path | None = None
    """For inbox receipts."""


def connection_options(command: F) -> F:
    """The options of `connection`, on every command that speaks HTTP."""
    path = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option("--profil", metavar="NAME", help="Table of the profile file ($GATEWAY_PROFILE)."),
        click.option("--ca", type=path, help="CA of the gateway's certificate; default: the system's."),
        click.option("--key", type=path, help="Private key of the client certificate."),
        click.option("--cert", type=path, help="Client certificate (PEM)."),
        click.option("--url", help="Address of the gateway, https://…"),
    ):
        command = option(command)
    return command


def profile_path() -> Path:
    """`$GATEWAY_PROFILE`, else `~/.config/gateway/profile.toml`."""
    return Path(os.environ.get("GATEWAY_PROFILE") or Path.home() / ".config" / "gateway" / "profile.toml")


def connection(given: dict[str, Any]) -> Connection:
    """Options over profile.

    Args:
        given: values of the options by name (`profil` among them); None where not given.

    Raises:
        click.UsageError: the profile cannot be used, or something is missing.
    """
    values = read_profile(profile_path(), given.get("profil"))
    values |= {key: given[key] for key in KEYS if given.get(key) is not None}
    missing = [f"--{key}" for key in ("url", "cert", "key") if key not in values]
    if missing:
        raise click.UsageError(f"{', '.join(missing)} fehlt; angeben oder mit --profil aus {profile_path()} nehmen.")
    if not re.fullmatch(r"https://[^\s/?#@]+[^\s/?#@:](/[^\s?#]*)?", str(values["url"])):
        raise click.UsageError("--url muss die Form https://RECHNER[:PORT] haben.")
    values["url"] = str(values["url"]).rstrip("/").removesuffix("/v1")
    return Connection(**values)


def read_profile(path: Path, name: str | None) -> dict[str, Any]:
    """One table of the profile file; empty where neither name nor default profile is there.

    Raises:
        click.UsageError: the file or the named profile is missing, no TOML, or has an unknown key.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        tables = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise click.UsageError(f"{path}: Profildatei nicht lesbar oder kein gültiges TOML.") from None
    if name is None and DEFAULT_PROFILE not in tables:
        return {}
    table = tables.get(name or DEFAULT_PROFILE)
    if not isinstance(table, dict):
        known = ", ".join(sorted(tables)) or "keine"
        raise click.UsageError(f"{path}: kein Profil „{name or DEFAULT_PROFILE}“; vorhanden: {known}.")
    wrong = [key for key, value in table.items() if key not in KEYS or not isinstance(value, str)]
    if wrong:
        raise click.UsageError(f"{path}: „{wrong[0]}“ ist unbekannt oder kein Text; möglich sind {', '.join(KEYS)}.")
    return {key: path.parent / Path(value).expanduser() if key in PATHS else value for key, value in table.items()}
