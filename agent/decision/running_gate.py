"""The machine-running gate: while the machine does not run steadily, its conditions are suppressed.

A model that was trained on a running machine gives nonsense for one that stands. The gate compares the window's RMS,
taken before the network's normalisation, the speed in its packet, or both, with limits. Time is counted in signal, so
that pauses, restarts and clocks that are set can't open it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GateLimits:
    """When a machine counts as running; without `rms` and `rpm` it always does. Stored in evidence records."""

    rms: float | None = None
    """In the sensor's unit; the gate opens at this."""
    rpm: float | None = None
    """The gate opens at this; a packet that does not say its speed keeps it closed."""
    hysteresis: float = 0.8
    """The gate closes again below this share of the limit that opened it."""
    settle_ns: int = 2_000_000_000
    """Signal that must have come in since the gate opened, or since the speed last changed, in ns."""
    rpm_change: float = 0.01
    """Largest relative change from one window to the next; more is a run-up or a coast-down. A tachometer jitters by
    tenths of a per cent."""

    @property
    def given(self) -> bool:
        """There is a limit."""
        return self.rms is not None or self.rpm is not None


@dataclass(frozen=True, slots=True)
class Gate:
    """State of the gate. Stored."""

    running: bool = False
    settled_ns: int = 0
    """Signal since the machine runs at this speed, in ns; counted up to `settle_ns`."""
    rpm: float | None = None
    """Speed of the last window."""

    def is_open(self, limits: GateLimits) -> bool:
        """Whether the last window may be diagnosed."""
        return not limits.given or (self.running and self.settled_ns >= limits.settle_ns)


def update_gate(gate: Gate, limits: GateLimits, rms: float, rpm: float | None, advance_ns: int) -> Gate:
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


def update_gates(
    gates: NDArray[np.void], limits: NDArray[np.void], rms: NDArray[np.float64], rpm: NDArray[np.float64],
    advance_ns: NDArray[np.int64], applies: NDArray[np.bool_],
) -> NDArray[np.bool_]:  # fmt: skip
    """Update many gates in place, as `update_gate` does one; return which are open.

    Args:
        gates: with the fields of `Gate`; NaN stands for no speed.
        limits: with the fields of `GateLimits` and `given`; NaN stands for no limit.
        rms: float64[n], in the sensors' units.
        rpm: float64[n]; NaN: not given.
        advance_ns: int64[n].
        applies: bool[n]: the window updates the gate.
    """
    was_running, last_rpm, settled_ns, given = gates["running"], gates["rpm"], gates["settled_ns"], limits["given"]
    part = np.where(was_running, limits["hysteresis"], 1.0)
    no_rpm_limit = np.isnan(limits["rpm"])
    running = (np.isnan(limits["rms"]) | (rms >= part * limits["rms"])) & (no_rpm_limit | (rpm >= part * limits["rpm"]))
    steady = no_rpm_limit | np.isnan(rpm) | np.isnan(last_rpm) | (abs(rpm - last_rpm) <= limits["rpm_change"] * rpm)
    most_ns = limits["settle_ns"]
    settled_ns = np.where(running & was_running & steady, np.minimum(settled_ns + advance_ns, most_ns), 0)
    updated = given & applies
    np.copyto(gates["running"], running, where=updated)
    np.copyto(gates["settled_ns"], settled_ns, where=updated)
    np.copyto(gates["rpm"], rpm, where=updated)
    return ~given | (gates["running"] & (gates["settled_ns"] >= most_ns))
