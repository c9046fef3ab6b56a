"""The clocks of a case: they stand still until a step moves them on."""

from __future__ import annotations

NS = 1_000_000_000
START_UNIX_NS = 1_767_225_600 * NS
"""2026-01-01T00:00:00Z."""


class SimulatedClock:
    """The sensors' clocks, which are right, and the agent's wall clock, which a step may set."""

    def __init__(self) -> None:
        self.now_ns = 0
        """Monotonic time since the case began."""
        self.offset_ns = 0
        """The agent's wall clock, less the true time."""

    @property
    def now_s(self) -> float:
        """Monotonic time since the case began, in seconds."""
        return self.now_ns / NS

    @property
    def true_ns(self) -> int:
        """The time of the sensors' clocks, in ns since 1970."""
        return START_UNIX_NS + self.now_ns

    @property
    def wall_ns(self) -> int:
        """The time of the agent's wall clock, in ns since 1970."""
        return self.true_ns + self.offset_ns
