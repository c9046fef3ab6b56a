"""The last results of each sensor, in arrays of fixed size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from drsn.agent.tools.web.documents import ShownResult

LENGTH: Final = 300
"""Results that are kept: five minutes at one a second."""

MAX_SENSORS: Final = 2000
"""Sensors with results in memory: with 14 labels 25 kB each."""

DIGITS: Final = 5


class ResultRing:
    """The last results of one sensor.

    Args:
        labels: of the model; with others a new ring begins.
        length: results that are kept.
    """

    def __init__(self, labels: tuple[str, ...], length: int = LENGTH) -> None:
        self.labels = labels
        self._numbers = np.zeros((length, 3 + len(labels)))  # time, RMS, novelty, probabilities
        self._conditions = [""] * length
        self._count = 0

    def add(self, at_s: float, result: ShownResult) -> None:
        """Keep a result, in place of the oldest one."""
        row = self._count % len(self._conditions)
        novelty = np.nan if result.novelty is None else result.novelty
        self._numbers[row] = (at_s, result.rms, novelty, *(result.probabilities[label] for label in self.labels))
        self._conditions[row] = result.condition
        self._count += 1

    def json(self) -> dict[str, Any]:
        """All results, oldest first."""
        length = len(self._conditions)
        order = [index % length for index in range(max(0, self._count - length), self._count)]
        numbers = self._numbers[order]
        return {
            "t": [round(at_s, 3) for at_s in numbers[:, 0].tolist()],
            "labels": list(self.labels),
            "probabilities": {
                label: np.round(numbers[:, 3 + column], DIGITS).tolist() for column, label in enumerate(self.labels)
            },
            "novelty": [None if value != value else round(value, DIGITS) for value in numbers[:, 2].tolist()],  # noqa: PLR0124 (NaN)
            "rms": numbers[:, 1].tolist(),
            "condition": [self._conditions[row] for row in order],
        }


class RecentResults:
    """The last results of all sensors."""

    def __init__(self, max_sensors: int = MAX_SENSORS) -> None:
        self._rings: dict[str, ResultRing] = {}
        self._max_sensors = max_sensors

    def add(self, sensor: str, at_s: float, result: ShownResult) -> None:
        """Keep a result; beyond `max_sensors` the sensor without a result for the longest time is left out."""
        labels = tuple(result.probabilities)
        ring = self._rings.pop(sensor, None)
        if ring is None or ring.labels != labels:
            ring = ResultRing(labels)
        if len(self._rings) >= self._max_sensors:
            del self._rings[next(iter(self._rings))]
        self._rings[sensor] = ring  # the last one of the dict: the order is that of the last results
        ring.add(at_s, result)

    def json(self, sensor: str) -> dict[str, Any]:
        """The results of a sensor, oldest first; empty if it has none."""
        ring = self._rings.get(sensor)
        return ResultRing((), 1).json() if ring is None else ring.json()
