"""Words and plots of the pages: every code is a word, every time is German, every plot fits its box."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.events import Art
from gateway.states import DeliveryStatus, MessageStatus
from gateway.watch import words
from gateway.watch.drawing import HEIGHT, LABEL, WIDTH, time_line, traffic
from gateway.watch.people import Rolle

AT = datetime(2026, 11, 22, 19, 5, 7, tzinfo=UTC)


def test_every_code_has_its_words() -> None:
    assert [art for art in Art if not words.event(art) or "_" in words.event(art)] == []
    assert set(words.STATUS) == {*MessageStatus, *DeliveryStatus}
    assert set(words.ROLES) == set(Rolle)
    assert [words.checks("mic_fehlt")[n][1] for n in (4, 5, 6)] == ["ja", "nein", "–"]
    assert {result for _, result in words.checks("zugestellt")} == {"ja"}


def test_times_and_sizes_read_as_in_germany() -> None:
    text = AT.isoformat()
    assert words.moment(text) == "22.11.2026, 20:05:07 Uhr"
    assert words.minute(text) == "22.11.2026, 20:05 Uhr"
    assert words.day("2026-11-02") == "02.11.2026"
    assert [words.moment(None), words.minute(None), words.day(None), words.duration(None)] == ["–"] * 4
    assert [words.size(n) for n in (7, 1500, 20_000_000)] == ["7 Byte", "1,5 KB", "20,0 MB"]
    assert [words.duration(n * 1_000_000) for n in (1.5, 600, 86_400)] == ["1,5 s", "10 min", "24 h"]
    assert words.number(1_234_567) == "1.234.567"


@pytest.mark.parametrize("most", [0, 1, 10**6])
def test_a_plot_stays_in_its_box(most: int) -> None:
    hours = [
        {
            "beginn": (AT + timedelta(hours=n)).isoformat(),
            "nachrichten": most if n % 2 else 0,
            "dauer": None if n else 5e9,
        }
        for n in range(24)
    ]
    found = traffic(hours)
    assert len(found.bars) == 24
    for bar in found.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT
    assert [0 <= y <= HEIGHT for _, y in found.line] == [True]


def test_windows_that_reach_beyond_are_cut_off() -> None:
    line = time_line([("alt", AT - timedelta(days=9000), AT + timedelta(days=9000)), ("aus", AT, AT)], AT)
    assert (line.spans[0].x, line.spans[0].width) == (LABEL, WIDTH - LABEL)
    assert all(span.width >= 2 for span in line.spans)
    assert [year for _, year in line.years] == ["2026", "2027", "2028", "2029"]
