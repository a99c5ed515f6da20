"""What the rulebook is made of, read from the installed packages: for the command line and the pages.

Promises: the versions that are valid on a day, with the decree's text; read once a day.
Fails: not at all for a day on which some version is valid; None for others.
"""

from __future__ import annotations

import datetime
from functools import lru_cache

from gateway.check.facts import camel
from gateway.render.labels import ANLASS_LABELS
from gateway.route import rulebook
from gateway.route.resources import message_catalogue, packaged_rules, rule_data
from routing.erlass.tabelle import TABELLEN


@lru_cache(maxsize=2)
def sources(day: datetime.date) -> rulebook.Sources | None:
    """The rulebook by the versions that are valid on `day`; None where none is."""
    valid = packaged_rules().am(day)
    if valid is None:
        return None
    return rulebook.Sources(
        tabelle=TABELLEN[valid[0].tabelle or valid[0].fassung],
        fassungen=valid,
        erlass=rule_data("erlass-2022-04-29.toml"),
        katalog=message_catalogue(),
        tests=rule_data("tests.toml"),
        titel=title,
        element=camel,
    )


def title(anlass: str) -> str:
    """What an Anlass is called; itself, where it is none of ours."""
    return ANLASS_LABELS.get(camel(anlass), anlass)
