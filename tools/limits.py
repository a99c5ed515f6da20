"""The limits that somebody outside can meet, with the reason that stands beside each in the code.

Promises: value and reason are read where they are used; a limit that is renamed is missed at once.
Fails: `KeyError` for a limit that its module does not have or does not explain.
"""

from __future__ import annotations

import ast
import importlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHOWN: Final = {
    "gateway.accept.form": ("MESSAGE_BYTES", "XML_BYTES", "FILES", "NAME_CHARS", "FIELD_BYTES"),
    "gateway.check.intake": (
        "MAX_ELEMENTS",
        "MAX_DEPTH",
        "MAX_ATTRIBUTES_PER_ELEMENT",
        "MAX_TEXT",
        "MAX_NAME",
    ),
    "gateway.web": ("JSON_BYTES",),
    "gateway.seal.sealer": ("ONE_SHOT_LIMIT", "OPEN_LIMIT"),
    "gateway.seal.compressed": ("MAX_RATIO",),
    "gateway.accept.as2": ("AS2_BYTES",),
    "gateway.accept.mail": ("MAIL_BYTES",),
    "gateway.route.chain": ("HOPS",),
    "gateway.store.search": ("MAX_PAGE",),
    "gateway.service.views.searching": ("DEFAULT_DAYS",),
}
_UNITS: Final = ((1024 * 1024, "MB"), (1024, "KB"))


@dataclass(frozen=True, slots=True)
class Shown:
    """One limit."""

    name: str
    """Module and constant."""
    value: int
    reason: str

    @property
    def shown(self) -> str:
        """The value for people; sizes in MB or KB where that is whole."""
        for size, unit in _UNITS:
            if self.value >= size and self.value % size == 0 and not self.name.endswith(("_TEXT", "_ELEMENTS")):
                return f"{self.value // size} {unit}"
        return f"{self.value:,}"


def limits(root: Path) -> list[Shown]:
    """Every limit of `SHOWN`."""
    found = []
    for module, names in SHOWN.items():
        reasons = _reasons(root / (module.replace(".", "/") + ".py"))
        values = vars(importlib.import_module(module))
        found += [Shown(f"{module.removeprefix('gateway.')}.{name}", values[name], reasons[name]) for name in names]
    return found


def _reasons(path: Path) -> dict[str, str]:
    """The text that stands below each constant."""
    body = ast.parse(path.read_text("utf-8")).body
    found: dict[str, str] = {}
    for node, after in itertools.pairwise(body):
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            targets: list[ast.expr] = [node.target] if isinstance(node, ast.AnnAssign) else []
            targets += node.targets if isinstance(node, ast.Assign) else []
            found |= {each.id: " ".join(after.value.value.split()) for each in targets if isinstance(each, ast.Name)}
    return found
