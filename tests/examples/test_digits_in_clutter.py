"""Digits on their canvas."""

import numpy as np
from digits_in_clutter import CANVAS, DIGIT, clutter, placed


def test_clutter_has_rms_1_and_covers_only_a_part_of_the_canvas():
    x = clutter(200, np.random.default_rng(0))
    assert x.shape == (200, CANVAS, CANVAS)
    np.testing.assert_allclose(np.sqrt(np.square(x).mean(axis=(1, 2))), 1, atol=0.25)  # strokes and noise correlate
    assert 0.1 < (x > 1).mean() < 0.5


def test_a_digit_lies_whole_at_a_random_place():
    rng = np.random.default_rng(0)
    digits = rng.uniform(1, 16, (300, DIGIT, DIGIT)).astype(np.float32)
    x = placed(digits, rng)
    assert ((x != 0).sum(axis=(1, 2)) == DIGIT**2).all()
    np.testing.assert_allclose(np.square(x).sum(axis=(1, 2)), DIGIT**2, rtol=1e-4)
    tops = (x != 0).any(axis=2).argmax(axis=1)
    assert set(tops) == set(range(CANVAS - DIGIT + 1))
