"""Does the baseline of a twin machine fit this one? Its first minute decides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.decision.cusum import accumulate
from drsn.agent.monitoring.baseline_model import UnfitError
from drsn.agent.monitoring.baseline_stack import BaselineStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.monitoring.baseline_file import BaselineFile
    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor

THRESHOLD_NATS: Final = 10.0
"""Evidence of a change at which the baseline does not fit: of 20,000 that fit, one is refused."""

UNKNOWN_SHARE: Final = 0.5
"""Largest share of windows that may lie in no operating state of the baseline."""


def require_fit(
    file: BaselineFile,
    features: NDArray[np.float32],
    rpm: NDArray[np.float64],
    monitor: BaselineMonitor,
    *,
    uses_model: bool,
) -> None:
    """Compare a minute of this machine with the baseline of another.

    Args:
        file: the baseline.
        features: float32[windows, FEATURES], in their order.
        rpm: float64[windows], NaN: not known.
        monitor: has the names of what may change.
        uses_model: the baseline was learnt with the same model.

    Raises:
        UnfitError: it does not fit.
    """
    _require_same_axis(file, rpm)
    stack, slot, seconds = BaselineStack(), np.zeros(1, np.intp), np.zeros(1)
    stack.set(0, file.baseline, uses_model=uses_model)
    evidence, unknown = 0.0, 0
    for row in range(len(features)):
        scores = stack.score(slot, features[row : row + 1], rpm[row : row + 1], seconds)
        unknown += int(scores.unknown_state[0])
        nats = float(scores.nats[0])
        evidence = evidence if math.isnan(nats) else accumulate(evidence, nats, 1.0)
        if evidence >= THRESHOLD_NATS:
            what = monitor.label_of(int(scores.expert[0]), by_speed=file.baseline.by_speed)
            raise UnfitError(f"the baseline does not fit: {what} after {row + 1} of {len(features)} windows")
    if unknown > UNKNOWN_SHARE * len(features):
        raise UnfitError(
            f"the baseline does not fit: {unknown} of {len(features)} windows lie in none of its operating states; let "
            "the machine run as its twin did, or learn a baseline of its own"
        )


def _require_same_axis(file: BaselineFile, rpm: NDArray[np.float64]) -> None:
    if file.baseline.by_speed != bool(np.isfinite(rpm).all()):
        both = ("the baseline", "this machine")
        has, lacks = both if file.baseline.by_speed else both[::-1]
        raise UnfitError(f"the baseline does not fit: {has} has a speed, {lacks} has none")
