"""A limit for the memory of all sensors together. A packet's own sample rate decides how much it needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.model.contract import ModelContract

RATES = 5
"""The limit suffices for `max_sensors` sensors at this many times the bundle's rate: 60 kHz where that is 12 kHz, so
that all may sample at 51.2 kHz, a quarter of them at 204.8, and a twentieth at 1 MHz."""


class MemoryQuota:
    """Reserves memory by name. When it runs out, the sensor that needs most has to do without.

    A sensor that needs no more than an even share, `most_bytes` divided by the number of sensors, is never refused.

    Args:
        most_bytes: limit of all reservations together.
        evict: takes the name of a sensor whose reservation was withdrawn, and frees its memory.
    """

    def __init__(self, most_bytes: float, evict: Callable[[str], None]) -> None:
        self.most_bytes = most_bytes
        self.used = 0
        """Reserved bytes."""
        self._evict = evict
        self._reserved: dict[str, int] = {}
        self._refused: float = math.inf  # as much as this is refused until a reservation is released

    def reserved(self, name: str) -> int:
        """Bytes that are reserved under this name."""
        return self._reserved.get(name, 0)

    def reserve(self, name: str, nbytes: int) -> bool:
        """Replace the name's reservation; False: there is no room, and the name has no reservation now."""
        self.release(name)
        if nbytes >= self._refused:
            return False
        if self.used + nbytes > self.most_bytes and not self._evict_larger(nbytes):
            self._refused = nbytes
            return False
        self._reserved[name] = nbytes
        self.used += nbytes
        return True

    def release(self, name: str) -> None:
        """Cancel the name's reservation, if it has one."""
        if name in self._reserved:
            self.used -= self._reserved.pop(name)
            self._refused = math.inf

    def release_all(self) -> None:
        """Cancel all reservations."""
        self._reserved.clear()
        self.used, self._refused = 0, math.inf

    def _evict_larger(self, nbytes: int) -> bool:
        """Withdraw the largest reservation if it is larger than `nbytes`: then one eviction makes enough room."""
        largest = max(self._reserved, key=self._reserved.__getitem__, default=None)
        if largest is None or self._reserved[largest] <= nbytes:
            return False
        self.release(largest)
        self._evict(largest)
        return True


def most_bytes(contract: ModelContract, max_sensors: int, bytes_a_sample: int, least_bytes: int) -> int:
    """Limit in bytes for sensors that each keep `bytes_a_sample` for every sample of a window.

    It is at least `least_bytes`, so that a handful of fast sensors have enough, however few sensors are allowed.
    """
    return max(least_bytes, max_sensors * RATES * contract.channels * contract.window * bytes_a_sample)
