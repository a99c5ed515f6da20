"""The command `gateway`: one module a command, loaded only when it is called.

Promises: exit codes 0 done, 1 refused or not verified, 2 used wrongly, 3 cannot reach what it needs (contracts.md
section 6). Errors are one line on stderr, never a traceback for what a user can mend.
Fails: by exit code.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.examples import epilog

DONE, REFUSED, MISUSED, UNREACHABLE = 0, 1, 2, 3

COMMANDS = (
    "init",
    "serve",
    "send",
    "check",
    "route",
    "render",
    "rules",
    "forward",
    "release",
    "assign",
    "show",
    "list",
    "inbox",
    "resend",
    "cancel",
    "verify",
    "log",
    "schemas",
    "partners",
    "people",
    "certs",
    "directory",
    "store",
    "backup",
    "restore",
    "keep",
    "purge",
    "completion",
    "demo",
)
"""In the order in which a newcomer meets them. `gateway.cli.<name>` (`list_` for `list`) holds `command`."""


class Commands(click.Group):
    """Loads a command's module when it is called: `gateway route` never imports the server."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(
            f"gateway.cli.{cmd_name}_" if cmd_name == "list" else f"gateway.cli.{cmd_name}"
        )
        command: click.Command = module.command
        command.epilog = epilog(cmd_name)
        return command


def config_path(ctx: click.Context) -> Path:
    """Where the configuration is looked for: `--config`, else `$GATEWAY_CONFIG`, else `./gateway.toml`."""
    given: Path | None = (ctx.find_root().obj or {}).get("config")
    return given or Path(os.environ.get("GATEWAY_CONFIG") or "gateway.toml")


EXIT_CODES = "Exit codes: 0 done, 1 refused or not verified, 2 used wrongly, 3 cannot reach what it needs."


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Configuration file.")
@click.version_option(package_name="nachrichtengateway", prog_name="gateway")
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Messages between Ausländer-, Polizei- und Justizbehörden: checked, routed by the decree, delivered, proved."""
    ctx.obj = {"config": config}


def main(argv: list[str] | None = None) -> Any:
    """Entry point of the command."""
    return cli.main(args=argv if argv is not None else sys.argv[1:], prog_name="gateway")
