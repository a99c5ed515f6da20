"""What README.md says, held against the program."""

import re
import shlex
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from gateway.accept.as2 import As2In
from gateway.accept.http import CommandsIn, MessagesIn
from gateway.cli.main import cli
from gateway.cli.partner_files import from_toml
from gateway.partner import Algorithmen, Grenzen, Partner, Zertifikat
from gateway.pki import write_pair
from gateway.pki_issue import Request, self_signed
from gateway.watch.http import ReadSide
from gateway.watch.stream_http import Stream

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def section(title: str) -> str:
    """Text under a heading, up to the next of its level or above."""
    level = title.split(" ")[0]
    start = README.index(f"\n{title}\n") + len(title) + 2
    end = re.search(rf"^#{{2,{len(level)}}} ", README[start:], flags=re.MULTILINE)
    return README[start : start + end.start()] if end else README[start:]


def test_the_parts_that_the_program_makes_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.readme", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_sections_come_in_the_order_in_which_a_newcomer_asks() -> None:
    assert re.findall(r"^## (.+)$", README, flags=re.MULTILINE) == [
        "What it does not do",
        "One example that runs",
        "How it works",
        "Operating it",
        "Reference",
        "Decisions and their reasons",
    ]


def named_commands() -> list[list[str]]:
    """Every `gateway …` in code spans and shell blocks, as words."""
    spans = re.findall(r"`((?:\.venv/bin/)?gateway [a-z-][^`]*)`", README)
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
        for line in re.findall(r"(?:\.venv/bin/)?\bgateway (?!\.)[^|&)\n]+", block)
        if not line.startswith("gateway.toml")
    ]
    return [shlex.split(text.replace("…", ""))[1:] for text in [*spans, *lines]]


def unknown(words: list[str], command: click.Command) -> list[str]:
    """Words that are no option or subcommand of `command`."""
    context = click.Context(command)
    options = {name: each for each in command.params if isinstance(each, click.Option) for name in each.opts}
    options["--help"] = click.Option(["--help"], is_flag=True)
    wrong, value = [], False
    for n, word in enumerate(words):
        if value:
            value = False
        elif word.startswith("--"):
            wrong += [] if word in options else [f"{command.name} {word}"]
            value = word in options and not options[word].is_flag
        elif isinstance(command, click.Group):
            if re.fullmatch(r"[a-z]+(·[a-z]+)+", word):
                return wrong + [name for name in word.split("·") if command.get_command(context, name) is None]
            found = command.get_command(context, word)
            return wrong + (unknown(words[n + 1 :], found) if found else [f"no command {word}"])
    return wrong


def test_every_command_and_option_that_is_named_exists() -> None:
    commands = named_commands()
    assert len(commands) > 20
    assert [(words, found) for words in commands if (found := unknown(words, cli))] == []


def routes(*tables: Any) -> set[tuple[str, str]]:
    found = {(route.method, route.path) for table in tables for route in table.routes()}
    return {(method, re.sub(r"\{(\w+):.*?\}(?=/|$)", r"{\1}", path)) for method, path in found}


def test_the_api_table_has_every_route_and_no_other() -> None:
    nobody: Any = None
    served = routes(MessagesIn(nobody), CommandsIn(nobody), ReadSide(nobody), Stream(nobody))
    told = set(re.findall(r"^\| `(GET|POST) (/v1/\S+?)`", section("### API"), flags=re.MULTILINE))
    assert told == served
    assert routes(As2In(nobody)) == {(web.post("/as2", nobody).method, "/as2")}
    assert "`POST /as2`" in section("### API")


def test_the_table_of_an_agreement_has_every_key() -> None:
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", section("### Partners"), flags=re.MULTILINE)
    told = {key: meaning for keys, meaning in rows for key in re.findall(r"`(\w+)`", keys)}
    assert set(told) == set(Partner.model_fields)
    for key, model in (("algorithmen", Algorithmen), ("grenzen", Grenzen), ("zertifikate", Zertifikat)):
        missing = [name for name in model.model_fields if f"`{name}`" not in told[key]]
        assert missing == [], key


def test_the_agreement_of_the_example_can_be_added(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", section("### Partners"), flags=re.DOTALL)
    (tmp_path / "partner.toml").write_text(text, "utf-8")
    (tmp_path / "koeln/keys").mkdir(parents=True)
    for purpose in ("sign", "encrypt", "tls"):
        hosts = ("as2.koeln.example",) if purpose == "tls" else ()
        write_pair(
            self_signed(Request(purpose=purpose, name="gw:koeln", hosts=hosts)), tmp_path / f"koeln/keys/{purpose}"
        )
    (partner,) = from_toml(tmp_path / "partner.toml")
    assert (partner.weg, partner.as2_id) == ("as2", "gw-koeln")
    assert [each.zweck for each in partner.zertifikate] == ["signatur", "verschluesselung", "tls"]
    assert all(each.gilt(date.today() + timedelta(days=1)) for each in partner.zertifikate)  # noqa: DTZ011


def test_the_layout_names_every_folder_that_is_there() -> None:
    told = set(re.findall(r"^\| `([a-z/]+)/`", section("### Layout"), flags=re.MULTILINE))
    assert [folder for folder in told if not (ROOT / folder).is_dir()] == []
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tops = {path.partition("/")[0] for path in tracked if "/" in path and not path.startswith((".", "gateway/"))}
    packages = {f"gateway/{path.split('/')[1]}" for path in tracked if re.match(r"gateway/\w+/", path)}
    assert (tops | packages) - told == set()


def test_links_and_files_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:certs|schemas|tools|tests|gateway|\.ci)/[\w./-]+)`", README))
    assert {"certs/README.md", "gateway/states.py", ".ci/run"} <= named
    assert [path for path in named if not (ROOT / path).exists()] == []
