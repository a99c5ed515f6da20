"""Makes the parts of README.md that repeat what the program knows: picture of the states, settings, commands, codes.

Usage: `python -m tools.readme` rewrites them, `--check` only says what is not current (exit 1); `--table FILE` takes
the demo's table from what `make demo` printed.

Promises: only the text between `<!-- made: NAME -->` and `<!-- end: NAME -->` changes; the same program gives the same
text.
Fails: `ValueError` where a mark is missing, `KeyError` for a setting or dependency that nothing explains.
"""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import click
from pydantic import BaseModel

from gateway.cli.init_template import render
from gateway.cli.main import cli
from gateway.config import Config
from gateway.figures import METRICS
from gateway.settle.receipt import TEXTS
from gateway.states import FINAL, MESSAGE_TABLE, OPEN, TABLE, Actor, DeliveryStatus, MessageStep, Step
from tools.codes import findings, openings, refusals
from tools.interop_matrix import committed
from tools.interop_matrix import table as matrix
from tools.limits import limits
from tools.rule_table import table as decree

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = ROOT / "README.md"
_MARK: Final = "<!-- {}: {} -->"


def state_picture() -> str:
    """`gateway/states.py` as a Mermaid state diagram; steps that every open delivery may take leave from `offen`."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", "    [*] --> wartet", "    [*] --> uebergeben: inbox"]
    lines += ["    state offen {", *(f"        {status}" for status in DeliveryStatus if status in OPEN), "    }"]
    edges: dict[tuple[str, str], dict[Step, list[Actor]]] = {}
    for line in TABLE:
        for name in _together(line.sources):
            edges.setdefault((name, line.target), {}).setdefault(line.step, []).append(line.actor)
    lines += [f"    {before} --> {after}: {_taken(steps)}" for (before, after), steps in edges.items()]
    lines += [f"    {status} --> [*]" for status in DeliveryStatus if status in FINAL]
    return "\n".join([*lines, "```"])


def _taken(steps: Mapping[Step, list[Actor]]) -> str:
    return ", ".join(f"{step} ({' or '.join(actors)})" for step, actors in steps.items())


def message_steps() -> str:
    """What people may do with a message that has no deliveries yet."""
    rows = ["| step | from | who |", "| --- | --- | --- |"]
    for step in MessageStep:
        who = {actor: sources for (taken, actor), sources in MESSAGE_TABLE.items() if taken is step}
        before = sorted({str(status) for sources in who.values() for status in sources})
        rows.append(f"| {step} | {', '.join(before)} | {', '.join(who)} |")
    return "\n".join(rows)


def _together(sources: Collection[DeliveryStatus]) -> list[str]:
    """Sources in the order of the table, all open ones as one."""
    if not set(sources) >= OPEN:
        return [str(status) for status in DeliveryStatus if status in sources]
    return ["offen", *(str(status) for status in DeliveryStatus if status in sources and status not in OPEN)]


def commands() -> str:
    """Every command with its arguments' metavars and its short help."""
    context = click.Context(cli, info_name="gateway")
    rows = ["| command | what |", "| --- | --- |"]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None, name
        usage = " ".join(command.collect_usage_pieces(click.Context(command)))
        usage = usage.replace("[OPTIONS]", "").replace("COMMAND [ARGS]...", _subcommands(command)).strip()
        rows.append(f"| `gateway {name} {usage}`".rstrip("` ") + f"` | {command.get_short_help_str(200)} |")
    return "\n".join(rows).replace("DIR|ZIP", r"DIR\|ZIP")


def _subcommands(command: click.Command) -> str:
    return "·".join(command.commands) if isinstance(command, click.Group) else ""


def settings() -> str:
    """Every setting with its default and the words of the file that `gateway init` writes (German, for its readers)."""
    rows = ["| Einstellung | Voreinstellung | Bedeutung |", "| --- | --- | --- |"]
    words, defaults = _words(render("gw:nrw", ())), settings_known()
    for key, default in defaults.items():
        rows.append(f"| `{key}` | {default} | {words[key].replace('<', '&lt;')} |")
    return "\n".join(rows)


def settings_known() -> dict[str, str]:
    """Each setting that `gateway/config_tables.py` knows, as `table.key`, with its default."""
    known: dict[str, str] = {}
    for table, field in Config.model_fields.items():
        model = next(
            each
            for each in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(each, type) and issubclass(each, BaseModel)
        )
        for key, setting in model.model_fields.items():
            known[f"{table}.{key}"] = "–" if setting.is_required() else _default(setting.default)
    return known


