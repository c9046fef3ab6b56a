from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drsn.agent.acquisition.tachometer import rpm_of

RATE_HZ = 12_000.0


def pulses(rpm: float, n: int = 4096, duty: float = 0.1, noise: float = 0.0, per_turn: float = 1, phase: float = 0.0):
    turns = np.arange(n) / RATE_HZ * rpm / 60 * per_turn + phase
    rng = np.random.default_rng(3)
    return ((turns % 1 < duty) * 5.0 + noise * rng.standard_normal(n)).astype(np.float32)


@given(
    rpm=st.floats(600, 12_000), duty=st.floats(0.05, 0.9), noise=st.sampled_from([0.0, 0.05, 0.3]),
    per_turn=st.sampled_from([1, 2, 6]), phase=st.floats(0, 1),
)  # fmt: skip
def test_the_speed_is_that_of_the_pulses(rpm: float, duty: float, noise: float, per_turn: int, phase: float):
    period = RATE_HZ * 60 / rpm / per_turn
    assume(min(duty, 1 - duty) * period >= 3)  # shorter pulses are lost between samples
    found = rpm_of(pulses(rpm, 4096, duty, noise, per_turn, phase), RATE_HZ, per_turn)
    assert found == pytest.approx(rpm, rel=0.01)


def test_a_sine_has_a_speed_too():
    turns = np.arange(4096) / RATE_HZ * 1500 / 60
    found = rpm_of(np.sin(2 * np.pi * turns).astype(np.float32), RATE_HZ, 1)
    assert found == pytest.approx(1500, rel=1e-3)


def test_one_pulse_gives_no_speed():
    assert rpm_of(pulses(100), RATE_HZ, 1) is None


@pytest.mark.parametrize("signal", ["constant", "noise", "uneven"])
def test_a_signal_without_pulses_gives_no_speed(signal: str):
    rng = np.random.default_rng(1)
    samples = {
        "constant": np.ones(4096),
        "noise": rng.standard_normal(4096),
        "uneven": np.repeat(rng.integers(0, 2, 64), 64) * 5.0,
    }[signal]
    assert rpm_of(samples.astype(np.float32), RATE_HZ, 1) is None
