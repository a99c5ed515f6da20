"""The examples under each command's help: every command has one, each can be given, and those that need no running
gateway are run as they stand."""

import shlex
import shutil
from pathlib import Path

import click
import pytest

from gateway.cli.examples import EXAMPLES
from gateway.cli.main import COMMANDS, cli, main

MESSAGE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"
ELSEWHERE = {
    "serve": "runs until it is told to end: tests/cli/test_systemd.py",
    "send": "needs a running gateway: tests/cli/test_send.py",
    "forward": "needs a running gateway: tests/cli/test_forward_inbox.py",
    "inbox": "needs a running gateway: tests/cli/test_forward_inbox.py",
    "release": "needs a message: tests/journey/test_operator_commands.py",
    "assign": "needs a message: tests/journey/test_operator_commands.py",
    "resend": "needs a message: tests/journey/test_operator_commands.py",
    "cancel": "needs a message: tests/journey/test_operator_commands.py",
    "show": "needs a message: tests/journey/test_operator_commands.py",
    "keep": "needs a message: tests/journey/test_retention.py",
    "verify": "needs a package: tests/journey/test_evidence.py",
    "restore": "needs an empty store: tests/journey/test_backup.py",
    "demo": "takes a minute: `make demo`",
}
"""Commands whose examples are run by other tests, in their own words."""


def lines() -> list[tuple[str, str]]:
    return [(name, line) for name in COMMANDS for line in EXAMPLES[name]]


def test_every_command_has_examples_and_its_help_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    for name in COMMANDS:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        help_text = capsys.readouterr().out
        for line in EXAMPLES[name]:
            assert f"\n    {line}\n" in f"{help_text}\n", name


@pytest.mark.parametrize(("name", "line"), lines())
def test_each_example_can_be_given(name: str, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its words are the options and arguments of its command."""
    monkeypatch.chdir(tmp_path)
    for file in ("message.xml", "nachweis.tar", "log.crt", "copy.db"):
        (tmp_path / file).write_bytes(b"")
    words = shlex.split(line)
    assert words[0] == "gateway"
    command: click.Command = cli
    context = click.Context(cli)
    rest = words[1:]
    while isinstance(command, click.Group):
        context = command.make_context(command.name, rest, parent=context if command is not cli else None)
        if not (remaining := [*context._protected_args, *context.args]):
            return
        found, inner, rest = command.resolve_command(context, remaining)
        assert inner is not None, found
        command = inner
    command.make_context(command.name, list(rest), parent=context).close()
    assert name in words


def test_what_needs_no_running_gateway_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    shutil.copy(MESSAGE, tmp_path / "message.xml")
    for name, line in lines():
        if name in ELSEWHERE:
            continue
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line)[1:])
        said = capfd.readouterr()
        assert ended.value.code == 0, (line, said.err)
        assert said.out or "--pdf" in line, line
        if name == "init":
            monkeypatch.setenv("GATEWAY_CONFIG", str(tmp_path / "hub" / "gateway.toml"))
