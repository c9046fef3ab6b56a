from __future__ import annotations

import numpy as np

from drsn.model.shaft_angle import shaft_angle


def test_it_ends_with_the_revolutions_in_the_window():
    angle = shaft_angle([600.0, 1200.0], 2048, 12_800.0)
    assert angle.shape == (2, 2048)
    assert angle.dtype == np.float32
    np.testing.assert_allclose(angle[:, -1], [1.6, 3.2], rtol=1e-6)
    np.testing.assert_allclose(np.diff(angle[0]), 10 / 12_800, rtol=1e-2)


def test_without_a_speed_it_is_zero():
    assert not shaft_angle([np.nan], 64, 1000.0).any()
