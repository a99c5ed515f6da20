"""What is committed: locked versions, reasons for each dependency, nothing that belongs to one machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.txt"))
TOGETHER = ("requirements.txt", "requirements-build.txt", "requirements-test.txt")
"""Installed into one environment, so a package has one version in all of them; the others go elsewhere."""
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "regis" + "try.npm", "artifac" + "tory", "proxy.go" + "lang.org")
"""Registries; written in two pieces, so that this file passes its own test."""
MACHINE_PATH = re.compile(r"(?<![\w.~$}*)-])/(?:" + "work|ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+|mn" + r"t)/[\w.]")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}")
BINARY = {".pdf", ".png", ".zip", ".ttf", ".p7m", ".p7s", ".der"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def locked(name: str) -> dict[str, tuple[str, str]]:
    """Requirement, version and the rest of each entry of a lock file."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
    entries = re.split(r"^(?=\S)", text.replace("\\\n", " "), flags=re.MULTILINE)
    found = {}
    for entry in filter(str.strip, entries):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", entry)
        assert match, f"{name}: {entry[:60]}"
        found[match[1].lower()] = (match[2], entry)
    return found


def declared() -> tuple[set[str], set[str]]:
    """Names of the run-time and of the test dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["project"]["dependencies"], project["dependency-groups"]["test"]
    run_time, test = ({re.split(r"[<>=!~; \[]", each)[0].lower() for each in group} for group in groups)
    return run_time, test


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_version_has_hashes_and_no_address(name: str) -> None:
    entries = locked(name)
    assert entries
    for package, (_, entry) in entries.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{name}: {package} has no hash"
        assert not re.search(r"--hash=(?!sha256:[0-9a-f]{64}\b)", entry), f"{name}: {package}"
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|-e|--(index|extra-index|find-links|trusted-host|editable))", text, re.MULTILINE)


def test_the_locks_hold_what_is_declared_in_the_same_versions() -> None:
    run_time, test = declared()
    assert run_time <= set(locked("requirements.txt"))
    assert test <= set(locked("requirements-test.txt"))
    everywhere = [locked(name) for name in TOGETHER]
    versions: dict[str, set[str]] = {}
    for entries in everywhere:
        for package, (version, _) in entries.items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    lists = re.findall(r"^(?:dependencies|test) = \[\n(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL)
    assert len(lists) == 2
    lines = [line for each in lists for line in each.splitlines()]
    assert [line for line in lines if not re.fullmatch(r'    "[^"]+",\s+# \S.{8,}', line)] == []


def test_nothing_committed_belongs_to_a_machine_or_is_secret() -> None:
    for path in tracked():
        if path.suffix in BINARY:
            continue
        text, name = path.read_text("utf-8"), path.relative_to(ROOT)
        assert not PRIVATE_KEY.search(text), f"{name} holds a private key"
        assert [host for host in HOSTS if host in text] == [], name
        assert (MACHINE_PATH.search(text) or [None])[0] is None, name


def test_no_key_database_or_official_schema_is_committed() -> None:
    for path in tracked():
        assert path.suffix not in {".key", ".db", ".p12", ".pfx", ".whl"}, path
        if path.suffix == ".xsd":
            assert 'targetNamespace="http://www.xjustiz.de"' not in path.read_text("utf-8"), path
