"""Memory for what is kept of each sensor: so many bytes in all. A packet says its own rate, and so how much that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.model.contract import ModelContract

RATES = 5
"""The room holds what `max_sensors` sensors keep at so many times the bundle's rate: 60 kHz where that is 12 kHz, so
that all may sample at 51.2 kHz, a quarter of them at 204.8, and a twentieth at 1 MHz."""


class MemoryQuota:
    """Where it does not suffice, who wants most goes without.

    So who wants no more than an even share, `most_bytes` by the number of sensors, is never turned away.

    Args:
        most_bytes: in all.
        let_go: gets the name of a sensor that has to give back what it has.
    """

    def __init__(self, most_bytes: float, let_go: Callable[[str], None]) -> None:
        self.used = 0
        """Bytes."""
        self._most = most_bytes
        self._let_go = let_go
        self._of: dict[str, int] = {}
        self._refused: float = math.inf  # nobody who wants so much finds room, as long as nobody leaves

    def of(self, name: str) -> int:
        """Bytes that are taken under this name."""
        return self._of.get(name, 0)

    def take(self, name: str, nbytes: int) -> bool:
        """Take so many instead of what is taken under this name; False: there is no room, and nothing is taken now."""
        self.leave(name)
        if nbytes >= self._refused:
            return False
        if self.used + nbytes > self._most and not self._make(nbytes):
            self._refused = nbytes
            return False
        self._of[name] = nbytes
        self.used += nbytes
        return True

    def leave(self, name: str) -> None:
        """Give back what is taken under this name."""
        if name in self._of:
            self.used -= self._of.pop(name)
            self._refused = math.inf

    def clear(self) -> None:
        """Give all back."""
        self._of.clear()
        self.used, self._refused = 0, math.inf

    def _make(self, nbytes: int) -> bool:
        """Whether the one that has most had to go for it: it had more than is wanted, so one is enough."""
        largest = max(self._of, key=self._of.__getitem__, default=None)
        if largest is None or self._of[largest] <= nbytes:
            return False
        self.leave(largest)
        self._let_go(largest)
        return True


def most_bytes(contract: ModelContract, max_sensors: int, bytes_a_sample: int, floor: int) -> int:
    """Of a room where each sensor keeps so many bytes for each sample of a window; `floor`: at least.

    With the floor a handful of fast sensors have what they need, however few are allowed.
    """
    return max(floor, max_sensors * RATES * contract.channels * contract.window * bytes_a_sample)
