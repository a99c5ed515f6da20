"""The wheel in an empty environment, started from another folder: only its own files are used."""

import json
import shutil
import signal
import site
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
from ending import ended

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "routing", "schemas")
READY_S = 60


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the committed files alone, in a folder of its own: nothing left over from other builds gets in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel"]
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(out), str(source)]
    subprocess.run([*pip, *options], check=True, timeout=100)
    (built,) = out.glob("*.whl")
    return built


def dependencies(target: Path) -> Path:
    """A folder with everything that is installed here but this project."""
    target.mkdir()
    for installed in map(Path, site.getsitepackages()):
        for entry in installed.iterdir() if installed.is_dir() else ():
            ours = "nachrichtengateway" in entry.name or entry.suffix in {".pth", ".egg-link"}
            if not ours and not (target / entry.name).is_symlink():
                (target / entry.name).symlink_to(entry)
    return target


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment: the wheel, and beside it what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True, timeout=100)
    (packages,) = (folder / "venv/lib").glob("python3.*/site-packages")
    (packages / "dependencies.pth").write_text(f"{dependencies(folder / 'dependencies')}\n")
    return folder / "venv"


class Installed:
    """The program as it is installed, in a folder that has nothing to do with the project."""

    def __init__(self, environment: Path, elsewhere: Path) -> None:
        self.bin = environment / "bin"
        self.elsewhere = elsewhere
        self.variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

    def run(self, *arguments: str, stdin: str | None = None, program: str = "gateway") -> str:
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.elsewhere,
            env=self.variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    return Installed(environment, tmp_path)


def test_the_wheel_holds_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (top,) = (name for name in archive.namelist() if name.endswith(".dist-info/top_level.txt"))
        assert archive.read(top).decode().split() == list(PACKAGES)
    assert held == {name for name in tracked() if name.partition("/")[0] in PACKAGES}
    assert {"schemas/katalog.toml", "schemas/justiz/1.0/haft.xsd", "routing/data/behoerden.csv"} <= held
    assert [name for name in held if name.endswith(".sql")]


def test_the_wheel_holds_no_test_no_key_and_no_official_schema(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not name.endswith((".key", ".crt", ".pem", ".p12", ".db")), name
            assert not name.startswith(("tests/", "certs/", "tools/")), name
            assert b"-----BEGIN" not in content or name.endswith(".py"), name
            assert not (name.endswith(".xsd") and b'targetNamespace="http://www.xjustiz.de"' in content), name


def test_what_is_imported_lies_in_the_environment(installed: Installed, environment: Path) -> None:
    code = "import gateway, routing, schemas; print(gateway.__file__, routing.__file__, schemas.__file__)"
    for file in installed.run("-c", code, program="python").split():
        assert Path(file).is_relative_to(environment)


def test_the_commands_that_need_no_configuration(installed: Installed, environment: Path) -> None:
    assert "Commands:" in installed.run("--help")
    assert installed.run("--version").startswith("gateway, version ")
    assert installed.run("-m", "gateway", "--help", program="python") == installed.run("--help")
    facts = {"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088"}
    decision = json.loads(installed.run("route", "--facts", "-", "--json", stdin=json.dumps(facts)))
    assert (decision["nummer"], decision["empfaenger"]) == ("3.2 Satz 1", ["abh:05315000"])
    (example,) = environment.glob("lib/python3.*/site-packages/schemas/beispiele/haft-3.2.xml")
    assert installed.run("check", str(example)).startswith("Gültig")
    assert "Die Tests liegen im Quelltext" in installed.run("rules", "3.2")
    packs = {pack["name"]: pack["angenommen"] for pack in json.loads(installed.run("schemas", "list", "--json"))}
    assert packs == {"auslstraf-1.0": True, "strafausl-1.0": True}


def test_a_gateway_is_made_and_serves(installed: Installed, tmp_path: Path) -> None:
    installed.run("init", "gw")
    config = tmp_path / "gw/gateway.toml"
    text = config.read_text("utf-8")
    for port in ("8443", "8444", "8445", "8446", "8025"):
        text = text.replace(f'"127.0.0.1:{port}"', '"127.0.0.1:0"')
    config.write_text(text, "utf-8")
    ready = tmp_path / "ready.json"
    command = [installed.bin / "gateway", "--config", str(config), "serve", "--ready-file", str(ready)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=installed.variables, stdout=log, stderr=log)
    try:
        until = time.monotonic() + READY_S
        while not ready.exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)
        port = json.loads(ready.read_text())["status"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, b"ready\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        ended(process, "gateway serve after SIGKILL")
