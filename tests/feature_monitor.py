"""A baseline monitor for tests of the decision stage: it has features for every window, without a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.monitoring.baseline_features import FEATURES
from drsn.agent.monitoring.baseline_monitor import BaselineMonitor, FeatureRow

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract


class FeatureMonitor(BaselineMonitor):
    """Draws the features of each window."""

    def __init__(self, contract: ModelContract, bundle_sha256: str = "0" * 64) -> None:
        super().__init__(contract, bundle_sha256)
        self._draws: dict[str, np.random.Generator] = {}
        self.rpm = np.nan
        """Of the next windows."""
        self.shift = 0.0
        """Added to all features."""
        self.log_odds = -5.0

    def take(self, sensor: str) -> FeatureRow:
        draw = self._draws.setdefault(sensor, np.random.default_rng(0))
        features = draw.normal(self.shift, 0.1, FEATURES).astype(np.float32)
        return FeatureRow(features, self.rpm, np.full(len(self.conditions), self.log_odds, np.float32))
