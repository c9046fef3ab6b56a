"""Does the machine run, and steadily? While it does not, nobody judges it.

A model that was trained on a running machine says something of one that stands, and it is nonsense. The gate looks at
the window's RMS, before the network's normalisation takes it away, at the speed in its packet, or at both. Time is the
signal that came in, so that pauses, restarts and clocks that are set can't open it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateLimits:
    """When a machine runs; without `rms` and `rpm` it always does."""

    rms: float | None = None
    """In the sensor's unit; the gate opens at this."""
    rpm: float | None = None
    """The gate opens at this; a packet that does not say its speed keeps it closed."""
    hysteresis: float = 0.8
    """It closes again below this part of what opened it."""
    settle_ns: int = 2_000_000_000
    """Signal that must have come in since it opened, or since the speed last changed."""
    rpm_change: float = 0.01
    """From one window to the next; more is a run-up or a coast-down. A tachometer jitters by tenths of a per cent."""

    @property
    def given(self) -> bool:
        """There is something to ask for."""
        return self.rms is not None or self.rpm is not None


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a machine stands to its limits."""

    running: bool = False
    settled_ns: int = 0
    """Signal since it runs at this speed, no more than is asked for."""
    rpm: float | None = None
    """Of the last window."""

    def lets_through(self, limits: GateLimits) -> bool:
        """Whether the window that made this gate may be judged."""
        return not limits.given or (self.running and self.settled_ns >= limits.settle_ns)


def turn(gate: Gate, limits: GateLimits, rms: float, rpm: float | None, advance_ns: int) -> Gate:
    """The gate after a window of this RMS (in the sensor's unit) and speed that brought `advance_ns` of new signal."""
    if not limits.given:
        return gate
    part = limits.hysteresis if gate.running else 1.0
    running = (limits.rms is None or rms >= part * limits.rms) and (
        limits.rpm is None or (rpm is not None and rpm >= part * limits.rpm)
    )
    if not running:
        return Gate(rpm=rpm)
    steady = limits.rpm is None or rpm is None or gate.rpm is None or abs(rpm - gate.rpm) <= limits.rpm_change * rpm
    if not gate.running or not steady:
        return Gate(running=True, rpm=rpm)
    return Gate(running=True, settled_ns=min(gate.settled_ns + advance_ns, limits.settle_ns), rpm=rpm)
