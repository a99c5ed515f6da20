"""Where the gateway makes something durable or touches the network: derived from its source, so that none is missed.

A durable step is a call of `commit` on a database; a helper called `_commit` stands for whoever calls it. A network
effect is a call of `send.http.post` or `send.mail.send`, an answer to a request that changes something, or the answer
to a mail. A site is named after the function that it stands in: `sealing.Sealing._keep`, `delivering.Delivering._take
#2` for the second one in it, `answer POST /v1/messages`.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from aiohttp import web

import gateway
from gateway.accept.as2 import As2In
from gateway.accept.http import CommandsIn, MessagesIn

ROOT = Path(gateway.__file__).parent
SENDERS = {"gateway.send.http": "post", "gateway.send.mail": "send"}
"""The functions through which everything goes that the gateway sends by itself, by module."""
NOT_OURS = ("demo/", "store/sqlite.py", "store/postgres.py", "service/telling.py")
"""The demo's own cast, and what carries a commit out."""
MAIL_ANSWER = "answer to a mail"


@dataclass(frozen=True)
class Call:
    """One call in the source."""

    path: str
    function: str
    span: tuple[int, int, int, int]
    """First line, last line, first column, last column."""
    what: str
    """`commit`, or the name of the sending function."""


class _Finder(ast.NodeVisitor):
    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.path = str(path)
        self.calls: list[Call] = []
        self._names: list[str] = []
        self._senders = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in SENDERS
            for alias in node.names
            if alias.name == SENDERS[node.module]
        }
        self.visit(tree)

    def _named(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._names.append(node.name)
        self.generic_visit(node)
        self._names.pop()

    visit_ClassDef = _named  # noqa: N815 - the names of ast
    visit_FunctionDef = _named  # noqa: N815
    visit_AsyncFunctionDef = _named  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        what = self._what(node.func)
        if what is not None:
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            span = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            self.calls.append(Call(self.path, ".".join(self._names), span, what))

    def _what(self, func: ast.expr) -> str | None:
        if isinstance(func, ast.Name) and func.id in self._senders:
            return func.id
        if not isinstance(func, ast.Attribute):
            return None
        if func.attr == "_commit":
            return "commit"
        inside_helper = bool(self._names) and self._names[-1] == "_commit"
        return "commit" if func.attr == "commit" and not inside_helper else None


def named(calls: list[Call]) -> dict[Call, str]:
    """The name of each site."""
    many = Counter((call.path, call.function) for call in calls)
    nth: Counter[tuple[str, str]] = Counter()
    names: dict[Call, str] = {}
    for call in calls:
        key = (call.path, call.function)
        nth[key] += 1
        ordinal = f"#{nth[key]}" if many[key] > 1 else ""
        names[call] = f"{Path(call.path).stem}.{call.function}{ordinal}"
    return names


@cache
def calls() -> dict[Call, str]:
    """All sites that are calls, with their names, in the order of the source."""
    found: dict[Call, str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).as_posix().startswith(NOT_OURS):
            continue
        inside = _Finder(path, ast.parse(path.read_text())).calls
        found |= named(sorted(inside, key=lambda call: call.span))
    return found


def answers() -> Iterator[str]:
    """An answer to each request that changes something."""
    nobody = None
    routes = [*MessagesIn(nobody).routes(), *CommandsIn(nobody).routes(), *As2In(nobody).routes()]  # type: ignore[arg-type]
    app = web.Application()
    app.add_routes(routes)
    for route in app.router.routes():
        assert route.resource is not None
        yield f"answer {route.method} {route.resource.canonical}"
    yield MAIL_ANSWER


def sites() -> list[str]:
    """Every site of the program."""
    found = [*calls().values(), *answers()]
    assert len(set(found)) == len(found), Counter(found).most_common(3)
    return found


@cache
def _by_end() -> dict[tuple[str, int, int], str]:
    """By where it ends: there the call ends, and the `await` in front of it too."""
    return {(call.path, call.span[1], call.span[3]): name for call, name in calls().items()}


def site_of(frame: FrameType | None) -> str | None:
    """The site at which `frame` calls; that of its caller where it is a `_commit`; None for one that is no site."""
    while frame is not None and frame.f_code.co_name == "_commit":
        frame = frame.f_back
    if frame is None:
        return None
    _, line, _, column = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    return _by_end().get((frame.f_code.co_filename, line or 0, column or 0))
