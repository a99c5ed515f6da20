"""Every German sentence that a caller of `/v1` can be told, read from the program's own text.

The English catalogue (`gateway/english_texts.py`) has these sentences as its keys; a test holds both against each
other.

Promises: nothing is imported or run. What a sentence takes in while the program runs stands as `{}`.
Fails: `SyntaxError` for a file that is no Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.codes import NOT_ANSWERED

WHOLE: Final = (
    "gateway/accept/*.py",
    "gateway/check/*rules.py",
    "gateway/check/intake.py",
    "gateway/check/explain.py",
    "gateway/check/validate.py",
    "gateway/check/facts.py",
    "gateway/check/checker.py",
    "gateway/check/catalogue.py",
    "gateway/check/official.py",
    "gateway/route/plan.py",
    "gateway/route/chain.py",
    "gateway/web.py",
    "routing/leser.py",
    "routing/sachverhalt.py",
)
"""Files that speak to callers alone: each German sentence in them counts, however it gets into a refusal."""
_ELSEWHERE: Final = {"cli", "demo", "betrieb", "render", "send", "settle", "seal", "store", "trust"}
"""Folders that tell callers of `/v1` nothing."""
_NOT_ANSWERED: Final = (
    NOT_ANSWERED
    | {"purging.py", "lanes.py", "probing.py", "proving.py", "mail.py", "as2.py"}
    | {f"{name}_http.py" for name in ("session", "pages", "acts", "office")}
)
"""Journeys of AS2, mail, pages and the command line."""
NO_PROBLEMS: Final = {"as2headers.py"}
"""Files whose refusals become receipts."""
_SENTENCE: Final = re.compile(r"[A-ZÄÖÜ„{].* .*(?:[.:]|\.\{\})", re.DOTALL)


def sentences(root: Path) -> dict[str, str]:
    """Each sentence with the file that says it."""
    found: dict[str, str] = {}
    for path in sorted([*(root / "gateway").rglob("*.py"), *(root / "routing").glob("*.py")]):
        name = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text("utf-8"))
        classes = _of_classes(tree) if path.name not in NO_PROBLEMS else ()
        found |= dict.fromkeys([*classes, *_of_file(tree, path, name)], name)
    return found


def _of_file(tree: ast.Module, path: Path, name: str) -> Iterator[str]:
    if path.name in _NOT_ANSWERED or path.parts[-2] in _ELSEWHERE:
        return
    if any(path.match(pattern) for pattern in WHOLE):
        yield from (text for text in _texts(tree, _documentation(tree)) if _SENTENCE.fullmatch(text))
    elif name.startswith("gateway/"):
        yield from _refused(tree)


def _of_classes(tree: ast.Module) -> Iterator[str]:
    """Title and default text of each class of refusals."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for item in node.body:
            match item:
                case ast.Assign(targets=[ast.Name(id="title")], value=ast.Constant(value=str(title))):
                    yield title
                    yield " ".join((ast.get_docstring(node) or "").split())


def _refused(tree: ast.Module) -> Iterator[str]:
    """Texts that stand in the call that refuses."""
    families = {"Malformed", "Invalid", "Forbidden", "NotFound", "Conflict", "TooLarge", "UnsupportedMediaType"}
    families |= {"Gone", "Overloaded", "Unauthenticated", "Damaged", "Befund", "_demand", "TooMany"}
    named = dict(_constants(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in families:
            texts = (_template(each) or named.get(_name(each)) for each in node.args)
            yield from (text for text in texts if text and _SENTENCE.fullmatch(text))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Texts that a file gives a name."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                if text := _template(value):
                    yield name, text


def _texts(tree: ast.Module, passed_over: set[int]) -> Iterator[str]:
    """Every text of a file that is no documentation."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    inside -= {id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    for node in ast.walk(tree):
        if id(node) in passed_over or id(node) in inside:
            continue
        text = _template(node)
        if text is not None:
            yield text


def _documentation(tree: ast.Module) -> set[int]:
    """Texts that stand as statements: docstrings and the words below a constant."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _template(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in values)
    return None


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
