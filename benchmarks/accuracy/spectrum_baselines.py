"""Baselines for every network: classifiers on the log spectrum, trained on the same noisy windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from drsn.model.errors import UnavailableError
from drsn.model.spectrum import LogSpectrum
from drsn.model.training.augmentation import Augmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

BATCHES = 150
"""Training batches: 19,200 windows with 128 in each. More did not change the logistic regression."""


AT_ONCE = 1024
"""Windows whose spectra are held at once."""


def log_spectrum(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The features of `drsn.model.spectrum`: float32[n, c, w] to float32[n, c * bands]."""
    module = LogSpectrum(windows.shape[-1])
    with torch.inference_mode():
        parts = [
            module(torch.from_numpy(np.ascontiguousarray(windows[at : at + AT_ONCE], np.float32))).numpy()
            for at in range(0, len(windows), AT_ONCE)
        ]
    features: NDArray[np.float32] = np.concatenate(parts).reshape(len(windows), -1)
    return features


def fit_spectrum(
    kind: str, recipe: Recipe, recordings: Sequence[Recording]
) -> Callable[[NDArray[np.float32]], NDArray[np.int64]]:
    """Train on augmented windows; return a function from float32[n, channels, window] to label indices int64[n].

    Raises:
        UnavailableError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 (only the baselines need it)
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError("benchmark: scikit-learn is missing; pip install 'drsn-edge[train]'") from error
    augmenter = Augmenter(recordings, recipe, np.random.default_rng(recipe.seed))
    batches = [augmenter.draw() for _ in range(BATCHES)]
    features = np.concatenate([log_spectrum(batch.samples) for batch in batches])
    label = np.concatenate([batch.label for batch in batches])
    if kind == "logistic_regression":
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    else:
        model = RandomForestClassifier(200, min_samples_leaf=2, n_jobs=1, random_state=recipe.seed)
    model.fit(features, label)

    def name(windows: NDArray[np.float32]) -> NDArray[np.int64]:
        named: NDArray[np.int64] = model.predict(log_spectrum(windows))
        return named

    return name
