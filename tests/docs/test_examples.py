"""The examples of README.md, run as they stand there."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ending import ended

from gateway.demo.cast import free_port
from gateway.watch import credentials

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
XJUSTIZ = ROOT.parent / "shared" / "xjustiz" / "3.6.2"
READY_S = 90
"""How long the demo may take on a busy machine."""

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def shell_blocks(title: str) -> list[str]:
    """The ```sh blocks under a heading."""
    start = README.index(f"\n{title}\n")
    text = re.split(r"^#{2,3} ", README[start + len(title) + 2 :], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)


def run(script: str, cwd: Path = ROOT, **variables: str) -> str:
    """Run a block with the project's commands first on the path; its standard output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script.replace(".venv/bin/", "")],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `gateway demo --keep` printed; it runs until the tests of this file are done."""
    file = tmp_path_factory.mktemp("demo") / "out.txt"
    command = [sys.executable, "-m", "gateway", "demo", "--keep"]
    command += ["--xjustiz", str(XJUSTIZ)] if XJUSTIZ.is_dir() else []
    with file.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + READY_S
        while "Strg-C" not in file.read_text("utf-8"):
            assert process.poll() is None, file.read_text("utf-8")
            assert time.monotonic() < until, file.read_text("utf-8")
            time.sleep(0.1)
        yield file.read_text("utf-8")
    finally:
        process.send_signal(signal.SIGTERM)
        status = ended(process, "gateway demo after SIGTERM")
    assert status == 0


def rows(text: str) -> list[str]:
    """Lines of the demo's table; how often scene g was tried before its recipient came up is chance."""
    table = text[text.index("┏") : text.index("┘")].splitlines()
    kept = [re.sub(r"^(│ g .*│ )\d+ ( *│ MDN)", r"\g<1>n \g<2>", line) for line in table]
    if XJUSTIZ.is_dir():
        return kept
    start = next(n for n, line in enumerate(kept) if line.startswith("│ e "))
    end = next(n for n, line in enumerate(kept) if line.startswith("│ f "))
    return kept[:start] + kept[end:]


def test_the_table_is_the_one_that_the_demo_prints(demo: str) -> None:
    assert rows(README) == rows(demo)


@needs_curl
def test_the_curl_example_posts_a_notice_with_a_client_certificate(demo: str) -> None:
    clients, hub = (re.search(rf"^{name} +(\S+)", demo, flags=re.MULTILINE) for name in ("Zertifikate", "Vermittler"))
    assert clients is not None
    assert hub is not None
    (block,) = (each for each in shell_blocks("## One example that runs") if each.startswith("curl "))
    first = json.loads(run(block, DEMO=clients[1], HUB=hub[1]))
    assert first["entscheidung"]["nummer"] == "3.2 Satz 1"
    assert first["entscheidung"]["empfaenger"] == ["abh:05315000"]
    assert first["entscheidung"]["vorlaeufig"] is True
    assert json.loads(run(block, DEMO=clients[1], HUB=hub[1])) == first


@needs_curl
def test_the_lines_that_the_demo_prints_work(demo: str) -> None:
    lines = dict(re.findall(r"^(\w+) +(curl .+)$", demo, flags=re.MULTILINE))
    assert lines.keys() == {"Senden", "Postfach", "Ereignisse", "Beschreibung"}
    assert json.loads(run(lines["Senden"]))["status"] in {"angenommen", "unterwegs"}
    assert json.loads(run(lines["Postfach"]))["eintraege"] == []
    assert json.loads(run(lines["Beschreibung"]))["openapi"].startswith("3.1")
    assert "retry: 3000" in run(f"{lines['Ereignisse']} -s --max-time 2 || test $? = 28")


@needs_curl
def test_who_the_demo_names_gets_into_the_pages(demo: str) -> None:
    wanted = (r"^Seiten +(\S+)", r"Vorführ-CA: (\S+)\)", r"Passwort (\S+),", r"secret=(\w+)")
    pages, ca, password, secret = (re.findall(each, demo, flags=re.MULTILINE)[0] for each in wanted)
    code = credentials.code_at(base64.b32decode(secret), int(time.time()))
    origin = pages.removesuffix("/betrieb/")
    form = f"-d name=vorfuehrung -d passwort={password} -d code={code}"
    show = "-s -o /dev/null -w '%{http_code} %{redirect_url}'"
    said = run(f"curl {show} --cacert {ca} -H 'Origin: {origin}' {form} {pages}anmelden")
    assert said == f"303 {pages}"


def test_the_program_answers_without_a_gateway() -> None:
    (block,) = (each for each in shell_blocks("## One example that runs") if "gateway route" in each)
    said = run(block)
    assert "Nummer 3.2 Satz 1, vorläufig" in said
    assert "Gültig: nachricht.strafausl.mitteilung.9900001" in said


def free_ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def other_programs(port: int, folder: Path) -> list[str]:
    """The blocks of the section after that one: curl, then the Python program."""
    title = "### From other programs"
    (curl,) = shell_blocks(title)
    program = re.findall(r"```python\n(.*?)```", README[README.index(title) :], flags=re.DOTALL)[0]
    (folder / "client.py").write_text(program.replace(":8443", f":{port}"))
    return [*curl.replace(":8443", f":{port}").splitlines(), "echo", "python client.py"]


@needs_curl
def test_a_gateway_in_five_minutes(tmp_path: Path) -> None:
    """The blocks of that section as one script, with ports that are free here instead of the default ones."""
    for name in ("certs", "schemas"):
        (tmp_path / name).symlink_to(ROOT / name)
    blocks = shell_blocks("### A gateway in five minutes")
    assert len(blocks) == 3
    ports = dict(zip(("8443", "8444", "8445", "8446", "8025"), free_ports(5), strict=True))
    moved = "; ".join(f"s/127.0.0.1:{old}/127.0.0.1:{new}/" for old, new in ports.items())
    text = "\n".join(blocks).replace(":8443", f":{ports['8443']}").replace(":8446", f":{ports['8446']}")
    lines = text.splitlines()
    lines.insert(1, f"sed -i '{moved}' hub/gateway.toml")
    started = next(n for n, line in enumerate(lines) if line.endswith(" &"))
    lines.insert(started + 1, "trap 'kill $!; wait $!' EXIT")
    script = "\n".join([*lines, *other_programs(ports["8443"], tmp_path)])
    said = run(script, tmp_path)
    assert "3.2 Satz 1" in said
    assert "quittiert" in said
    assert "zugestellt" in said.replace("\n", "")
    assert "ready" in said
    assert '"title": "Message invalid"' in said
    assert len(json.loads((tmp_path / "hub/openapi.json").read_text())["paths"]) > 10
    told = [line.split() for line in said.splitlines()]
    assert ["unterwegs", "abh:05315000"] in told
    assert told[-1] == ["abholung", "zugestellt"]
    example = (ROOT / "schemas/beispiele/haft-3.2.xml").read_bytes()
    assert (tmp_path / "hub/received/nachricht.xml").read_bytes() == example
