"""Long work shows how far it is: on a terminal, on stderr, and nowhere else."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from gateway.cli.api_http import opened

WORK = (
    "from gateway.cli.shell import counting\n"
    "with counting('Byte', 100) as told:\n"
    "    told(40)\n"
    "    told(90, 200)\n"
    "print('fertig')\n"
)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "TERM": "xterm"}


def test_a_terminal_sees_it_and_the_result_stays_apart() -> None:
    terminal, end = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        done = subprocess.run(
            [sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=end, timeout=60, env=environment(), check=True
        )
        os.close(end)
        seen = screen.read(65536).decode()
    assert done.stdout == b"fertig\n"
    assert "Byte" in seen
    assert "/200" in seen or "/100" in seen


def test_a_program_sees_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, timeout=60, env=environment(), check=True)
    assert (done.stdout, done.stderr) == (b"fertig\n", b"")


def test_a_file_tells_what_was_read_of_it(tmp_path: Path) -> None:
    path, counts = tmp_path / "file", []
    path.write_bytes(bytes(300_000))
    with opened(path, counts.append) as file:
        while file.read(65536):
            pass
    assert sum(counts) == 300_000
    assert len(counts) > 2
