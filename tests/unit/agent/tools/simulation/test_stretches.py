from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.backends.fake import ToneBackend, tone_of
from drsn.agent.bundles import shipped
from drsn.agent.tools.simulation.stretches import BATCH, WindowDiagnoser, noise_at
from drsn.model.bundle import open_bundle
from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError
from drsn.model.noise import Noise

CONTRACT = open_bundle(shipped("synthetic")).contract
RATE_HZ, WINDOW = CONTRACT.sample_rate_hz, CONTRACT.window
CLEAN = noise_at(100.0)


def tone(label: str, windows: int = 6, rpm: float | None = None) -> Recording:
    return Recording("a", label, tone_of(CONTRACT, label, windows * WINDOW, RATE_HZ), RATE_HZ, rpm=rpm)


def diagnoser(*ignored: str) -> WindowDiagnoser:
    return WindowDiagnoser(CONTRACT, ToneBackend(CONTRACT, BATCH), frozenset(ignored))


def test_a_stretch_is_successive_windows_of_one_recording():
    steps: list[int] = []
    recordings = [tone("inner_race", rpm=1200.0), tone("normal")]
    found = diagnoser().stretches(recordings, 4, 1, CLEAN, lambda: steps.append(1))
    assert [{d.condition for d in stretch} for stretch in found] == [{"inner_race"}, {"normal"}] * 2
    assert [len(stretch) for stretch in found] == [5] * 4
    assert len(steps) == 4
    assert found[0][0].reading.rpm == 1200.0
    assert found[0][0].reading.advance_ns == found[0][0].reading.duration_ns == round(WINDOW * 1e9 / RATE_HZ)


def test_a_dead_sensor_is_faulty_unless_the_fault_is_ignored():
    dead = np.zeros((6, 1, WINDOW), np.float32)
    assert {d.condition for d in diagnoser().diagnoses(dead, RATE_HZ)} == {"sensor_fault"}
    assert "sensor_fault" not in {d.condition for d in diagnoser("flat").diagnoses(dead, RATE_HZ)}


def test_a_recording_shorter_than_two_windows_is_refused():
    with pytest.raises(BadDataError, match="shorter than two windows"):
        diagnoser().stretches([tone("ball", windows=1)], 2, 1, CLEAN)


def test_the_same_seed_draws_the_same():
    both = [diagnoser().stretches([tone("ball")], 3, 7, noise_at(0.0)) for _ in range(2)]
    assert both[0] == both[1]


def test_noise_has_the_given_strength():
    x = np.sin(np.arange(100_000)).astype(np.float32)
    noisy = noise_at(-4.0)(x, RATE_HZ, Noise.GAUSSIAN, np.random.default_rng(1))
    assert 10 * np.log10(np.var(x) / np.var(noisy - x)) == pytest.approx(-4, abs=0.05)
