"""The names of what changed: labels of the condition `changed`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.monitoring.baseline_features import (
    ENVELOPE,
    ENVELOPE_BANDS,
    FEATURES,
    IMPULSIVENESS,
    LEVEL,
    MODEL,
    ORDERS,
    SPECTRUM,
    SPECTRUM_BANDS,
)
from drsn.agent.monitoring.baseline_score import EXPERTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.monitoring.baseline_features import BaselineFeatures


def feature_names(features: BaselineFeatures, *, by_speed: bool) -> list[str]:
    """Names of the features, `by_speed` with the envelope spectrum in orders of the shaft."""
    names = [""] * FEATURES
    names[LEVEL], names[IMPULSIVENESS], names[MODEL] = ["level"], ["crest_factor", "kurtosis"], ["model_fault"]
    names[SPECTRUM] = _ranges("band", features.spectrum_hz, ".0f", "hz", SPECTRUM_BANDS)
    edges, form, unit = (ORDERS, ".2f", "orders") if by_speed else (features.envelope_hz, ".0f", "hz")
    names[ENVELOPE] = _ranges("envelope", edges, form, unit, ENVELOPE_BANDS)
    return names


def label_table(features: BaselineFeatures) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """The labels, and which one each expert has.

    Returns:
        labels; int8[2, EXPERTS]: index into them of each expert, for baselines by level and by speed.
    """
    labels: dict[str, None] = {}
    table = np.empty((2, EXPERTS), np.int8)
    for by_speed in (False, True):
        names = feature_names(features, by_speed=by_speed)
        for direction, suffix in enumerate(("_higher", "_lower")):
            for feature, name in enumerate(names):
                label = name + (suffix if not ENVELOPE.start <= feature < ENVELOPE.stop else "")
                labels.setdefault(label)
                table[int(by_speed), direction * FEATURES + feature] = list(labels).index(label)
    return tuple(labels), table


def _ranges(what: str, edges: NDArray[np.float64], form: str, unit: str, bands: int) -> list[str]:
    names = [f"{what}_{low:{form}}_{high:{form}}_{unit}" for low, high in pairwise(edges.tolist())]
    return names + [what] * (bands - len(names))  # a short window has no more
