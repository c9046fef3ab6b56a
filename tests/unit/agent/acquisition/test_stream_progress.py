from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.ring_buffer import RingBuffer
from drsn.agent.acquisition.stream_progress import WASTED_WINDOWS, StreamProgress

WINDOW = 4


@dataclass
class Model:
    """What the progress must give, counted window by window."""

    windows: int = 0
    run: int = 0
    longest: int = 0
    lost: int = 0
    lost_in_a_row: int = 0

    def add_window(self) -> None:
        self.windows += 1
        self.run += 1
        self.longest = max(self.longest, self.run)
        self.lost_in_a_row = 0


@given(st.lists(st.one_of(st.integers(1, 40), st.sampled_from(["apart", "gap", "take", "free"])), max_size=60))
def test_it_counts_as_one_would_count_window_by_window(steps: list[int | str]) -> None:
    progress, model = StreamProgress(), Model()
    for step in steps:
        ring = progress.ring = progress.ring or RingBuffer(1, WINDOW, WINDOW)
        if isinstance(step, int):
            ring.push(np.zeros((1, step), np.float32), lambda _samples, _end: model.add_window())
        elif step == "take":
            assert progress.take_longest_run() == model.longest
            model.longest = model.run
        else:
            model.lost, model.lost_in_a_row = model.lost + ring.pending, model.lost_in_a_row + ring.pending
            pending = ring.pending
            assert progress.interrupt(step) == pending
            if pending:
                assert progress.lost_by == step
            if step == "gap":
                progress.end_run()
                model.run = 0
            ring.reset()
            progress.ring = None if step == "free" else ring
        assert progress.windows == model.windows
        assert progress.lost_samples == model.lost
        assert progress.signal_windows == model.windows + model.lost // WINDOW
        assert progress.wasted == (model.lost_in_a_row >= WASTED_WINDOWS * WINDOW)
