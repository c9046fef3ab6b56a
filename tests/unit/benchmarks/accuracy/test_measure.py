from __future__ import annotations

import numpy as np

from accuracy.grid_cell import cells_of
from accuracy.grid_plan import MeasurementSpec
from accuracy.measure import measure
from drsn.model.conditioning import Conditioner
from drsn.model.noise import Noise, add_noise


def test_every_window_is_named_once_a_draw_and_counted_for_its_recording(plan, corpus):
    (cell, *_) = cells_of(plan, select=False)
    asked = MeasurementSpec(noises=(Noise.PINK,), snr_db=(0.0, 10.0), draws=3)
    rows = measure(lambda x: np.zeros(len(x), np.int64), corpus.test, cell.recipe, asked)
    assert [(row["noise"], row["snr_db"]) for row in rows] == [(None, None), ("pink", 0.0), ("pink", 10.0)]
    windows = corpus.test[0].n_samples // 2048
    for row in rows:
        draws = 1 if row["noise"] is None else 3
        assert len(row["recordings"]) == len(corpus.test)
        assert all(entry["named"] == [windows * draws, 0, 0] for entry in row["recordings"].values())


def test_noise_conditioned_apart_is_noise_added_before_conditioning(plan, corpus):
    """And the SNR is that of the window before it."""
    (cell, *_) = cells_of(plan, select=False)
    seen = []
    namer = lambda x: seen.append(x.copy()) or np.zeros(len(x), np.int64)  # noqa: E731
    measure(namer, corpus.test[:1], cell.recipe, MeasurementSpec(noises=(Noise.GAUSSIAN,), snr_db=(-6.0,), draws=1))
    clean, noisy = seen
    raw = corpus.test[0].samples[:, :2048][np.newaxis]
    out = np.empty_like(raw)
    condition = Conditioner(2048, 12_000, 5_300, 12_000)
    condition(raw, out)
    np.testing.assert_allclose(clean[:1], out, atol=1e-5)
    condition(add_noise(raw, -6.0, Noise.GAUSSIAN, np.random.default_rng(3)), out)
    expected_db = 10 * np.log10(np.var(out - clean[:1]) / np.var(clean[:1]))
    found_db = 10 * np.log10(np.var(noisy - clean) / np.var(clean))
    assert abs(found_db - expected_db) < 1


def test_every_contestant_meets_the_same_noise(plan, corpus):
    (cell, *_) = cells_of(plan, select=False)
    seen: list[np.ndarray] = []
    for seed in (1, 2):
        recipe = cell.recipe.model_copy(update={"seed": seed})
        namer = lambda x: seen.append(x.copy()) or np.zeros(len(x), np.int64)  # noqa: E731
        measure(namer, corpus.test[:1], recipe, MeasurementSpec(noises=(Noise.LAPLACIAN,), snr_db=(0.0,), draws=2))
    np.testing.assert_array_equal(np.concatenate(seen[:3]), np.concatenate(seen[3:]))
    assert not np.array_equal(seen[1], seen[2])
