"""When to commit: what several batches have decided goes to the disk together, for each commit wears the flash.

A transition, an answer, or half of what the broker lets wait commit at once. So does a lull: it may be that the broker
waits for acknowledgements, whose number it may limit below what we ask for. While it waits for one, packets of QoS 0
end no lull: they come all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.decision.alarm_engine import Outcome

GROUP_S = 0.25
"""Nothing that is decided waits for longer; a crash meanwhile lets the broker send its packets again."""

LULL_S = 0.03
"""Without a packet for so long, nothing is waited for: a plant of ten sensors sends one every 17 ms."""


class GroupCommit:
    """What waits for the next commit.

    Args:
        most_packets: done and not acknowledged; as many of them commit at once.
    """

    def __init__(self, most_packets: int) -> None:
        self._most = most_packets
        self._outcomes: list[Outcome] = []
        self._since_s: float | None = None  # when the first of what waits was decided
        self._came_s = 0.0
        self._urgent = False

    def came(self, now_s: float, *, free: bool = False, owed: int = 0) -> None:
        """A packet has come; `free`: of QoS 0, `owed`: how many are in hand whose acknowledgement the broker awaits."""
        if not (free and owed):
            self._came_s = now_s

    def hold(self, outcomes: Iterable[Outcome], now_s: float, *, done: bool) -> None:
        """Add what was decided; `done`: a packet waits for its acknowledgement."""
        outcomes = list(outcomes)
        self._outcomes += outcomes
        self._urgent = self._urgent or any(outcome.changes for outcome in outcomes)
        if self._since_s is None and (outcomes or done):
            self._since_s = now_s

    def wait_s(self, packets: int, now_s: float) -> float | None:
        """How long the commit may still wait, `packets` being in hand; None: there is nothing to commit."""
        if self._since_s is None:
            return None
        if self._urgent or packets >= self._most:
            return 0.0
        return max(0.0, min(self._since_s + GROUP_S, self._came_s + LULL_S) - now_s)

    def take(self) -> list[Outcome]:
        """All that waited, in order; it is committed now."""
        outcomes, self._outcomes = self._outcomes, []
        self._since_s, self._urgent = None, False
        return outcomes
