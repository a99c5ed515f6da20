"""The order in which a lane is claimed, said once more and without a store: what the real claim is held against."""

from dataclasses import dataclass, field

from gateway.send.lane import ordinary_first


@dataclass
class LaneModel:
    """What waits in one lane, and how often it was claimed."""

    urgent: list[str] = field(default_factory=list)
    ordinary: list[str] = field(default_factory=list)
    claims: int = 0

    def arrive(self, key: str, *, vorrang: bool) -> None:
        (self.urgent if vorrang else self.ordinary).append(key)

    def claim(self, count: int) -> list[str]:
        """What the next claim takes."""
        self.claims += 1
        taken: list[str] = []
        if ordinary_first(self.claims) and self.ordinary:
            taken.append(self.ordinary.pop(0))
        for waiting in (self.urgent, self.ordinary):
            while waiting and len(taken) < count:
                taken.append(waiting.pop(0))
        return taken
