from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_windows import recorded

from drsn.agent.acquisition.sensor_faults import FAULTS, WindowStats, find_fault
from drsn.agent.settings.alarm_sections import FaultName

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 2048
TIME = np.arange(N) / N


def noise(seed: int = 0) -> NDArray[np.float64]:
    """A healthy sensor's window, at RMS 1."""
    return np.random.default_rng(seed).standard_normal(N)


def found(samples: NDArray[np.float64], **said: object) -> str | None:
    return find_fault(WindowStats(samples.astype(np.float32)[np.newaxis], **said))


def with_run(length: int, value: float) -> NDArray[np.float64]:
    samples = noise()
    samples[700 : 700 + length] = value
    return samples


BROKEN = {
    "non_finite": np.where(TIME == 0.5, np.nan, noise()),
    "flat": np.full(N, 9.81),
    "stuck": np.where(noise() > 0, 17.0, 18.0),
    "clipping": noise().clip(-2, 2),
    "dropout": with_run(64, 0.0),
    "stale": np.repeat(noise()[: N // 4], 4),
    "offset": noise() + 2000,
    "ski_slope": noise() + 20 * np.exp(-3 * TIME),
}


@pytest.mark.parametrize("name", BROKEN)
@given(gain=st.sampled_from([1e-6, 1.0, -1e6]))
def test_each_fault_is_found_at_any_gain(name: str, gain: float):
    assert found(BROKEN[name] * gain) == name


@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.sampled_from([None, 8.0, 300.0]),
    offset=st.floats(-100, 100),
    cycles=st.floats(1.1, 700),
    size=st.floats(0, 30),
)
def test_noise_and_vibration_are_no_fault_even_in_few_bits(
    seed: int, counts: float | None, offset: float, cycles: float, size: float
):
    samples = noise(seed) + size * np.sin(2 * np.pi * (cycles * TIME + 0.3)) + offset
    assert found(samples if counts is None else np.rint(samples * counts) / counts) is None


@pytest.mark.parametrize("codes", [500, 3000, 30_000])
@pytest.mark.parametrize("cycles", [1.5, 5, 5.123, 64])
def test_a_pure_sine_is_not_clipped_however_few_its_codes(codes: int, cycles: float):
    assert found(np.rint(codes * np.sin(2 * np.pi * cycles * TIME))) is None


def test_clipping_and_rate_error_of_the_packets_count():
    assert found(noise(), clipped=True) == "clipping"
    assert found(noise(), rate_error=0.019) is None
    assert found(noise(), rate_error=-0.021) == "wrong_rate"


def test_a_fault_in_one_channel_of_several_is_found():
    both = np.stack([noise(), with_run(64, 0.0)]).astype(np.float32)
    assert find_fault(WindowStats(both)) == "dropout"
    assert find_fault(WindowStats(both[:1])) is None


def test_an_ignored_fault_is_not_reported_under_another_name():
    for name, samples in BROKEN.items():
        assert find_fault(WindowStats(samples.astype(np.float32)[np.newaxis]), {name}) is None


def test_short_runs_and_single_ends_are_no_fault():
    assert found(with_run(63, 0.0)) is None
    spike = noise()
    spike[5] = 1000
    assert found(spike) is None


def test_the_settings_and_the_documentation_know_every_fault():
    assert set(FaultName.__args__) == set(FAULTS)
    page = (Path(__file__).parents[4] / "docs" / "reference" / "alarm-rules.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"| `{name}` |" not in page] == []


def test_rms_and_peak_are_those_of_the_ac_part():
    stats = WindowStats((noise() * 3 + 50).astype(np.float32)[np.newaxis])
    assert stats.rms == pytest.approx(3 * noise().std(), rel=1e-4)
    assert stats.peak == pytest.approx(3 * np.abs(noise() - noise().mean()).max(), rel=1e-4)


def test_no_fault_is_found_in_any_recording_as_it_was_recorded(data_dir: Path):
    pytest.importorskip("scipy")  # to read them; the agent itself never does
    windows, faults = 0, []
    for name, samples, native in recorded(data_dir):
        for start in range(0, samples.shape[1] - native + 1, native):
            fault = find_fault(WindowStats(samples[:, start : start + native]))
            faults += [(name, start, fault)] if fault else []
            windows += 1
    assert (faults, windows > 3000) == ([], True)
