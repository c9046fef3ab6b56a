from typing import Any

import numpy as np
import pytest

from drsn.model.data.recording import Recording, sha256_of
from drsn.model.errors import BadDataError
from drsn.model.noise import Noise, ac_power
from drsn.model.recipe import recipe_from
from drsn.model.windows import Disturbance, LabelledWindows, NoiseMix, framed, windows_of


def recording(n_samples: int, label: str = "normal", rate_hz: float = 12_000.0) -> Recording:
    samples = np.random.default_rng(n_samples).standard_normal((1, n_samples)).astype(np.float32)
    return Recording(name="r", label=label, samples=samples, sample_rate_hz=rate_hz)


def test_frames_lie_side_by_side():
    whole = recording(1100)
    frames = framed(whole, 512)
    assert frames.shape == (2, 1, 512)
    np.testing.assert_array_equal(frames[1, 0], whole.samples[0, 512:1024])


def test_every_window_knows_its_label_and_recording(tiny: dict[str, Any]):
    recipe = recipe_from(tiny, "tiny")
    recordings = [recording(1100), recording(4 * 1100, "outer_race", 48_000.0)]
    windows = windows_of(recordings, recipe, Disturbance(), seed=1)
    assert windows.samples.shape == (4, 1, 512)
    assert windows.label.tolist() == [0, 0, 2, 2]
    assert windows.recording.tolist() == [0, 0, 1, 1]
    assert windows.place.tolist() == [0, 1, 0, 1]
    twice = LabelledWindows.joined([windows, windows])
    assert twice.place.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    np.testing.assert_array_equal(twice.samples[4:], windows.samples)


def test_noise_is_drawn_by_seed(tiny: dict[str, Any]):
    recipe, recordings, noisy = recipe_from(tiny, "tiny"), [recording(1100)], Disturbance(Noise.PINK, 0.0)
    first, again, other = (windows_of(recordings, recipe, noisy, seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, windows_of(recordings, recipe, Disturbance(), 1).samples)


def test_the_mix_has_the_share_the_levels_and_the_kinds_of_noise_of_training(tiny: dict[str, Any]):
    changes = {"noises": ["gaussian", "impulsive"], "snr_db": [-10, 10], "clean_share": 0.25}
    mix = NoiseMix.of(recipe_from({**tiny, "augmentation": changes}, "tiny").augmentation)
    native = np.random.default_rng(5).standard_normal((4000, 1, 512)).astype(np.float32)
    before = native.copy()
    added = mix(native, np.random.default_rng(6)) - native
    np.testing.assert_array_equal(native, before)
    noisy = added[np.abs(added).max(axis=(1, 2)) > 0]
    assert len(noisy) / 4000 == pytest.approx(0.75, abs=0.03)
    snr_db = 10 * np.log10(ac_power(native[np.abs(added).max(axis=(1, 2)) > 0]) / ac_power(noisy))
    assert snr_db.min() == pytest.approx(-10, abs=0.1)
    assert snr_db.max() == pytest.approx(10, abs=0.1)
    assert snr_db.mean() == pytest.approx(0, abs=0.5)  # evenly between them
    crest = np.abs(noisy).max(axis=(1, 2)) / noisy.std(axis=(1, 2))
    assert np.mean(crest > 6) == pytest.approx(0.5, abs=0.05)  # impulses


def test_the_mix_of_a_seed_is_the_same_twice(tiny: dict[str, Any]):
    recipe = recipe_from(tiny, "tiny")
    mix = NoiseMix.of(recipe.augmentation)
    first, again, other = (windows_of([recording(5000)], recipe, mix, (1, d)).samples for d in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_recordings_shorter_than_a_window_are_an_error(tiny: dict[str, Any]):
    with pytest.raises(BadDataError, match="as long as one window"):
        windows_of([recording(500)], recipe_from(tiny, "tiny"), Disturbance(), seed=1)


def test_parts_of_a_recording_share_no_sample():
    whole = recording(1000)
    early, late = whole.part(0, 0.8), whole.part(0.8, 1)
    np.testing.assert_array_equal(np.concatenate([early.samples, late.samples], axis=1), whole.samples)
    assert sha256_of([early]) != sha256_of([late])
