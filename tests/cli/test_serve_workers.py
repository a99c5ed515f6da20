"""`gateway serve --workers N`: real processes on a real PostgreSQL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from gatewayworld import Site

from gateway.cli.main import main
from gateway.pki_issue import DevelopmentCa

SECONDS = 90
"""Longest wait: starting takes some seconds, many more where the machine is busy."""


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "hub", DevelopmentCa.create())
    made.init("gw:nrw")
    config = made.folder / "gateway.toml"
    text = config.read_text()
    for port in (8443, 8444, 8445, 8446, 8025):
        text = text.replace(f"127.0.0.1:{port}", "127.0.0.1:0")
    config.write_text(text)
    return made


def test_sqlite_serves_one_process(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(site.folder / "gateway.toml"), "serve", "--workers", "2"])
    assert ended.value.code == 2
    assert "SQLite dient nur einem Prozess" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_a_further_process_is_started_again_and_ends_with_the_first(site: Site, postgres_url: str) -> None:
    config, ready = site.folder / "gateway.toml", site.folder / "ready"
    config.write_text(config.read_text().replace("sqlite:///gateway.db", postgres_url))
    command = [
        sys.executable,
        "-m",
        "gateway",
        "--config",
        str(config),
        "serve",
        "--workers",
        "2",
        "--log-level",
        "error",
    ]
    process = subprocess.Popen([*command, "--ready-file", str(ready)])
    try:
        eventually(ready.exists)
        eventually(lambda: children(process.pid))
        (first,) = children(process.pid)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: children(process.pid) - {first})
        (second,) = children(process.pid) - {first}
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        eventually(lambda: not running(second))
    finally:
        process.kill()
        process.wait()
