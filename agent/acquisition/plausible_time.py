"""Whether the time that a sensor gives for its samples is possible, by the agent's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.sensor_stream import SensorStream

NS: Final = 1_000_000_000

PAST_NS: Final = 7 * 86_400 * NS
"""A broker may hold packets over an outage of some days. What is older has the time of a clock that is wrong."""

FUTURE_NS: Final = NS
"""Two clocks that are kept right differ by milliseconds."""

UNSET_NS: Final = 1_704_067_200 * NS
"""2024-01-01: an earlier time of the agent is that of a clock that was never set."""


def plausible(end_unix_ns: int, agent_unix_ns: int, *, clock_synced: bool) -> bool:
    """Whether samples can have ended at this time.

    Args:
        end_unix_ns: by the sensor's clock.
        agent_unix_ns: by the agent's clock, when the samples were here.
        clock_synced: the sensor reports that its clock is synchronised.
    """
    if clock_synced and agent_unix_ns < UNSET_NS <= end_unix_ns:
        return True  # the agent's clock is the one that is wrong
    return -FUTURE_NS <= agent_unix_ns - end_unix_ns <= PAST_NS


class WrongClocks:
    """The sensors that give impossible times. A sweep looks at the last packet of each stream."""

    def __init__(self) -> None:
        self.sensors: set[str] = set()
        """Those whose last packet had an impossible time."""
        self._seen: dict[str, Cursor | None] = {}  # at the last sweep
        self._told: set[str] = set()

    def sweep(self, streams: Mapping[str, SensorStream], now_unix_ns: int) -> list[str]:
        """Look at the streams that had a packet since the last sweep; return the sensors that were never returned.

        Args:
            streams: sensor -> its stream.
            now_unix_ns: the agent's clock.
        """
        seen, self._seen = self._seen, {name: stream.cursor for name, stream in streams.items()}
        self.sensors &= self._seen.keys()
        for name, cursor in self._seen.items():
            if cursor is None or cursor is seen.get(name):
                continue
            end_unix_ns = cursor.end_unix_ns
            if end_unix_ns is None or plausible(end_unix_ns, now_unix_ns, clock_synced=True):
                self.sensors.discard(name)
            else:
                self.sensors.add(name)
        new = sorted(self.sensors - self._told)
        self._told = (self._told | self.sensors) & self._seen.keys()
        return new
