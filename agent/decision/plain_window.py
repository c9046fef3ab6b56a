"""Plain windows: known, normal, and without evidence for a condition. Nearly all are, and they need not be counted.

A sensor without alarms, evidence and votes, whose counts of votes are full, is at rest: a plain window leaves its
counters as they are. That a window has left them so is how it is found out (drsn.agent.decision.batch_feed).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drsn.agent.monitoring.findings import NO_MONITOR
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drsn.agent.decision.batch_step import WindowColumns
    from drsn.agent.decision.cusum import LogLikelihoodRatios
    from drsn.agent.decision.single_step import OneWindow
    from drsn.model.contract import ModelContract

LEAST_NORMAL = 1e-3
"""P(normal) of a plain window, at least: far above the least probability that a ratio is made of."""

CERTAIN = 0.99
"""The faults of a plain window have 1 % less than the probability up to which no ratio is above 0. Rounding makes far
less than that."""


class PlainWindow:
    """Tells which windows are plain.

    No ratio of a plain window is above 0: the faults have so little of the probability that the logarithm of each ratio
    of likelihoods is negative, and so is that of all of them together.

    Args:
        contract: of the model.
        ratios: of the contract.
    """

    def __init__(self, contract: ModelContract, ratios: LogLikelihoodRatios) -> None:
        self.normal = contract.conditions.index(NORMAL)
        """Index of `normal`."""
        self._most_faults = CERTAIN * ratios.most_faults
        self._most_novelty = math.inf if contract.abstention_threshold is None else contract.abstention_threshold

    def rows(self, windows: WindowColumns) -> NDArray[np.bool_]:
        """bool[rows]: the window is plain."""
        normal = windows.by_condition[:, self.normal]
        faults = windows.by_condition.sum(axis=1) - normal
        plain: NDArray[np.bool_] = (windows.best == self.normal) & (faults <= self._most_faults * normal)
        plain &= (normal > LEAST_NORMAL) & (windows.novelty <= self._most_novelty) & ~(windows.fresh | windows.faulty)
        if windows.observed.shape[1]:
            plain &= (windows.observed == NO_MONITOR).all(axis=1)
        return plain

    def one(self, window: OneWindow) -> bool:
        """Whether this window is plain."""
        if window.fresh or window.faulty or window.best != self.normal or not window.novelty <= self._most_novelty:
            return False
        normal = window.by_condition[self.normal]
        faults = sum(window.by_condition) - normal
        if not (normal > LEAST_NORMAL and faults <= self._most_faults * normal):
            return False
        return all(nats == NO_MONITOR for nats in window.observed)
