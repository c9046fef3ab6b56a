from __future__ import annotations

import numpy as np

from drsn.model.data.decimation import decimate


def test_decimation_keeps_tones_and_makes_no_aliases():
    time_s = np.arange(48_000) / 48_000
    tones = [np.sin(2 * np.pi * hz * time_s) for hz in (100.0, 5_600.0, 13_000.0)]
    kept, edge, alias = decimate(np.array(tones, np.float32), 4)
    np.testing.assert_allclose(kept, tones[0][::4], atol=1e-4)
    np.testing.assert_allclose(edge, tones[1][::4], atol=1e-4)
    assert np.abs(alias).max() < 1e-4
