"""The stable codes of refusals and findings, read from the program's own text.

Promises: nothing is imported or run; a code is found where it is written as a text: `code = "…"` of a class,
`code="…"` where a refusal is raised, and the first text of a finding in `gateway/check`.
Fails: `SyntaxError` for a file that is no Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NOT_ANSWERED: Final = {"receiving.py", "entering.py", "desk.py", "looking.py"}
"""Journeys of AS2, whose refusals become receipts and events, and of the pages, which show them as sentences."""
_CODE: Final = re.compile(r"[a-z][a-z_0-9]{2,39}")

_RULES: Final = {"rules.py", "anlass_rules.py"}

OPENING: Final = {
    "MimeError": "MIME",
    "OpenRefused": "layers",
    "DecryptionRefused": "envelope",
    "DecompressionRefused": "compression",
    "SignatureRefused": "signature",
    "PolicyRefused": "agreement and policy",
}
"""What refuses a request while it is opened, by the class that it raises."""

Family = tuple[int, str]
"""HTTP status and title."""


def refusals(root: Path) -> dict[Family, set[str]]:
    """Codes by status and title, of everything that the API answers as problem details."""
    trees = [ast.parse(path.read_text("utf-8")) for path in _sources(root) if path.name not in NOT_ANSWERED]
    families = {name: family for tree in trees for name, family, _ in _classes(tree)}
    found: dict[Family, set[str]] = {}
    for tree in trees:
        for _, family, code in _classes(tree):
            found.setdefault(family, set()).add(code)
    for tree in trees:
        for name, code in _raised(tree):
            if name in families:
                found[families[name]].add(code)
    return found


def findings(root: Path) -> set[str]:
    """Codes of single findings about a message's content: schema and rules beyond it."""
    found: set[str] = set()
    for path in sorted((root / "gateway" / "check").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found |= _codes(_where_a_code_stands(node, path.name))
    return found


def _where_a_code_stands(node: ast.AST, file: str) -> list[ast.expr]:
    """The expressions of a finding that may be its code."""
    match node:
        case ast.Call(func=func, args=args) if _name(func) in {"Befund", "finding"} and file in _RULES:
            return args[:1]
        case ast.Call(func=func, args=args) if _name(func) == "_at":
            return args[1:2]
        case ast.Return(value=ast.Tuple(elts=[code, _])) if file in {"explain.py", "rules.py"}:
            return [code]
        case _:
            return []


def openings(root: Path) -> dict[str, set[str]]:
    """Codes by what refused them, of everything that keeps a request on the wire from being opened."""
    found: dict[str, set[str]] = {name: set() for name in OPENING.values()}
    paths = [*(root / "gateway" / "seal").glob("*.py"), *(root / "gateway").glob("mime*.py")]
    for path in sorted(paths):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in OPENING:
                found[OPENING[_name(node.func)]] |= _codes(node.args[:1])
            elif path.name == "enveloped.py":
                found["envelope"] |= _codes(_chosen(node))
    return found


def _chosen(node: ast.AST) -> list[ast.expr]:
    """Where an envelope's cause is handed back, since the work goes on with a random key before it is raised."""
    match node:
        case ast.Return(value=ast.Constant() as code):
            return [code]
        case ast.IfExp(body=ast.Name(), orelse=code):
            return [code]
        case _:
            return []


def _sources(root: Path) -> list[Path]:
    return [path for path in sorted((root / "gateway").rglob("*.py")) if path.parts[-2] not in {"cli", "demo"}]


def _classes(tree: ast.Module) -> Iterator[tuple[str, Family, str]]:
    """Each class that sets `status`, `code` and `title`."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        values = {
            target.id: item.value.value
            for item in node.body
            if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
            for target in item.targets
            if isinstance(target, ast.Name)
        }
        if {"status", "code", "title"} <= set(values) and node.name != "Refusal":
            yield node.name, (int(str(values["status"])), str(values["title"])), str(values["code"])


def _raised(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Class and code of each call that names a code, and of each named limit."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                yield _name(node.func), str(keyword.value.value)
        if _name(node.func) == "Limit":
            yield from (("TooLarge", code) for code in _codes(node.args[:1]))


def _codes(nodes: list[ast.expr]) -> set[str]:
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if _CODE.fullmatch(text)}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
