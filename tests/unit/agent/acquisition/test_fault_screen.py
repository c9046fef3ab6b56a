from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_windows import recorded

from drsn.agent.acquisition import fault_screen
from drsn.agent.acquisition.fault_screen import FaultScreen
from drsn.agent.acquisition.sensor_faults import FAULT_NAMES, NO_FAULT, WindowStats, find_fault

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N = 256


def spoilt(kind: str, samples: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A window with what the name says; some are faults, and some are nearly one."""
    n, run = samples.size, int(rng.integers(1, 40))
    start = int(rng.integers(0, n - run))
    match kind:
        case "nan":
            samples[start] = rng.choice([np.nan, np.inf, -np.inf])
        case "constant":
            samples[:] = rng.choice([0.0, 9.81, -3.0])
        case "codes":
            samples = np.rint(samples * rng.uniform(0.3, 4))
        case "clipped":
            samples = samples.clip(-rng.uniform(1, 3), rng.uniform(1, 3))
        case "run":
            samples[start : start + run] = rng.choice([0.0, samples[start]])
        case "held":
            samples = np.repeat(samples[: n // 2 + 1], 2)[:n]
        case "offset":
            samples += rng.choice([100.0, 900.0, 1100.0, 1e6])
        case "slope":
            samples += rng.uniform(1, 30) * np.linspace(0, 1, n) ** rng.integers(1, 3)
    return samples


KINDS = ("noise", "nan", "constant", "codes", "clipped", "run", "held", "offset", "slope")


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
    channels=st.integers(1, 3),
    n=st.sampled_from([3, 40, N]),
    seed=st.integers(0, 2**32 - 1),
    gain=st.sampled_from([1e-6, 1.0, 1e6]),
    flags=st.sampled_from([0.0, 0.3]),
)
def test_the_answers_are_those_of_one_window_alone(
    kinds: list[str], channels: int, n: int, seed: int, gain: float, flags: float
):
    rng = np.random.default_rng(seed)
    rows = [rng.standard_normal((channels, n)) for _ in kinds]
    if n == N:
        for row, kind in zip(rows, kinds, strict=True):
            row[rng.integers(channels)] = spoilt(kind, row[0].copy(), rng)
    native = (np.stack(rows) * gain).astype(np.float32)
    clipped = rng.random(len(kinds)) < flags
    rate_error = rng.choice([0.0, 0.019, -0.021], len(kinds)) * (flags > 0)
    found = FaultScreen(channels, n)(native, clipped, rate_error)
    for row, samples in enumerate(native):
        stats = WindowStats(samples, clipped=bool(clipped[row]), rate_error=float(rate_error[row]))
        assert named(found.fault[row]) == find_fault(stats)
        with np.errstate(invalid="ignore"):
            np.testing.assert_equal((found.rms[row], found.peak[row]), (stats.rms, stats.peak))


def test_rows_above_one_chunk_are_screened_too():
    rows = 2 * fault_screen.CHUNK_SAMPLES // N + 3
    native = np.random.default_rng(0).standard_normal((rows, 1, N)).astype(np.float32)
    native[-1] = 7
    found = FaultScreen(1, N)(native, np.zeros(rows, np.bool_), np.zeros(rows))
    assert set(map(named, found.fault[:-1])) == {None}
    assert named(found.fault[-1]) == "flat"
    assert found.rms[-2] == pytest.approx(native[-2].std(), rel=1e-5)


def test_the_recordings_get_the_answers_of_one_window_alone(data_dir: Path):
    pytest.importorskip("scipy")  # to read them; the agent itself never does
    screened = 0
    for name, samples, native in recorded(data_dir):
        count = samples.shape[1] // native
        windows = samples[:, : count * native].reshape(1, count, native).swapaxes(0, 1)
        found = FaultScreen(1, native)(windows, np.zeros(count, np.bool_), np.zeros(count))
        stats = [WindowStats(window) for window in windows]
        assert [named(code) for code in found.fault] == [find_fault(each) for each in stats], name
        np.testing.assert_array_equal(found.rms, [each.rms for each in stats])
        screened += count
    assert screened > 3000


def named(code: int) -> str | None:
    return None if code == NO_FAULT else FAULT_NAMES[code]
