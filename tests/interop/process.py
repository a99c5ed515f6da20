"""A peer's process: asked by lines, answering by lines (peers/line.py)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from ending import ended

from tests.interop.peers.line import Fields, read, write

ANSWERS = (b"ok", b"refused")


class Refused(Exception):
    """The peer's own reason."""


class Process:
    """One peer, running; stop it by leaving the block."""

    def __init__(self, command: list[str], folder: Path, log: Path) -> None:
        self._log = log
        # HOME and the like only: nothing of our environment's paths reaches the peer.
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment | {"PYTHONWARNINGS": "ignore"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def __call__(self, command: str, **fields: bytes | str) -> Fields:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        as_bytes = {name: value.encode() if isinstance(value, str) else value for name, value in fields.items()}
        self._process.stdin.write(write(command, as_bytes))
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        while line and not line.startswith(ANSWERS):  # node prints a warning there for --security-revert
            line = self._process.stdout.readline()
        assert line, f"the peer is gone: {self._log.read_text()[-2000:]}"
        word, answer = read(line)
        if word == "refused":
            raise Refused(answer["reason"].decode())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.terminate()
        ended(self._process, "a peer of another make after SIGTERM")
