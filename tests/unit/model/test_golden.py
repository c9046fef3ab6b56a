from __future__ import annotations

import numpy as np
import pytest

from drsn.model.evaluate import ModelOutputs
from drsn.model.golden import golden_windows


@pytest.fixture
def chosen():
    """Make `count` windows whose samples are their number, and random outputs; return both and the numbers chosen."""

    def make(count: int) -> tuple[ModelOutputs, list[int]]:
        rng = np.random.default_rng(8)
        logits = rng.standard_normal((count, 4)).astype(np.float32)
        outputs = ModelOutputs(logits, logits, rng.standard_normal(count).astype(np.float32))
        samples = np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None], (count, 2, 8))
        golden = golden_windows(samples, outputs)
        assert golden.shape[1:] == (2, 8)
        return outputs, golden[:, 0, 0].astype(int).tolist()

    return make


def test_the_windows_where_a_rounding_error_shows_first_are_among_them(chosen):
    outputs, numbers = chosen(1000)
    first, second = np.sort(outputs.logits, axis=1)[:, [-1, -2]].T
    assert set(np.argsort(first - second)[:32]) <= set(numbers)


def test_the_windows_that_abstain_are_among_them(chosen):
    outputs, numbers = chosen(1000)
    assert set(np.argsort(outputs.novelty)[-32:]) <= set(numbers)


def test_the_rest_is_spread_over_all_recordings(chosen):
    _, numbers = chosen(1000)
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (0, 999)
    assert max(np.diff(numbers)) <= 1000 / 63 + 1
    assert 64 <= len(numbers) <= 128


@pytest.mark.parametrize("count", [1, 5, 64])
def test_few_windows_are_taken_once_each(chosen, count: int):
    assert chosen(count)[1] == list(range(count))
