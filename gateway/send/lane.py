"""How much a partner's lane carries, and when it stops by itself: pure decisions (design.md section 4).

Promises: pure but for what a `Window` counts; a lane starts with few deliveries at once, grows by one for each full
window that was answered promptly, and falls back when the partner fails; what has `vorrang` goes first, and every few
claims one that has none.
Fails: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.send.failure import Failure

MOST: Final = 20
"""Deliveries to one partner at once that no good answer raises further, as mail servers do."""
SLOW_S: Final = 10.0
"""An answer that takes longer is slow: the lane does not grow, and shares the places of all that are slow."""
PAUSE_FACTOR: Final = 2.0
"""Each further pause of a lane that stays stopped is longer by this factor, up to the back-off's cap."""


FAIR_CLAIM: Final = 4
"""Every so many claims of a lane begin with one that has no `vorrang`: in a full lane, where each claim takes what one
ended attempt left free, that is a quarter of the places, so that what has none does not starve."""


def ordinary_first(nth: int) -> bool:
    """Whether the `nth` claim of a lane begins with one delivery without `vorrang`."""
    return nth % FAIR_CLAIM == 0


class LaneState(StrEnum):
    """Whether a lane takes work."""

    FREI = "frei"
    UNTERBROCHEN = "unterbrochen"  # the partner failed several times in a row; waits
    PROBE = "probe"  # one delivery is on its way to see whether the partner works again


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a lane stops, and for how long."""

    failures: int = 5
    """Failures in a row that concern the partner."""
    start_s: float = 60
    cap_s: float = 3_600

    def pause_s(self, pauses: int) -> float:
        """Seconds until the next probe, after `pauses` pauses without success in between."""
        return min(self.start_s * PAUSE_FACTOR ** min(pauses, 32), self.cap_s)


class Window:
    """How many deliveries may be under way in one lane, as one process has learned.

    Each process learns by its own answers; what it claims it holds against all that the store shows as under way in
    the lane, so that several together have no more at once than the largest window among them.
    """

    def __init__(self, start: int, agreed: int | None = None) -> None:
        self._most = MOST if agreed is None else agreed
        self._start = min(start, self._most)
        self._well = 0
        self.size = self._start

    def answered(self, seconds: float) -> None:
        """The partner answered, whatever it said."""
        if seconds > SLOW_S:
            self._well = 0
            return
        self._well += 1
        if self._well >= self.size:
            self.size, self._well = min(self.size + 1, self._most), 0

    def failed(self) -> None:
        """It did not."""
        self.size, self._well = self._start, 0

    def agree(self, start: int, agreed: int | None) -> None:
        """The agreement of now; what has grown stays where it may."""
        self._most = MOST if agreed is None else agreed
        self._start = min(start, self._most)
        self.size = max(min(self.size, self._most), self._start)


def concerns_partner(failure: Failure) -> bool | None:
    """What a failed try tells of the partner's whole lane.

    Returns:
        True: the partner does not work now, whatever is sent to it. False: it works, and refused this one delivery.
        None: nothing, for the fault is ours, or it was not asked.
    """
    if failure.kind == "temporary":
        return True
    return False if failure.kind == "permanent" and failure.code.startswith(("http_", "smtp_")) else None
