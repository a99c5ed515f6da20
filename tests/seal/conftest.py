"""Fixtures of the tests of sealing; what they hand out is in tests/support/sealworld.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sealworld import AT, Holder, Way, make_holder, make_partner

from gateway.partner import Partner


@pytest.fixture(scope="session")
def at() -> datetime:
    return AT


@pytest.fixture(scope="session")
def holder() -> Callable[..., Holder]:
    return make_holder


@pytest.fixture(scope="session")
def partner() -> Callable[..., Partner]:
    return make_partner


@pytest.fixture(scope="session")
def way() -> Callable[..., Way]:
    def make(hub: str = "p256", edge: str = "bp256", **algorithms: Any) -> Way:
        return Way(make_holder(hub, "Hub"), make_holder(edge, "Edge"), algorithms)

    return make
