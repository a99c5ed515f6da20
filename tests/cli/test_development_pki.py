from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway import pki, tls
from gateway.config import load

ROOT = Path(__file__).parents[2]


def run(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, args)], cwd=cwd, capture_output=True, text=True, check=False)


def test_the_commands_of_the_readme_make_a_working_pki(tmp_path: Path) -> None:
    """The block under "A PKI for development", word for word, in an empty folder."""
    readme = (ROOT / "certs/README.md").read_text()
    section = readme.partition("## A PKI for development\n\n")[2]
    lines = re.findall(r"^    (.+)$", section, flags=re.MULTILINE)[:3]
    script = "\n".join(lines).replace(".venv/bin/python certs", f"{shlex.quote(sys.executable)} {ROOT}/certs")
    script = script.replace(".venv/bin/gateway", f"{shlex.quote(sys.executable)} -m gateway")
    done = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    config = load(tmp_path / "dev/gateway.toml")
    pairs = {
        name: pki.load_pair(pki.KeyFiles(key=tmp_path / f"dev/pki/{name}.key", crt=tmp_path / f"dev/pki/{name}.crt"))
        for name in ("jva-koeln", "stadt-koeln", "jva-koeln-sign")
    }
    today = datetime.now(UTC).date()
    entry = config.zugang_for(pairs["jva-koeln"].sha256, today)
    assert entry is not None
    assert entry.behoerden == ("gds:R8088",)
    assert config.zugang_for(pairs["jva-koeln-sign"].sha256, today) is None
    (anchor,) = pki.load_anchors(config.vertrauen.verzeichnis)
    for pair in pairs.values():
        pair.certificate.verify_directly_issued_by(anchor)
    assert "api" in tls.listener_contexts(config, datetime.now(UTC), tls.HandshakeFailures())


def test_again_adds_a_client_and_overwrites_nothing(tmp_path: Path) -> None:
    script = ROOT / "certs/development_pki.py"
    assert run(script, "pki", "--client", "a=gds:R8088", cwd=tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "pki").iterdir()}
    assert run(script, "pki", "--client", "b=pol:05171370484301,abh:05378", cwd=tmp_path).returncode == 0
    again = run(script, "pki", "--client", "a=gds:R8088", cwd=tmp_path)
    assert again.returncode == 2
    assert "a.key" in again.stderr
    assert all(path.read_bytes() == content for path, content in before.items())
    assert run(script, "pki", "--client", "ca=gds:R8088", cwd=tmp_path).returncode == 2
    assert run(script, "pki", "--client", "c=unsinn", cwd=tmp_path).returncode == 2


def test_no_private_key_is_in_the_folder() -> None:
    files = [path for path in (ROOT / "certs").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.suffix == ".key" or b"PRIVATE KEY-----" in path.read_bytes()]
