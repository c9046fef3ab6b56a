"""What became of one stream's samples: windows, runs of windows that may vote together, and samples that were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.acquisition.ring_buffer import RingBuffer

WASTED_WINDOWS = 8
"""Samples lost in a row, in windows, after which the packets count as packets that never make a window."""


class StreamProgress:
    """The account of one stream, written when the ring begins anew, not for a window that follows another."""

    def __init__(self) -> None:
        self.lost_samples = 0
        """Samples that no window will hold, because the samples that should follow them never came."""
        self.lost_by: str | None = None
        """Why samples were lost last, a key of `not_watched.REASONS`; None: none was."""
        self.gaps = 0
        """How often the windows before and after may not vote together."""
        self._windows = 0  # before the ring last began anew
        self._run = 0  # of these, in the present run
        self._longest = 0  # run that has ended since `take_longest_run`
        self._lost_in_a_row = 0  # samples since the last window before the ring last began anew
        self._window = 0  # samples of a window at the rate of the lost ones; 0: none was lost

    def interrupt(self, ring: RingBuffer, lost_by: str) -> int:
        """Note that the next sample does not follow the last one, before the ring is reset or freed.

        Args:
            ring: the ring of the stream.
            lost_by: why the samples that wait in it are lost.

        Returns:
            How many they are.
        """
        if ring.run:
            self._windows += ring.run
            self._run += ring.run
            self._lost_in_a_row = 0
        if ring.pending:
            self.lost_samples += ring.pending
            self._lost_in_a_row += ring.pending
            self._window = ring.window
            self.lost_by = lost_by
        return ring.pending

    def end_run(self) -> None:
        """Note that the next window may not vote together with those before it."""
        self.gaps += 1
        self._longest, self._run = max(self._longest, self._run), 0

    def windows(self, ring: RingBuffer | None) -> int:
        """Windows of the stream so far."""
        return self._windows + (0 if ring is None else ring.run)

    def take_longest_run(self, ring: RingBuffer | None) -> int:
        """The longest run of windows that may vote together: of those since the last call and the present one."""
        longest, self._longest = max(self._longest, self._run + (0 if ring is None else ring.run)), 0
        return longest

    def signal_windows(self, ring: RingBuffer | None) -> int:
        """Windows so far and lost samples, in windows: how much signal came."""
        return self.windows(ring) + (self.lost_samples // self._window if self._window else 0)

    def wasted(self, ring: RingBuffer | None) -> bool:
        """The packets of the last while never made a window."""
        return (ring is None or not ring.run) and self._lost_in_a_row >= WASTED_WINDOWS * self._window > 0
