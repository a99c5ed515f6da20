"""How far a message came, and what its events tell: every detail once, in words or under the technical ones."""

from typing import Any

import pytest

from gateway.watch.story import sentence, technical, way

AT = "2026-11-22T19:05:07+00:00"


def called(key: str) -> str:
    return {"abh:05315000": "Stadt Köln"}.get(key, key)


def message(status: str, *deliveries: str, **more: Any) -> dict[str, Any]:
    made = [{"status": each, "geaendert": AT} for each in deliveries]
    return {"status": status, "eingang": AT, "nummer": "3.2 Satz 1", "zustellungen": made, "entscheidung": {}} | more


@pytest.mark.parametrize(
    ("seen", "stations"),
    [
        (message("klaerung"), ["fertig", "jetzt"]),
        (message("entbehrlich"), ["fertig", "fertig"]),
        (message("unterwegs", "wartet"), ["fertig", "fertig", "offen", "offen"]),
        (message("unterwegs", "zugestellt", "uebergeben"), ["fertig", "fertig", "fertig", "jetzt"]),
        (message("zugestellt", "zugestellt"), ["fertig", "fertig", "fertig", "fertig"]),
        (message("gescheitert", "gescheitert"), ["fertig", "fertig", "offen", "aus"]),
    ],
)
def test_the_way_of_a_message(seen: dict[str, Any], stations: list[str]) -> None:
    assert [station.state for station in way(seen)] == stations


def test_a_recipient_sees_no_decision_on_the_way() -> None:
    seen = message("zugestellt", "zugestellt")
    del seen["entscheidung"]
    assert [station.title for station in way(seen)] == ["Angenommen", "Übergeben", "Quittung geprüft"]
    assert way(seen)[-1].at == AT


def test_people_read_words_and_programs_the_rest() -> None:
    detail = {
        "empfaenger": ["abh:05315000"],
        "entscheidung": "zustellen",
        "ergebnis": "verbindung",
        "faellig_am": "2026-11-02",
        "sekunden": 600,
        "versuch": 2,
        "sha256": "ab" * 32,
        "mic_alg": "sha-256",
        "leer": None,
    }
    told = sentence(detail, called)
    for text in ("Empfänger: Stadt Köln", "keine Verbindung", "fällig am: 02.11.2026", "Pause: 10 min", "Versuch: 2"):
        assert text in told, told
    assert technical(detail) == [("sha256", "ab" * 32), ("mic_alg", "sha-256")]
    assert not any(each in told for each in ("abab", "sha-256", "leer", "None"))
