"""`gateway init --systemd` and what a service manager gets to hear; the units judged by systemd itself where it is."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ending import ended

from gateway.cli import notify, systemd
from gateway.cli.main import main
from gateway.config import load
from gateway.kek import secret_text
from gateway.pki import PkiError

ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("unit") / "hub"
    with pytest.raises(SystemExit) as done:
        main(["init", str(made), "--systemd"])
    assert done.value.code == 0
    return made


def parsed(path: Path) -> dict[str, dict[str, list[str]]]:
    text = path.read_text()
    values: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values.setdefault(section, {}).setdefault(key, []).append(value)
    return values


def test_the_service_runs_this_gateway_and_may_write_nowhere_else(folder: Path) -> None:
    unit = parsed(folder / systemd.SERVICE)["Service"]
    program = Path(sys.executable).parent / "gateway"
    assert unit["ExecStart"] == [f"{program} --config {folder}/gateway.toml serve"]
    assert (unit["ProtectSystem"], unit["ReadWritePaths"]) == (["strict"], [str(folder)])
    assert (unit["Type"], unit["User"], unit["CapabilityBoundingSet"]) == (["notify"], ["gateway"], [""])
    assert unit["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert unit["SystemCallFilter"] == ["@system-service", "~@privileged"]
    assert (folder / systemd.SERVICE).stat().st_mode & 0o077 == 0
    streams = parsed(folder / systemd.SOCKET)["Socket"]["ListenStream"]
    config = load(folder / "gateway.toml")
    assert streams == [config.api.adresse, config.as2.adresse, config.betrieb.adresse, config.status.adresse]


def test_a_folder_that_systemd_would_read_otherwise_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main(["init", str(tmp_path / "mit leer"), "--systemd"])
    assert done.value.code == 2
    assert "für systemd nur Buchstaben" in capsys.readouterr().err
    assert not (tmp_path / "mit leer").exists()


def test_systemd_itself_takes_the_units_and_finds_little_exposed(folder: Path) -> None:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed; the units were parsed by the other tests")
    units = [str(folder / name) for name in (systemd.SERVICE, systemd.SOCKET)]
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=20", str(folder / systemd.SERVICE)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


def test_a_manager_hears_of_start_life_and_end_and_hands_every_socket_over(
    tmp_path: Path, manager: socket.socket
) -> None:
    """The real process, under MemoryDenyWriteExecute where the kernel can; the mail listener takes its socket too."""
    place = tmp_path / "hub"
    with pytest.raises(SystemExit):
        main(["init", str(place)])
    names = ("api", "as2", "betrieb", "status", "mail")
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: each.getsockname()[1] for name, each in sockets.items()}
    text = (place / "gateway.toml").read_text()
    for name, port in zip(names, (8443, 8444, 8445, 8446, 8025), strict=True):
        text = text.replace(f'"127.0.0.1:{port}"', f'"127.0.0.1:{ports[name]}"')
    text = re.sub(r"# (postfach = .*)", r"\1", text)
    (place / "gateway.toml").write_text(text)
    start = (
        "import ctypes, os, runpy, sys\n"
        "ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)\n"  # PR_SET_MDWE
        f"for n, fd in enumerate({[each.fileno() for each in sockets.values()]}, 20): os.dup2(fd, n)\n"
        "for n in range(5): os.dup2(20 + n, 3 + n)\n"
        "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '5', 'WATCHDOG_USEC': '200000'}\n"
        f"os.chdir({str(place)!r})\n"
        "sys.argv = ['gateway', 'serve', '--ready-file', 'r']\n"
        "runpy.run_module('gateway', run_name='__main__')\n"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-c", start],
        env={**os.environ, "PYTHONPATH": paths},
        pass_fds=[each.fileno() for each in sockets.values()],
        stderr=subprocess.DEVNULL,
    )
    for each in sockets.values():
        each.close()
    try:
        heard = [manager.recv(200).decode()]
        assert heard == ["READY=1"]
        assert json.loads((place / "r").read_text()) == ports, "each listener took the socket that was handed over"
        with socket.create_connection(("127.0.0.1", ports["mail"]), 30) as mail:
            assert mail.recv(100).startswith(b"220 ")
        assert manager.recv(200) == b"WATCHDOG=1"
        process.terminate()
        while heard[-1] != "STOPPING=1":
            heard.append(manager.recv(200).decode())
        assert ended(process, "the gateway") == 0
    finally:
        process.kill()
        process.wait()


async def test_who_hangs_does_not_say_that_it_lives(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    hanging: list[str] = []
    task = asyncio.create_task(notify.alive(lambda: hanging))
    assert (await asyncio.to_thread(manager.recv, 100)) == b"WATCHDOG=1"
    hanging.append("protokoll")
    manager.settimeout(0)
    await asyncio.sleep(0.05)
    with contextlib.suppress(BlockingIOError):
        while manager.recv(100):  # what was said before
            pass
    await asyncio.sleep(0.1)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    task.cancel()


def test_nothing_is_told_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nobody"), "unix", "@gateway-test-nobody"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        began = time.monotonic()
        notify.notify("READY=1")
        assert time.monotonic() - began < 30
    for usec, pid in (("", ""), ("x", ""), ("0", str(os.getpid())), ("1000000", "1")):
        monkeypatch.setenv("WATCHDOG_USEC", usec)
        monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
        assert notify.interval_s() is None


def test_a_key_can_be_a_credential_of_the_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store.key").write_text("ab" * 32 + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret_text("cred:store.key") == b"ab" * 32
    with pytest.raises(PkiError, match="LoadCredential"):
        secret_text("cred:missing")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(PkiError, match="LoadCredential"):
        secret_text("cred:store.key")
