"""The layout's rules (README, "Layout"): who may import whom, and which files touch the outside."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ("accept", "check", "render", "route", "seal", "send", "settle", "store", "trust", "watch")
SHARED = {
    "message",
    "states",
    "errors",
    "partner",
    "config",
    "config_signon",
    "config_tables",
    "mime",
    "admission",
    "as2headers",
    "web",
    "events",
    "clock",
    "connector",
    "logs",
}
"""Modules beside the stage folders that every stage may import."""

IO_MODULES = {"asyncio", "socket", "ssl", "sqlite3", "asyncpg", "aiohttp", "aiosmtplib", "aiosmtpd", "subprocess"}
"""Importing one of these means touching the outside."""
IO_CALLS = {"open", "read_bytes", "read_text", "write_bytes", "write_text"}
IO_FILES = {
    "accept": {"http", "as2", "mail"},
    "check": {"examples", "resources", "explain_worker", "checker", "packs"},
    "render": {"resources"},
    "route": {"resources"},
    "seal": {"sealer"},
    "send": {"http", "mail", "worker"},
    "settle": set(),
    "store": {"sqlite", "postgres", "postgres_wakes", "database", "content", "keyring", "backup", "resources"},
    "trust": {"http"},
    "watch": {
        "http",
        "session_http",
        "signon_http",
        "stream_http",
        "pages_http",
        "acts_http",
        "audit_http",
        "office_http",
        "resources",
    },
}
"""The files of each stage that may do I/O. Everything else is pure."""


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_routing_imports_neither_gateway_nor_clock_nor_io() -> None:
    forbidden = IO_MODULES | {"gateway", "time", "os", "pathlib", "importlib", "random", "zoneinfo"}
    for path in modules("routing"):
        tops = {name.partition(".")[0] for name in imported(path)}
        assert not tops & forbidden, f"{path.relative_to(ROOT)} imports {tops & forbidden}"
        assert ".now(" not in path.read_text(), path
        assert ".today(" not in path.read_text(), path


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    for path in modules(f"gateway/{stage}"):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] != "gateway" or len(parts) < 2:
                continue
            assert parts[1] == stage or parts[1] in SHARED, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("stage", STAGES)
def test_only_listed_files_touch_the_outside(stage: str) -> None:
    for path in modules(f"gateway/{stage}"):
        if path.stem in IO_FILES[stage] or path.stem == "__init__":
            continue
        tops = {name.partition(".")[0] for name in imported(path)}
        assert not tops & IO_MODULES, f"{path.relative_to(ROOT)} imports {tops & IO_MODULES}"
        calls = {
            node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        }
        assert not calls & IO_CALLS, f"{path.relative_to(ROOT)} calls {calls & IO_CALLS}"


def test_nothing_in_gateway_or_routing_imports_tests_or_tools() -> None:
    for path in [*modules("gateway"), *modules("routing"), *modules("schemas")]:
        tops = {name.partition(".")[0] for name in imported(path)}
        assert not tops & {"tests", "tools", "pytest", "hypothesis"}, path
