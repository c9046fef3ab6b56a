"""Whether the time that a sensor gives for its samples is possible, by the agent's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.acquisition.sensor_stream import SensorStream

NS: Final = 1_000_000_000

PAST_NS: Final = 7 * 86_400 * NS
"""A broker may hold packets over an outage of some days. What is older has the time of a clock that is wrong."""

FUTURE_NS: Final = NS
"""Two clocks that are kept right differ by milliseconds."""

UNSET_NS: Final = 1_704_067_200 * NS
"""2024-01-01: no sensor's clock that is right gives an earlier time."""


def plausible(end_unix_ns: int, agent_unix_ns: int, *, trusted: bool) -> bool:
    """Whether samples can have ended at this time.

    Args:
        end_unix_ns: by the sensor's clock.
        agent_unix_ns: by the agent's clock, when the samples came.
        trusted: the sensor's clock is synchronised, and the agent's is not.
    """
    if trusted and end_unix_ns >= UNSET_NS:
        return True
    return -FUTURE_NS <= agent_unix_ns - end_unix_ns <= PAST_NS


class WrongClocks:
    """The sensors that give impossible times."""

    def __init__(self) -> None:
        self.sensors: set[str] = set()
        """At the last sweep."""
        self._told: set[str] = set()

    def sweep(self, streams: Mapping[str, SensorStream], now_unix_ns: int) -> list[str]:
        """Look at every stream; return the sensors that were never returned.

        A stream whose time has crept into the future counts as wrong from its next packet on, which decides.

        Args:
            streams: sensor -> its stream.
            now_unix_ns: the agent's clock.
        """
        self.sensors = {name for name, stream in streams.items() if stream.wrong_clock}
        for stream in streams.values():
            cursor = stream.cursor
            if cursor is not None and (cursor.end_unix_ns or 0) > now_unix_ns + FUTURE_NS:
                stream.wrong_clock = True
        new = sorted(self.sensors - self._told)
        self._told = (self._told | self.sensors) & streams.keys()
        return new
