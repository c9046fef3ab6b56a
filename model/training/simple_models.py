"""Simple models beside each training: logistic regression and a random forest on the log spectrum.

They take seconds, and they win where recordings are few. The third one, a `SpectrumNetwork`, is logistic regression
too, in a form that a bundle can carry, and in the order domain it also has the envelope's lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from drsn.model.deployed_model import model_input
from drsn.model.errors import UnavailableError
from drsn.model.evaluate import features
from drsn.model.spectrum_network import SpectrumNetwork
from drsn.model.training.augmentation import Augmenter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.data.recording import Recording
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe

Classifier = Callable[[NDArray[np.float32]], NDArray[np.int64]]
"""Conditioned windows float32[n, input channels, window] to label indices int64[n]."""

BATCHES = 60
"""Training batches, 7,680 windows with 128 in each: more hardly change the accuracy (HIT-SM, self-built)."""

TREES = 100
SIMPLE_STREAM = 2
"""Second element of the generator's seed, so that these draws differ from those of training and novelty."""

AT_ONCE = 512


@dataclass(frozen=True)
class SimpleModels:
    """The fitted models: `classifiers` by name, and the network of two matrices."""

    classifiers: dict[str, Classifier]
    spectrum: SpectrumNetwork


def fit_simple_models(
    recipe: Recipe, recordings: Sequence[Recording], batches: int = BATCHES, trees: int = TREES
) -> SimpleModels:
    """Fit all three on the same augmented windows of the recordings; with `trees` = 0 only the network.

    Raises:
        BadDataError: a recording is shorter than a window.
        UnavailableError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 (not in the base install)
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError("training needs scikit-learn; pip install 'drsn-edge[train]'") from error
    augmenter = Augmenter(recordings, recipe, np.random.default_rng([recipe.seed, SIMPLE_STREAM]))
    drawn = [augmenter.draw() for _ in range(batches)]
    label = np.concatenate([batch.label for batch in drawn])
    network = SpectrumNetwork(recipe.network_config()).eval()
    x = _features(network, np.concatenate([batch.samples for batch in drawn]))
    levels = slice(network.features.levels)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    forest = RandomForestClassifier(max(1, trees), min_samples_leaf=2, n_jobs=1, random_state=recipe.seed)
    fitted = {"logistic_regression": regression, "random_forest": forest}
    classifiers: dict[str, Classifier] = {}
    for name, model in fitted.items() if trees else ():
        model.fit(x[:, levels], label)
        classifiers[name] = _classifier(model, network, levels)
    _fit_spectrum(network, x, label)
    return SimpleModels(classifiers, network)


def classifier_of(network: Network) -> Classifier:
    """The classifier of a network in evaluation mode."""

    def classify(windows: NDArray[np.float32]) -> NDArray[np.int64]:
        named: NDArray[np.int64] = features(network, windows)[0].argmax(axis=1)
        return named

    return classify


def _classifier(model: Any, network: SpectrumNetwork, columns: slice) -> Classifier:  # noqa: ANN401 (scikit-learn has no types)
    def classify(windows: NDArray[np.float32]) -> NDArray[np.int64]:
        named: NDArray[np.int64] = model.predict(_features(network, windows)[:, columns])
        return named

    return classify


def _features(network: SpectrumNetwork, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Windows float32[n, input channels, window] to features float32[n, count]."""
    with torch.inference_mode():
        parts = [
            network.features(*model_input(network, torch.from_numpy(windows[at : at + AT_ONCE]))).numpy()
            for at in range(0, len(windows), AT_ONCE)
        ]
    return np.concatenate(parts)


def _fit_spectrum(network: SpectrumNetwork, x: NDArray[np.float32], label: NDArray[np.int64]) -> None:
    """Standardise, take principal components of variance 1, fit logistic regression; write all into the network."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    mean, deviation = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    scale = 1 / np.maximum(deviation, 1e-6)  # a constant feature stays constant
    standard = (x - mean) * scale
    values, vectors = np.linalg.eigh(standard.T @ standard / len(x))
    kept = network.projection.out_features
    # Ratio of the smallest variance that is scaled up to the largest: below it is rounding.
    root = np.sqrt(np.maximum(values[-kept:], 1e-6 * values[-1]))
    projection = (scale[:, np.newaxis] * vectors[:, -kept:] / root).T
    network.projection.weight.data = torch.from_numpy(projection.astype(np.float32))
    network.projection.bias.data = torch.from_numpy((-projection @ mean).astype(np.float32))
    model = LogisticRegression(max_iter=300).fit(standard @ (vectors[:, -kept:] / root), label)
    weight, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    rows = torch.from_numpy(model.classes_.astype(np.int64))
    with torch.no_grad():
        network.classifier.weight.zero_()[rows] = torch.from_numpy(weight.astype(np.float32))
        network.classifier.bias.fill_(bias.min() - 10.0)[rows] = torch.from_numpy(bias.astype(np.float32))
