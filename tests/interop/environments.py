"""Where the peers live: each in an environment of its own under `.venv-interop/`, made once and kept.

Promises: what an environment holds is what its lock file says; it is made anew when that changes; two test processes
never make the same one at once. Nothing of the peers is on our own path.
Fails: `Unavailable` with the reason, where a tool or registry is missing; tests skip with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ROOT / ".venv-interop"
PEERS = HERE / "peers"
JARS = ("bcprov", "bcutil", "bcpkix")
JAVA_SHARE = Path("/usr/share/java")
INSTALL_S = 300

# oscrypto 1.3.0 reads a version of OpenSSL with one digit in each place; Debian's package carries this one change.
OSCRYPTO_BEFORE = r"'\\b(\\d\\.\\d\\.\\d[a-z]*)\\b'"
OSCRYPTO_AFTER = r"'\\b(\\d\\.\\d\\.\\d+[a-z]*)\\b'"


class Unavailable(Exception):
    """The peer cannot be had on this machine."""


def python(name: str) -> list[str]:
    """The command of an interpreter whose environment holds what `requirements-interop-NAME.txt` locks."""
    lock = ROOT / f"requirements-interop-{name}.txt"

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        there = ["--python", str(folder / "bin" / "python")]
        _run([*pip, *there, "install", "--require-hashes", "--only-binary", ":all:", "--no-compile", "-r", str(lock)])
        _mend_oscrypto(folder)

    return [str(_kept(name, [lock, Path(__file__)], make) / "bin" / "python")]


def node(name: str) -> tuple[list[str], Path]:
    """Node with what `package-lock.json` locks, and the folder that holds it."""
    folder = packages(name, HERE)
    return ["node", *_reverted()], folder


def packages(name: str, source: Path) -> Path:
    """A folder whose `node_modules` holds what the `package-lock.json` of `source` locks."""
    for tool in ("node", "npm"):
        _demand(tool)
    locks = [source / "package.json", source / "package-lock.json"]

    def make(folder: Path) -> None:
        folder.mkdir()
        for lock in locks:
            shutil.copy(lock, folder)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], folder)

    return _kept(name, locks, make)


def java(name: str) -> list[str]:
    """A Java program of ours on Debian's BouncyCastle, compiled."""
    for tool in ("java", "javac"):
        _demand(tool)
    jars = [JAVA_SHARE / f"{jar}.jar" for jar in JARS]
    if not all(jar.exists() for jar in jars):
        raise Unavailable("Debian's libbcmail-java is not installed")
    source = PEERS / f"{name}.java"
    path = ":".join(map(str, jars))

    def make(folder: Path) -> None:
        folder.mkdir()
        _run(["javac", "-d", str(folder), "-cp", path, str(source)])

    folder = _kept(name, [source], make)
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}:{path}", name]


def openssl() -> str:
    """The `openssl` on the path."""
    return _demand("openssl")


def _kept(name: str, sources: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """The folder `name`, made if it is not there or its sources have changed."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder, stamp = KEPT / name, KEPT / f"{name}.made"
    KEPT.mkdir(exist_ok=True)
    with _alone(KEPT / f"{name}.lock"):
        if not (stamp.exists() and stamp.read_text() == digest and folder.is_dir()):
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            stamp.write_text(digest)
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _demand(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        raise Unavailable(f"{tool} is not installed")
    return found


def _run(command: list[str], folder: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=INSTALL_S)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"{Path(command[0]).name} failed: {' '.join(last)}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(command[0]).name} took longer than {INSTALL_S} s") from error


def _reverted() -> list[str]:
    """RSA PKCS#1 v1.5 decryption is off in Node since CVE-2023-46809, and libas2 has no other way: on, for it alone.

    A version of Node that does not know the option needs none.
    """
    option = "--security-revert=CVE-2023-46809"
    known = subprocess.run(["node", option, "-e", "0"], capture_output=True, check=False).returncode == 0
    return [option] if known else []


def _mend_oscrypto(folder: Path) -> None:
    """The one change that lets oscrypto start: how it reads OpenSSL's version. Nothing that it computes changes."""
    found = list(folder.glob("lib/python3*/site-packages/oscrypto"))
    if not found:
        return
    (package,) = found
    for module in ("_libcrypto_cffi", "_libcrypto_ctypes"):
        path = package / "_openssl" / f"{module}.py"
        text = path.read_text()
        assert text.count(OSCRYPTO_BEFORE) == 1, f"{path.name} is not the one that we know"
        path.write_text(text.replace(OSCRYPTO_BEFORE, OSCRYPTO_AFTER))
