from typing import Any

import numpy as np
import pytest

from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of
from drsn.model.training.augmentation import Augmenter, equalise, native_windows, superpose

RATE_HZ = 12_000.0


def tone_recipe(tiny: dict[str, Any], **augmentation: Any):  # noqa: ANN401 (values of a recipe)
    document = {**tiny, "signal": {**tiny["signal"], "window": 2048}, "augmentation": augmentation}
    return recipe_from(document, "tiny")


def tones() -> list[Recording]:
    """A pure 1 kHz tone for each label."""
    samples = np.sin(2 * np.pi * 1000 * np.arange(8000) / RATE_HZ).astype(np.float32)[None]
    return [Recording("t", label, samples, RATE_HZ) for label in ("normal", "inner_race", "outer_race")]


def tone_share(samples: np.ndarray) -> np.ndarray:
    """Share of the power within 50 Hz of 1 kHz."""
    power = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(2048), axis=-1)) ** 2
    near = np.abs(np.fft.rfftfreq(2048, 1 / RATE_HZ) - 1000) < 50
    return power[:, near].sum(axis=-1) / power.sum(axis=-1)


def peaks_hz(samples: np.ndarray) -> np.ndarray:
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(2048), n=1 << 15, axis=-1))
    return spectrum.argmax(axis=-1) * RATE_HZ / (1 << 15)


def test_the_same_generator_draws_the_same_batches(tiny: dict[str, Any]):
    recipe = recipe_from(tiny, "tiny")
    train = corpus_of(recipe).train
    first, again = (Augmenter(train, recipe, np.random.default_rng(3)) for _ in range(2))
    for _ in range(2):
        batch, same = first.draw(), again.draw()
        np.testing.assert_array_equal(batch.samples, same.samples)
        np.testing.assert_array_equal(batch.label, same.label)
    assert batch.samples.shape == (16, 1, 512)
    assert np.isfinite(batch.samples).all()


def test_speed_moves_tones_by_its_share_and_no_more(tiny: dict[str, Any]):
    recipe = tone_recipe(tiny, speed=0.06, clean_share=1.0, equaliser_db=0)
    augmenter = Augmenter(tones(), recipe, np.random.default_rng(4))
    found = np.concatenate([peaks_hz(augmenter.draw().samples) for _ in range(8)])
    assert 935 < found.min() < 960
    assert 1040 < found.max() < 1065


def test_without_augmentation_a_batch_is_what_conditioning_gives(tiny: dict[str, Any]):
    recipe = tone_recipe(tiny, speed=0, clean_share=1.0, equaliser_db=0)
    batch = Augmenter(tones(), recipe, np.random.default_rng(5)).draw()
    np.testing.assert_allclose(peaks_hz(batch.samples), 1000, atol=1)
    np.testing.assert_allclose(batch.samples.std(axis=-1), np.sqrt(0.5), rtol=0.02)
    np.testing.assert_allclose(batch.samples.mean(axis=-1), 0, atol=1e-6)


def test_noise_has_the_snr_asked_for(tiny: dict[str, Any]):
    recipe = tone_recipe(tiny, speed=0, clean_share=0.0, equaliser_db=0, snr_db=[0, 0], noises=["gaussian"])
    batch = Augmenter(tones(), recipe, np.random.default_rng(6)).draw()
    # Of the noise, 5.17 kHz of 6 kHz pass the band: 0.5 + 0.5 x 0.86.
    assert float(np.mean(batch.samples.var(axis=-1))) == pytest.approx(0.93, rel=0.05)


def test_the_equaliser_draws_a_curve_for_each_window():
    rng = np.random.default_rng(7)
    flat = np.ones((400, 1, 513), np.complex64)
    equalised = flat.copy()
    equalise(equalised, 6.0, rng)
    at_points_db = 20 * np.log10(np.abs(equalised[:, 0, ::64]))
    np.testing.assert_allclose(at_points_db.std(axis=0), 6, rtol=0.2)
    equalise(flat, 0.0, rng)
    np.testing.assert_array_equal(flat, 1)


