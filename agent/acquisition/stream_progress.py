"""What became of one stream's samples: windows, runs of windows that may vote together, and samples that were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.acquisition.ring_buffer import RingBuffer

WASTED_WINDOWS = 8
"""Samples lost in a row, in windows, after which the packets count as packets that never make a window."""


class StreamProgress:
    """The account of one stream, written when the ring begins anew, not for a window that follows another.

    The sweep of all sensors reads it once a second: the parts of its sums are attributes, which cost no call.
    """

    def __init__(self) -> None:
        self.ring: RingBuffer | None = None
        """The ring of the stream; None: it has none now."""
        self.windows_before = 0
        """Windows before the ring last began anew."""
        self.run_before = 0
        """Of these, those that may vote together with the next one."""
        self.lost_samples = 0
        """Samples that no window will hold, because the samples that should follow them never came."""
        self.lost_windows = 0
        """The same in windows."""
        self.lost_by: str | None = None
        """Why samples were lost last, a key of `not_watched.REASONS`; None: none was."""
        self.gaps = 0
        """How often the windows before and after may not vote together."""
        self._longest = 0  # run that has ended since `take_longest_run`
        self._lost_in_a_row = 0  # samples since the last window before the ring last began anew
        self._window = 0  # samples of a window at the rate of the lost ones

    def interrupt(self, lost_by: str) -> int:
        """Note that the next sample does not follow the last one, before the ring is reset or freed.

        Args:
            lost_by: why the samples that wait in the ring are lost.

        Returns:
            How many they are.
        """
        ring = self.ring
        if ring is None:
            return 0
        if ring.run:
            self.windows_before += ring.run
            self.run_before += ring.run
            self._lost_in_a_row = 0
        if ring.pending:
            self.lost_samples += ring.pending
            self.lost_windows = self.lost_samples // ring.window
            self._lost_in_a_row, self._window = self._lost_in_a_row + ring.pending, ring.window
            self.lost_by = lost_by
        return ring.pending

    def end_run(self) -> None:
        """Note that the next window may not vote together with those before it."""
        self.gaps += 1
        self._longest, self.run_before = max(self._longest, self.run_before), 0

    @property
    def windows(self) -> int:
        """Windows of the stream so far."""
        return self.windows_before + (0 if self.ring is None else self.ring.run)

    @property
    def signal_windows(self) -> int:
        """Windows so far and lost samples, in windows: how much signal came."""
        return self.windows + self.lost_windows

    def take_longest_run(self) -> int:
        """The longest run of windows that may vote together: of those since the last call and the present one."""
        present = self.run_before + (0 if self.ring is None else self.ring.run)
        longest, self._longest = max(self._longest, present), 0
        return longest

    @property
    def wasted(self) -> bool:
        """The packets of the last while never made a window."""
        return (self.ring is None or not self.ring.run) and self._lost_in_a_row >= WASTED_WINDOWS * self._window > 0
