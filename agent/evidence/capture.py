"""The windows behind one event, copied when the event is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.evidence.window_history import Arrays, WindowInfo, WindowShape
    from drsn.agent.schema.documents import EventDocument

WAITING_BYTES = 32 << 20
"""Captures that wait for the commit of their events, and as many again that wait for the disk: 850 events of eight
windows of 2,048 samples. An event above that has no evidence, and is counted."""

METADATA_BYTES = 4096
"""Memory of a capture besides its arrays, rounded up."""


def captured_bytes(windows: int, shape: WindowShape) -> int:
    """Most bytes of a capture of `windows` windows, besides its metadata."""
    floats = 2 * shape.channels + shape.labels + 1 + shape.units
    return windows * (2 * shape.channels * shape.samples + 4 * floats)


@dataclass(frozen=True, slots=True)
class Capture:
    """An event and the last windows of its sensor."""

    event: EventDocument
    decided: bool
    """The last of the windows decided the event; False: it was made without a window."""
    sample_rate_hz: float
    windows: tuple[WindowInfo, ...]
    """Oldest first, as in the arrays."""
    arrays: Arrays

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return METADATA_BYTES + sum(array.nbytes for array in self.arrays.named().values())
