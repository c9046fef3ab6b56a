"""What the monitors found in a batch, in columns: one row a window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from drsn.agent.monitoring.vibration_zones import zone_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANGED: Final = "changed"
"""The condition of a machine that differs from its baseline; its label is what changed."""

VIBRATION_LEVEL: Final = "vibration_level"
"""The condition of a machine that vibrates too much; its label is the zone of ISO 20816-3."""

OBSERVED: Final = (CHANGED, VIBRATION_LEVEL)
"""The conditions that monitors raise, beside those of the model."""

NO_MONITOR: Final = -math.inf
"""In place of a log-likelihood ratio: no monitor evaluates this sensor for the condition. If the condition stands, from
an earlier run or because a baseline was removed, the window counts against it."""

NOT_EVALUATED: Final = math.nan
"""In place of a log-likelihood ratio: the monitor of this sensor cannot evaluate this window, and it is not counted."""


class Observation(NamedTuple):
    """What the monitor of one condition found in one window."""

    nats: float
    """Log-likelihood ratio for the condition: above 0 the window votes for it; `NOT_EVALUATED`: it is not counted."""
    label: str
    """What changed, or the zone."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the monitors found in a batch, one row a window."""

    bearing_nats: NDArray[np.float32] | None
    """float32[rows, conditions of the contract]: log-likelihood that the bearing detector adds to the network's, 0: no
    evidence; None: no sensor of the batch has a bearing."""
    observed_nats: NDArray[np.float32]
    """float32[rows, len(OBSERVED)]: log-likelihood ratio for the condition, `NOT_EVALUATED` or `NO_MONITOR`."""
    observed_label: NDArray[np.int8]
    """int8[rows, len(OBSERVED)]: index into `labels` of the condition; of no use where no monitor evaluates."""
    labels: tuple[tuple[str, ...], ...]
    """Of each condition of `OBSERVED`, the names of its labels; empty: it has no monitor."""

    def zone_ranks(self) -> NDArray[np.int8]:
        """int8[rows, len(OBSERVED)]: rank of the zone of each window that votes for the condition; else -1."""
        ranks = np.full(self.observed_label.shape, -1, np.int8)
        column = OBSERVED.index(VIBRATION_LEVEL)
        if names := self.labels[column]:
            by_label = np.array([zone_rank(name) for name in names], np.int8)
            np.copyto(
                ranks[:, column], by_label[self.observed_label[:, column]], where=self.observed_nats[:, column] > 0
            )
        return ranks

    def observed(self, row: int) -> dict[str, Observation]:
        """Condition -> what its monitor found in one window; a condition that no monitor evaluates is absent."""
        return {
            name: Observation(nats, labels[label])
            for name, nats, label, labels in zip(
                OBSERVED, self.observed_nats[row].tolist(), self.observed_label[row].tolist(), self.labels, strict=True
            )
            if nats != NO_MONITOR
        }
