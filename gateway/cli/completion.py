"""`gateway completion SHELL`: what a shell reads to complete commands, options and their values.

Promises: the text is made from the parser itself, so that it knows every command; it names nothing of this machine.
Fails: exit 2 for a shell that is not known.
"""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
VARIABLE = "_GATEWAY_COMPLETE"
"""By this variable a shell asks the program what fits; click reads it under the program's name."""


@click.command(short_help="Print what bash, zsh or fish read to complete gateway's commands.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    r"""Print what a shell reads to complete commands, options and their values.

    \b
    bash:  gateway completion bash > ~/.local/share/bash-completion/completions/gateway
    zsh:   gateway completion zsh > "${fpath[1]}/_gateway"
    fish:  gateway completion fish > ~/.config/fish/completions/gateway.fish
    """
    root = ctx.find_root().command
    source = SHELLS[shell](root, {}, "gateway", VARIABLE)
    click.echo(source.source_template % source.source_vars())
