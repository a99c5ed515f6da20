"""Every table has its retention rule, and whatever may hold content or people's words is named there."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.service.upkeep.retention import RULES, Rule
from gateway.store import Database

WORDS = {"grund", "worte", "reason", "held_reason", "facts", "dezernat", "aktenzeichen"}
"""Columns of these names hold what somebody wrote, or what names somebody."""

SCHEMA = {
    "sqlite": "select m.name, c.name, lower(c.type) from sqlite_schema m, pragma_table_info(m.name) c "
    "where m.type = 'table' and m.name not like 'sqlite_%'",
    "postgres": "select table_name, column_name, data_type from information_schema.columns "
    "where table_schema = 'public'",
}


@pytest.fixture
async def schema(database: Database, raw: Any, url: str) -> dict[str, dict[str, str]]:
    """Columns and their types, by table, as the migrations make them."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in await raw(SCHEMA["sqlite" if url.startswith("sqlite") else "postgres"]):
        found.setdefault(table, {})[column] = kind
    return found


async def test_every_table_has_a_rule_and_every_rule_a_table(schema: dict[str, dict[str, str]]) -> None:
    """A new one: say in gateway/service/upkeep/retention.py what becomes of it, and do it in purging.py."""
    assert set(schema) == set(RULES)


async def test_what_holds_bytes_or_words_is_named_by_its_rule(schema: dict[str, dict[str, str]]) -> None:
    for table, columns in schema.items():
        rule = RULES[table]
        named = set(rule.columns) | set(rule.stays)
        delicate = {name for name, kind in columns.items() if kind in {"blob", "bytea"} or name in WORDS}
        assert delicate <= named, table
        assert named <= set(columns), table


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_rule_says_why(rule: Rule) -> None:
    assert rule.why
    assert not set(rule.columns) & set(rule.stays)
    assert rule.columns or rule.ends in {"stays", "use"}
    assert rule.ends != "stays" or not rule.columns
