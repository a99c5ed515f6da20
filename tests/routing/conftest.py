"""The packaged directory and short ways to ask for a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.route.resources import packaged_directory, packaged_rules
from routing import Einstellungen, Entscheidung, Sachverhalt, Verzeichnis, Vorgangslage, entscheide

Frage = Callable[..., Entscheidung]


@pytest.fixture(scope="session")
def verzeichnis() -> Verzeichnis:
    return packaged_directory()


@pytest.fixture(scope="session")
def frage(verzeichnis: Verzeichnis) -> Frage:
    """`frage("anlass", "absender", key=value, …)`; `vorgang` and `einstellungen` may be given too."""

    def frage(
        anlass: str,
        absender: str,
        *,
        vorgang: Vorgangslage | None = None,
        einstellungen: Einstellungen | None = None,
        **fakten: Any,
    ) -> Entscheidung:
        angaben = {"anlass": anlass, "absender": absender, "stand": "2026-11-22"} | fakten
        return entscheide(
            Sachverhalt.from_json(angaben),
            vorgang or Vorgangslage(),
            verzeichnis,
            packaged_rules(),
            einstellungen or Einstellungen(),
        )

    return frage
