"""Healthy windows that are drawn, and baselines of them, for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.monitoring.baseline_features import FEATURES, LEVEL
from drsn.agent.monitoring.baseline_model import HealthBaseline, learn

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONDITIONS = ("ball", "outer_race")


def drawn(windows: int, seed: int = 0, level: float = 0.0) -> NDArray[np.float32]:
    """Draw healthy features: independent, of scale 0.1."""
    features = np.random.default_rng(seed).normal(0, 0.1, (windows, FEATURES)).astype(np.float32)
    features[:, LEVEL] += np.float32(level)
    return features


def unknown_speed(windows: int) -> NDArray[np.float64]:
    """Return the speeds of windows without a speed."""
    return np.full(windows, np.nan)


def baseline(features: NDArray[np.float32], rpm: NDArray[np.float64] | float = np.nan) -> HealthBaseline:
    """Learn from features, with a model that is never wrong."""
    windows = len(features)
    return learn(features, np.broadcast_to(rpm, windows), np.full((windows, 2), -5, np.float32), CONDITIONS)
