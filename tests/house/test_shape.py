"""The shape of the code: functions stay short, nesting flat, every file says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 60
DEEPEST = 4
NINETIETH = 25
FILE_LINES = 450

BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith)


def sources() -> list[Path]:
    return [p for folder in ("gateway", "routing", "schemas", "tools") for p in sorted((ROOT / folder).rglob("*.py"))]


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    has_doc = ast.get_docstring(node) is not None and len(node.body) > 1
    first = node.body[1] if has_doc else node.body[0]
    return (node.end_lineno or first.lineno) - first.lineno + 1


def depth(node: ast.AST, level: int = 0) -> int:
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif_branch = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deepest = max(deepest, depth(child, level + (isinstance(child, BLOCKS) and not elif_branch)))
    return deepest


def test_no_function_outgrows_its_shape() -> None:
    too_long = [f"{name}: {body_lines(node)} lines" for name, node in functions() if body_lines(node) > LONGEST]
    too_deep = [f"{name}: nesting {depth(node)}" for name, node in functions() if depth(node) > DEEPEST]
    assert too_long == []
    assert too_deep == []


def test_nine_of_ten_functions_are_short() -> None:
    lengths = sorted(body_lines(node) for _, node in functions())
    assert lengths[int(len(lengths) * 0.9)] <= NINETIETH


def test_every_file_says_what_it_is_for_and_stays_readable() -> None:
    for path in sources():
        text = path.read_text()
        assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} has no docstring"
        assert len(text.splitlines()) <= FILE_LINES, f"{path.relative_to(ROOT)} is too long"