def test_superposed_windows_keep_their_power_and_mostly_themselves():
    rng = np.random.default_rng(8)
    one, other = rng.standard_normal((2, 500, 1, 1024)).astype(np.float32)
    mixed = superpose(one, other, 0.5, rng)
    untouched = (mixed == one).all(axis=(1, 2))
    assert 0.4 < untouched.mean() < 0.6
    np.testing.assert_allclose(mixed.var(axis=-1), 1, rtol=0.25)
    likeness = [np.corrcoef(a[0], b[0])[0, 1] for a, b in zip(mixed[~untouched], one[~untouched], strict=True)]
    assert 0.6 < min(likeness) < 0.8
    np.testing.assert_array_equal(superpose(one, other, 0.0, rng), one)


def test_windows_at_other_speeds_have_lengths_that_an_fft_likes():
    lengths = native_windows(2048, 0.06)
    assert 2048 in lengths
    assert len(lengths) > 10
    assert lengths.min() >= 1925
    assert lengths.max() <= 2171
    assert np.diff(lengths).max() < 40  # no hole in the range of speeds
    assert native_windows(2053, 0.0).tolist() == [2053]  # a prime, but the speed asked for


def test_a_recording_too_short_for_a_window_at_the_highest_speed_is_bad_data(tiny: dict[str, Any]):
    recipe = tone_recipe(tiny, speed=0.1)
    enough = [Recording("t", "normal", np.ones((1, 2253), np.float32), RATE_HZ)]  # 2048 x 1.1
    Augmenter(enough, recipe, np.random.default_rng(1))
    with pytest.raises(BadDataError, match="recording t: shorter"):
        Augmenter([enough[0].part(0, 2252.5 / 2253)], recipe, np.random.default_rng(1))


def test_a_share_of_the_healthy_windows_is_noise_without_a_machine(tiny: dict[str, Any]):
    settings = {"clean_share": 1.0, "equaliser_db": 0, "speed": 0}
    recipe = tone_recipe(tiny, **settings, noise_only_share=0.5)
    augmenter = Augmenter(tones(), recipe, np.random.default_rng(5))
    batches = [augmenter.draw() for _ in range(20)]
    label = np.concatenate([batch.label for batch in batches])
    tonal = np.concatenate([tone_share(batch.samples) for batch in batches]) > 0.9
    assert tonal[label != 0].all()
    assert 0.35 < tonal[label == 0].mean() < 0.65


def test_some_of_them_are_recordings_of_any_label_in_random_order(tiny: dict[str, Any]):
    """A recording of one label has values of 3, so a window of another label that has them was shuffled."""
    settings = {"clean_share": 1.0, "equaliser_db": 0, "speed": 0}
    recipe = tone_recipe(tiny, **settings, noise_only_share=0.9)
    rare = np.zeros((1, 8000), np.float32)
    rare[0, ::64] = 3
    recordings = [*tones()[:2], Recording("r", "outer_race", rare, RATE_HZ)]
    augmenter = Augmenter(recordings, recipe, np.random.default_rng(7))
    batches = [augmenter.draw() for _ in range(10)]
    healthy = np.concatenate([batch.samples[batch.label == 0, 0] for batch in batches])
    crest = np.abs(healthy).max(axis=-1) / healthy.std(axis=-1)
    impulsive = healthy[crest > 5]
    assert len(impulsive) > 5
    envelope = np.abs(np.fft.rfft(impulsive**2, axis=-1))
    at_64_samples = envelope[:, 32] / np.median(envelope[:, 1:], axis=-1)
    assert np.median(at_64_samples) < 4, "their rhythm is gone"


def test_without_the_share_the_draws_are_as_before(tiny: dict[str, Any]):
    one, other = (
        Augmenter(tones(), tone_recipe(tiny, **options), np.random.default_rng(6)).draw()
        for options in ({}, {"noise_only_share": 0.0})
    )
    np.testing.assert_array_equal(one.samples, other.samples)
