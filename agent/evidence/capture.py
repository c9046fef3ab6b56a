"""The windows behind one event, copied when the event is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.evidence.window_history import Arrays, HistoryCopy, WindowInfo
    from drsn.agent.schema.documents import EventDocument

WAITING_BYTES = 32 << 20
"""Captures that wait for the commit of their events, and as many again that wait for the disk: 410 events of eight
windows of 2,048 samples. An event above that has no evidence, and is counted."""

METADATA_BYTES = 4096
"""Memory of a capture besides its arrays, rounded up."""


@dataclass(frozen=True)
class Capture:
    """An event and the last windows of its sensor."""

    event: EventDocument
    decided: bool
    """The last of the windows decided the event; False: it was made without a window."""
    copy: HistoryCopy

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return METADATA_BYTES + self.copy.nbytes

    @property
    def sample_rate_hz(self) -> float:
        """Sample rate of the windows."""
        return self.copy.shape.sample_rate_hz

    @property
    def windows(self) -> tuple[WindowInfo, ...]:
        """The windows, oldest first, as in the arrays."""
        return self._unpacked[0]

    @property
    def arrays(self) -> Arrays:
        """The arrays of the windows."""
        return self._unpacked[1]

    @cached_property
    def _unpacked(self) -> tuple[tuple[WindowInfo, ...], Arrays]:
        """Unpacked by the first who asks: the writer's thread, not the one that decides about windows."""
        return self.copy.unpack()
