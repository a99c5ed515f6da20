"""Makes what the rulebook says about tests, and the README's table of the decree, number by number.

Usage: `python -m tools.rule_table` prints the table, `--tests` rewrites `routing/data/tests.toml`.

A test names its number by the function (`test_5_1_…`), else by its class (`TestNr51UndNr52`), else by its file
(`test_nr_6.py`), or by the mark `nummer`: `@pytest.mark.nummer("2.4")`, on a function, a class or a module
(`pytestmark`), which comes first.

Promises: the same tests give the same file; nothing is imported or run to find them.
Fails: `SyntaxError` for a test file that is no Python.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.cli.rules import sources
from gateway.route.resources import rule_data
from gateway.route.rulebook import numbers, order, table_markdown

ROOT: Final = Path(__file__).resolve().parent.parent
TARGET: Final = ROOT / "routing" / "data" / "tests.toml"
HEAD: Final = "# Number of the decree to the tests that show it. Made by `python -m tools.rule_table --tests`.\n"

_FUNCTION: Final = re.compile(r"test_(?:nr_)?([1-7]_[1-9])(?:_|$)")
_FILE: Final = re.compile(r"test_nr_([1-7])$")

Tested = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def collect(tests: Path) -> dict[str, list[str]]:
    """Number to test names (`tests/…/test_x.py::Class::test`), both in order.

    Args:
        tests: the folder `tests`.
    """
    known = numbers(rule_data("erlass-2022-04-29.toml"))
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        of_file = _marked(tree.body) or _FILE.findall(path.stem)
        where = path.relative_to(tests.parent).as_posix()
        for name, own in _tests(tree.body, of_file):
            for nummer in own:
                if nummer in known:
                    found.setdefault(nummer, []).append(f"{where}::{name}")
    return {nummer: found[nummer] for nummer in sorted(found, key=order)}


def _tests(body: list[ast.stmt], inherited: list[str], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each test with the numbers that it names, or inherits."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            own = _marks(node) or _of_class(node.name) or inherited
            yield from _tests(node.body, own, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            named = [each.replace("_", ".") for each in _FUNCTION.findall(node.name)]
            yield prefix + node.name, _marks(node) or named or inherited


def _of_class(name: str) -> list[str]:
    """`TestNr51UndNr52` → 5.1, 5.2."""
    if not name.startswith("TestNr"):
        return []
    return [f"{a}.{b}" for a, b in re.findall(r"([1-7])([1-9])", name)]


def _marks(node: Tested) -> list[str]:
    return [nummer for each in node.decorator_list for nummer in _mark(each)]


def _marked(body: list[ast.stmt]) -> list[str]:
    """The numbers of a module's `pytestmark`."""
    values = (
        node.value
        for node in body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
    )
    return [
        nummer
        for value in values
        for each in (value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
        for nummer in _mark(each)
    ]


def _mark(node: ast.expr) -> list[str]:
    """The numbers in `pytest.mark.nummer("2.4", …)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "nummer":
        return [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
    return []


def as_toml(found: dict[str, list[str]]) -> str:
    """The file that ships."""
    lines = [HEAD]
    for nummer, names in found.items():
        lines += [f'"{nummer}" = [', *(f"    {json.dumps(name)}," for name in names), "]"]
    return "\n".join(lines) + "\n"


def table() -> str:
    """The README's table, by the versions valid today."""
    return table_markdown(sources())


def main(arguments: list[str]) -> int:
    """What the command line asks for; exit code 2 for anything else."""
    if arguments == ["--tests"]:
        TARGET.write_text(as_toml(collect(ROOT / "tests")), encoding="utf-8")
    elif not arguments:
        print(table())
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
