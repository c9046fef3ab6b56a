from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.ring_buffer import BYTES_A_SAMPLE, RingBuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
            found: list[tuple[list[list[float]], int]] = []
            ring.push(np.stack([ramp, -ramp]), lambda view, end, found=found: found.append((view.tolist(), end)))
            assert found == [([w, [-x for x in w]], end) for w, end in naive.push(ramp.tolist())]
        assert ring.pending == naive.pending


def test_windows_are_contiguous_views_of_one_buffer():
    ring = RingBuffer(1, 8, 3)
    views: list[NDArray[np.float32]] = []
    ring.push(np.zeros((1, 100), np.float32), lambda view, _end: views.append(view))
    assert len(views) == 31
    assert all(view.base is views[0].base and view.flags.c_contiguous for view in views)


def test_windows_within_a_packet_are_views_of_it_and_need_no_memory():
    ring, packet = RingBuffer(2, 4, 4), np.arange(16, dtype=np.float32).reshape(2, 8)
    windows: list[NDArray[np.float32]] = []
    ring.push(packet[:, :4], lambda view, _end: windows.append(view))
    ring.push(packet, lambda view, _end: windows.append(view))
    assert [window.tolist() for window in windows[1:]] == [packet[:, :4].tolist(), packet[:, 4:].tolist()]
    assert all(np.shares_memory(window, packet) for window in windows)
    assert ring.nbytes == 0
    ring.push(packet[:, :7], lambda view, _end: windows.append(view))
    assert (len(windows), ring.pending, ring.nbytes) == (4, 3, 2 * 4 * BYTES_A_SAMPLE)


def test_a_window_is_handed_over_before_the_next_one_overwrites_it():
    windows: list[list[list[float]]] = []
    RingBuffer(1, 4, 4).push(np.arange(8, dtype=np.float32)[None], lambda view, _end: windows.append(view.tolist()))
    assert windows == [[[0, 1, 2, 3]], [[4, 5, 6, 7]]]


@pytest.mark.parametrize("hop", [0, -1, 5])
def test_a_hop_that_would_skip_or_repeat_all_samples_is_refused(hop: int):
    with pytest.raises(ValueError, match="hop"):
        RingBuffer(1, 4, hop)
