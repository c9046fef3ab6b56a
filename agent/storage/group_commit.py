"""Group commit: outcomes of several batches are written together, because each commit wears the flash.

A transition, a reply, or half of the packets that the broker allows in flight commit at once. So does a pause in the
packets: the broker may wait for acknowledgements, and may allow fewer in flight than the agent asks for. While packets
of QoS 1 are unacknowledged, packets of QoS 0 do not end the pause, because they never wait for an acknowledgement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.decision.alarm_engine import Outcome

GROUP_S = 0.25
"""No outcome waits longer; after a crash the broker sends the packets of uncommitted outcomes again."""

LULL_S = 0.03
"""After a pause of this length nothing waits: a plant of ten sensors sends a packet every 17 ms."""


class GroupCommit:
    """The outcomes of the next commit, and when it is due.

    Args:
        max_packets: so many unacknowledged packets commit at once.
        group_s: longest wait of an outcome.
        lull_s: a pause in the packets that ends the wait.
    """

    def __init__(self, max_packets: int, group_s: float = GROUP_S, lull_s: float = LULL_S) -> None:
        self.group_s, self.lull_s = group_s, lull_s
        self._max_packets = max_packets
        self._outcomes: list[Outcome] = []
        self._first_s: float | None = None  # when the first of the waiting outcomes was added
        self._last_packet_s = 0.0
        self._urgent = False

    def packet_arrived(self, now_s: float, *, qos0_only: bool = False, unacknowledged: int = 0) -> None:
        """Note the time of new packets.

        Args:
            now_s: monotonic.
            qos0_only: none of them needs an acknowledgement.
            unacknowledged: packets of QoS 1 whose acknowledgement the broker waits for.
        """
        if not (qos0_only and unacknowledged):
            self._last_packet_s = now_s

    def add(self, outcomes: Iterable[Outcome], now_s: float, *, waiting: bool) -> None:
        """Add outcomes; `waiting`: a packet waits for its acknowledgement, or windows were counted."""
        outcomes = list(outcomes)
        self._outcomes += outcomes
        self._urgent = self._urgent or any(outcome.changes for outcome in outcomes)
        if self._first_s is None and (outcomes or waiting):
            self._first_s = now_s

    def due_in_s(self, packets: int, now_s: float) -> float | None:
        """Seconds until the commit is due with `packets` unacknowledged; None: there is nothing to commit."""
        if self._first_s is None:
            return None
        if self._urgent or packets >= self._max_packets:
            return 0.0
        return max(0.0, min(self._first_s + self.group_s, self._last_packet_s + self.lull_s) - now_s)

    def take(self) -> list[Outcome]:
        """Remove and return all waiting outcomes, in order; the caller commits them now."""
        outcomes, self._outcomes = self._outcomes, []
        self._first_s, self._urgent = None, False
        return outcomes
