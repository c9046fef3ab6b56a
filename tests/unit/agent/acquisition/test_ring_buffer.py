from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.ring_buffer import RingBuffer


@dataclass
class Naive:
    """The ring as a list: keeps everything, and copies."""

    window: int
    hop: int
    samples: list[float] = field(default_factory=list)
    due: int = 0
    pending: int = 0

    def __post_init__(self) -> None:
        self.due = self.window

    def reset(self) -> None:
        self.samples, self.due, self.pending = [], self.window, 0

    def push(self, samples: list[float]) -> list[tuple[list[float], int]]:
        windows = []
        for end, sample in enumerate(samples, start=1):
            self.samples.append(sample)
            self.due -= 1
            self.pending += 1
            if not self.due:
                windows.append((self.samples[-self.window :], end))
                self.due, self.pending = self.hop, 0
        return windows


SHAPES = st.integers(1, 12).flatmap(lambda window: st.tuples(st.just(window), st.integers(1, window)))


@given(shape=SHAPES, pushes=st.lists(st.none() | st.integers(0, 40), max_size=12))
def test_it_equals_a_list_for_any_pushes_and_resets(shape: tuple[int, int], pushes: list[int | None]):
    window, hop = shape
    ring, naive, next_sample = RingBuffer(2, window, hop), Naive(window, hop), 0
    for n_samples in pushes:
        if n_samples is None:
            ring.reset()
            naive.reset()
        else:
            ramp = np.arange(next_sample, next_sample + n_samples, dtype=np.float32)
            next_sample += n_samples
            found = [(view.tolist(), end) for view, end in ring.push(np.stack([ramp, -ramp]))]
            assert found == [([w, [-x for x in w]], end) for w, end in naive.push(ramp.tolist())]
        assert ring.pending == naive.pending


def test_windows_are_views_of_one_buffer():
    ring = RingBuffer(1, 8, 3)
    buffer = ring._buffer
    for view, _ in ring.push(np.zeros((1, 100), np.float32)):
        assert view.base is buffer
        assert view.flags.c_contiguous
    assert ring._buffer is buffer


def test_a_window_is_yielded_before_the_next_one_overwrites_it():
    ring = RingBuffer(1, 4, 4)
    windows = ring.push(np.arange(8, dtype=np.float32)[None])
    assert next(windows)[0].tolist() == [[0, 1, 2, 3]]
    assert next(windows)[0].tolist() == [[4, 5, 6, 7]]


@pytest.mark.parametrize("hop", [0, -1, 5])
def test_a_hop_that_would_skip_samples_or_stand_still_is_refused(hop: int):
    with pytest.raises(ValueError, match="hop"):
        RingBuffer(1, 4, hop)
