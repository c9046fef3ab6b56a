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

    def sweep(self, streams: Mapping[str, SensorStream]) -> list[str]:
        """Look at every stream, by sensor; return the sensors that were never returned."""
        self.sensors = {name for name, stream in streams.items() if stream.wrong_clock}
        new = sorted(self.sensors - self._told)
        self._told = (self._told | self.sensors) & streams.keys()
        return new
