from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.errors import ConfigurationError
from drsn.model.novelty import SHRINKAGE, Novelty, NoveltyCoefficients, fit_coefficients

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, features: int = 6, labels: int = 3, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings around a mean for each label, correlated, and no two features of one size."""
    rng = np.random.default_rng(seed)
    label = np.concatenate([np.arange(labels), rng.integers(labels, size=n - labels)])
    means = 3 * rng.standard_normal((labels, features))
    mixing = rng.standard_normal((features, features)) * 10 ** rng.uniform(-0.5, 0.5, features)
    noise = rng.standard_normal((n, features)) @ mixing
    return (means[label] + noise + 5 * rng.standard_normal(features)).astype(np.float32), label


def defined(e: np.ndarray, embedding: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The score as it is defined: two distances, in float64."""

    def covariance(x: np.ndarray) -> np.ndarray:
        return np.atleast_2d(np.cov(x, rowvar=False, bias=True))

    def distance(centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
        shrunk = spread + SHRINKAGE * np.trace(spread) / len(spread) * np.eye(len(spread))
        d = e.astype(np.float64) - centre
        return np.einsum("ni,ij,nj->n", d, np.linalg.inv(shrunk), d)

    x = embedding.astype(np.float64)
    means = {c: x[label == c].mean(axis=0) for c in np.unique(label)}
    within = covariance(x - np.stack([means[c] for c in label]))
    nearest = np.min([distance(mean, within) for mean in means.values()], axis=0)
    return nearest - distance(x.mean(axis=0), covariance(x))


def scored(known: NoveltyCoefficients, e: np.ndarray) -> np.ndarray:
    return Novelty(known)(torch.from_numpy(e.astype(np.float32))).numpy()


@given(SEEDS, st.integers(1, 12), st.integers(1, 6), st.floats(0.1, 30))
def test_the_graph_says_what_the_definition_says(seed: int, features: int, labels: int, far: float):
    embedding, label = drawn(seed, features, labels)
    e = (embedding.mean(axis=0) + far * np.random.default_rng(seed).standard_normal((20, features))).astype(np.float32)
    expected, actual = defined(e, embedding, label), scored(fit_coefficients(embedding, label), e)
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=2e-3)


@given(SEEDS, st.floats(0.01, 100))
def test_turning_shifting_and_scaling_the_embeddings_changes_nothing(seed: int, scale: float):
    embedding, label = drawn(seed)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    shift = scale * rng.standard_normal(6)

    def moved(e: np.ndarray) -> np.ndarray:
        return (scale * e.astype(np.float64) @ turn + shift).astype(np.float32)

    before = scored(fit_coefficients(embedding, label), embedding)
    after = scored(fit_coefficients(moved(embedding), label), moved(embedding))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=2e-3)


def test_the_names_of_the_labels_do_not_matter():
    embedding, label = drawn(1)
    before, after = (
        scored(fit_coefficients(embedding, names[label]), embedding) for names in np.array([[0, 1, 2], [7, 0, 3]])
    )
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_the_nearest_label_decides_and_what_lies_between_them_is_new():
    rng = np.random.default_rng(4)
    label = rng.integers(2, size=2000)
    centres = np.array([[-10.0, 0.0], [10.0, 0.0]])
    embedding = (centres[label] + rng.standard_normal((2000, 2))).astype(np.float32)
    first, second, between = scored(fit_coefficients(embedding, label), np.array([[-10, 0], [10, 0], [0, 0]]))
    assert first == pytest.approx(second, abs=0.3)
    assert between == pytest.approx(100, rel=0.1)  # ten standard deviations from either mean, none from that of all
    assert first < -0.9  # at its own mean, but one standard deviation from that of all


def test_what_varies_in_every_window_counts_for_nothing():
    """The second feature has nothing to do with the labels; a plain Mahalanobis distance would be 25 there."""
    rng = np.random.default_rng(5)
    label = rng.integers(2, size=20_000)
    embedding = np.stack(
        [np.array([-10, 10])[label] + rng.standard_normal(20_000), rng.standard_normal(20_000)], axis=1
    )
    known = fit_coefficients(embedding.astype(np.float32), label)
    near, far = scored(known, np.array([[10, 0], [10, 5]]))
    assert 0 < far - near < 1.5  # the shrinkage of the larger covariance is larger


def test_features_that_never_move_are_no_obstacle():
    embedding, label = drawn(6)
    still = np.concatenate([embedding, np.full((len(label), 3), 2, np.float32)], axis=1)
    assert np.isfinite(scored(fit_coefficients(still, label), still)).all()


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_network_that_says_the_same_of_everything_knows_nothing(value: float):
    with pytest.raises(ConfigurationError, match=r"variance of .* train longer") as caught:
        fit_coefficients(np.full((10, 4), value, np.float32), np.arange(10) % 2)
    assert "\n" not in str(caught.value)


def test_the_coefficients_are_float32_and_know_their_size():
    known = fit_coefficients(*drawn(2, features=5, labels=4))
    assert {array.dtype for array in vars(known).values()} == {np.dtype(np.float32)}
    assert known.fits(5)
    assert not known.fits(4)
    assert not replace(known, centres=known.centres[:0]).fits(5)
    assert not replace(known, within=known.within[:4]).fits(5)
    assert not replace(known, mean=known.mean.astype(np.float64)).fits(5)


def test_the_score_has_no_parameters_and_adds_nothing_to_the_weights():
    novelty = Novelty(fit_coefficients(*drawn(3)))
    assert list(novelty.parameters()) == []
    assert dict(novelty.state_dict()) == {}
