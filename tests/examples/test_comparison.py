"""Mixtures of signal and noise, and the trainings of a comparison."""

import numpy as np
import pytest
from comparison import Task, compared, mixed
from numpy.typing import NDArray

from drsn.model.network import Family, NetworkConfig


@pytest.mark.parametrize("shape", [(3, 5000), (3, 80, 70)])
def test_the_level_is_that_of_the_mixture(shape: tuple[int, ...]):
    rng = np.random.default_rng(0)
    signal, noise = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    levels_db = np.array([-6.0, 0.0, 12.0])
    x = mixed(signal, noise, levels_db)
    assert x.shape == (3, 1, *shape[1:])
    for row, level_db in enumerate(levels_db):
        s, n, both = signal[row].ravel(), noise[row].ravel(), x[row].ravel()
        assert both.mean() == pytest.approx(0, abs=1e-5)
        assert both.std() == pytest.approx(1, abs=1e-4)
        share = np.linalg.lstsq(np.stack([s, n], axis=1), both, rcond=None)[0]
        assert 20 * np.log10(share[0] / share[1]) == pytest.approx(level_db, abs=0.1)


def test_no_level_is_no_noise():
    signal = np.random.default_rng(0).standard_normal((2, 100)).astype(np.float32)
    np.testing.assert_array_equal(mixed(signal, np.full_like(signal, np.nan), None), mixed(signal, signal, None))


def test_an_interrupted_comparison_returns_its_complete_seeds():
    drawn = []

    def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        drawn.append(count)
        if len(drawn) > 5:  # in the second family of the second seed: two families of two steps took four draws
            raise KeyboardInterrupt
        return rng.standard_normal((count, 1, 64)).astype(np.float32), rng.integers(2, size=count)

    config = NetworkConfig(labels=2, window=64)
    tests = {None: draw(np.random.default_rng(0), 8)}
    drawn.clear()
    task = Task("noise", ("a", "b"), config, draw, tests)
    results = compared(task, (Family.DRSN_CS, Family.RESNET), range(3), 2)
    assert [(result.family, result.seed) for result in results] == [("drsn_cs", 0), ("resnet", 0)]
    with pytest.raises(KeyboardInterrupt):
        compared(task, (Family.RESNET,), range(3), 2)


def test_the_same_seed_trains_the_same_network():
    def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return rng.standard_normal((count, 1, 64)).astype(np.float32), rng.integers(2, size=count)

    task = Task(
        "noise", ("a", "b"), NetworkConfig(labels=2, window=64), draw, {None: draw(np.random.default_rng(0), 50)}
    )
    one, other = (compared(task, (Family.DRSN_CW,), range(1), 3) for _ in range(2))
    assert one == other
