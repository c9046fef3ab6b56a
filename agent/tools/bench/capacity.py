"""From the cost of a window to the number of sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

LOAD = 0.7
"""The part of its time that an agent may be busy; the rest is for bursts, and for a broker that catches up."""


def windows_per_s(contract: ModelContract, hop_windows: float) -> float:
    """Return how many windows a second one live sensor makes; its own sample rate does not matter."""
    return contract.sample_rate_hz / (contract.window * hop_windows)


def sensors(cost_us: float, windows_per_s: float, cores: int = 1) -> int:
    """Return `LOAD * cores / (cost of a window * windows a second of one sensor)`."""
    return int(LOAD * cores * 1e6 / (cost_us * windows_per_s))


@dataclass(frozen=True)
class Capacity:
    """How many live sensors there may be."""

    windows_per_s: float
    """Of one sensor."""
    one_agent: int
    """Sensors of one agent: its threads share the interpreter, and wait for the disk and the GPU."""
    device: int
    """Sensors of one agent for each core, each with sensors of its own; the broker runs elsewhere."""
    cores: int

    @classmethod
    def of(cls, contract: ModelContract, hop_windows: float, wall_us: float, cpu_us: float, cores: int) -> Capacity:
        """Return the capacity.

        Args:
            contract: the model's rate and window.
            hop_windows: from one window to the next.
            wall_us: time of one window in a full batch, from its receipt to its acknowledgement.
            cpu_us: CPU time of one window, the same way.
            cores: of the device.
        """
        rate = windows_per_s(contract, hop_windows)
        return cls(rate, sensors(wall_us, rate), sensors(cpu_us, rate, cores), cores)
