"""`gateway completion`: what is printed completes in a real shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A `gateway` on the path that runs this program."""
    program = tmp_path / "bin" / "gateway"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    program.chmod(0o755)
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": paths}


def ran(shell: str, script: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


TYPED = {
    "gateway par": {"partners"},
    "gateway partners ": {"add", "list", "show", "test", "lanes", "hold", "release"},
    "gateway serve --wor": {"--workers"},
    "gateway serve --log-level ": {"debug", "info", "warning", "error"},
}


def test_bash_completes(environment: dict[str, str]) -> None:
    asked = "".join(
        f"COMP_WORDS=({' '.join(word or chr(39) * 2 for word in typed.split(' '))}); COMP_CWORD={typed.count(' ')}; "
        'COMPREPLY=(); _gateway_completion gateway; echo "${COMPREPLY[*]}"\n'
        for typed in TYPED
    )
    answers = ran("bash", f"source <(gateway completion bash)\n{asked}", environment).splitlines()
    for (typed, expected), answer in zip(TYPED.items(), answers, strict=True):
        found = set(answer.split())
        assert expected <= found, typed
        assert {word.startswith(typed.rpartition(" ")[2]) for word in found} == {True}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_takes_what_is_printed(shell: str, environment: dict[str, str], tmp_path: Path) -> None:
    text = ran("bash", f"gateway completion {shell}", environment)
    assert "_GATEWAY_COMPLETE" in text
    assert str(Path.home()) not in text
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    written = tmp_path / "completion"
    written.write_text(text)
    ran(shell, f"{shell} -n {written}", environment)
