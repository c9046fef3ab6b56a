from __future__ import annotations

import gc
import weakref

import numpy as np

from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.evidence.batch_buffer import BatchBuffer


class Samples(np.ndarray):
    """An array that can be referenced weakly."""


def window_of(samples: np.ndarray) -> Window:
    fields = dict.fromkeys(Window.__dataclass_fields__)
    return Window(**{**fields, "samples": samples, "sample_rate_hz": 100.0, "advance": samples.shape[1]})


def window(n: int) -> Window:
    return window_of(np.zeros((1, n), np.float32))


def test_memory_is_bounded_and_what_does_not_fit_is_not_kept():
    buffer = BatchBuffer(4, max_bytes=2 * 256 * 2)
    assert [buffer.add(row, window(256)).kept for row in range(4)] == [True, True, True, False], "it grows once"
    assert [buffer.add(row, window(256)).kept for row in range(3)] == [True, True, False], "the next batch"
    assert not buffer.add(0, window(2048)).kept
    assert buffer.nbytes <= 2 * 256 * 2


def test_windows_of_one_batch_do_not_share_memory_when_it_grows():
    buffer = BatchBuffer(2)
    buffer.add(0, window(4)).counts[...] = 1
    buffer.add(1, window(64)).counts[...] = 2
    assert buffer.windows[0].counts.tolist() == [[1] * 4]


def test_a_buffered_window_holds_no_reference_to_its_samples():
    """They are a view of the whole ring buffer of the sensor."""
    buffer = BatchBuffer(1)
    samples = np.zeros((1, 8), np.float32).view(Samples)
    alive = weakref.ref(samples)
    buffer.add(0, window_of(samples))
    del samples
    gc.collect()
    assert alive() is None
