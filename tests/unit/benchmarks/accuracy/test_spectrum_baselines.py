from __future__ import annotations

import numpy as np

from accuracy.grid_cell import cells_of
from accuracy.spectrum_baselines import fit_spectrum, log_spectrum
from drsn.model.spectrum import BANDS
from drsn.model.training.augmentation import Augmenter


def test_features_do_not_know_gain_or_offset():
    x = np.random.default_rng(1).standard_normal((3, 1, 2048)).astype(np.float32)
    features = log_spectrum(x)
    assert features.shape == (3, BANDS)
    np.testing.assert_allclose(log_spectrum(1000 * x + 5), features, atol=1e-3)
    assert np.isfinite(log_spectrum(np.zeros((1, 1, 2048), np.float32))).all()


def test_both_classifiers_learn(plan, corpus, monkeypatch):
    monkeypatch.setattr("accuracy.spectrum_baselines.BATCHES", 40)
    (cell, *_) = cells_of(plan, select=False)
    augmenter = Augmenter(corpus.train, cell.recipe, np.random.default_rng(99))
    batches = [augmenter.draw() for _ in range(20)]
    for kind in ("logistic_regression", "random_forest"):
        name = fit_spectrum(kind, cell.recipe, corpus.train)
        assert name(batches[0].samples).shape == batches[0].label.shape
        # 320 windows, half of them deep in noise; chance is one in three, give or take 0.03.
        assert np.mean([name(batch.samples) == batch.label for batch in batches]) > 0.42