def _default(value: object) -> str:
    if value is None or value == ():
        return "–"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace(".0`", "`")


def _words(text: str) -> dict[str, str]:
    """The comment above each key of a `gateway.toml`, commented-out keys included."""
    words: dict[str, str] = {}
    comment: list[str] = []
    table = ""
    for line in text.splitlines():
        if header := re.fullmatch(r"(?:# )?\[\[?(\w+)\]?\]", line):
            table, comment = header[1], []
        elif setting := re.fullmatch(r"(?:# )?([a-z][a-z0-9_]*) = .*", line):
            words[f"{table}.{setting[1]}"] = " ".join(comment) or "–"
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []
    return words


def error_codes() -> str:
    """Codes of refusals by HTTP status, and of the findings that a 400, 413 or 422 lists."""
    rows = ["| status | title | `type` ends in |", "| --- | --- | --- |"]
    for (status, title), codes in sorted(refusals(ROOT).items()):
        rows.append(f"| {status} | {title} | {_listed(codes)} |")
    return "\n".join([*rows, "", f"Findings of a 422 (`errors[].code`): {_listed(findings(ROOT))}."])


def wire_codes() -> str:
    """Codes of what cannot be opened, and of receipts that partners send."""
    rows = ["| refused by | `grund` of the event `eingang_abgewiesen` |", "| --- | --- |"]
    rows += [f"| {name} | {_listed(codes)} |" for name, codes in openings(ROOT).items()]
    rows += ["", "| `grund` of the event `quittung` | what it says |", "| --- | --- |"]
    rows += [f"| `{reason}` | {text} |" for reason, text in TEXTS.items()]
    return "\n".join(rows)


def interop() -> str:
    """What the interoperation tests have shown; `tools.interop_matrix --write` takes it over."""
    return matrix(committed())


def _listed(codes: set[str]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(codes))


def limit_table() -> str:
    """The limits that a sender can meet, each with the reason that stands beside it in the code."""
    rows = ["| limit | value | why |", "| --- | --- | --- |"]
    rows += [f"| `{each.name}` | {each.shown} | {each.reason} |" for each in limits(ROOT)]
    return "\n".join(rows)


def metrics() -> str:
    """Everything that /metrics shows."""
    rows = ["| metric | labels | of | what |", "| --- | --- | --- | --- |"]
    for name, metric in METRICS.items():
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        rows.append(f"| `{name}` ({metric.kind}) | {labels} | {metric.scope} | {metric.help} |")
    return "\n".join(rows)


def dependencies() -> str:
    """Each dependency with its reason, from `pyproject.toml`."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    reasons = dict(re.findall(r'^    "([A-Za-z0-9_-]+)[^"]*",\s*# (.+)$', text, flags=re.MULTILINE))
    names = tomllib.loads(text)["project"]["dependencies"]
    return "\n".join(["| package | why |", "| --- | --- |", *(f"| {name} | {reasons[name]} |" for name in names)])


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "states": state_picture,
    "message steps": message_steps,
    "commands": commands,
    "decree": decree,
    "settings": settings,
    "error codes": error_codes,
    "wire codes": wire_codes,
    "interop": interop,
    "limits": limit_table,
    "metrics": metrics,
    "dependencies": dependencies,
}


def renewed(text: str) -> str:
    """`text` with every block made anew.

    Raises:
        ValueError: a mark is missing.
    """
    for name, make in BLOCKS.items():
        text = _with(text, name, make())
    return text


def _with(text: str, name: str, made: str) -> str:
    begin, end = _MARK.format("made", name), _MARK.format("end", name)
    start = text.index(begin) + len(begin)
    return f"{text[:start]}\n{made}\n{text[text.index(end, start) :]}"


def main(arguments: list[str]) -> int:
    """Rewrite, or with `--check` compare; the exit code."""
    text = README.read_text("utf-8")
    if arguments[:1] == ["--table"]:
        said = Path(arguments[1]).read_text("utf-8")
        text = _with(text, "table", f"```\n{said[said.index('┏') : said.index('┘') + 1]}\n```")
    current = renewed(text)
    if "--check" not in arguments:
        README.write_text(current, "utf-8")
        return 0
    changed = list(
        difflib.unified_diff(text.splitlines(), current.splitlines(), "README.md", "current", lineterm="", n=0)
    )
    if changed:
        print("\n".join(["README.md is not current; python -m tools.readme mends it", *changed]), file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
