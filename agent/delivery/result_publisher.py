"""Publishes the latest diagnosis of each sensor, at a limited rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.delivery.result_form import result_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.render import Renderer


class ResultPublisher:
    """Results, at QoS 0 and not retained.

    Args:
        connection: the control connection.
        topics: of the results.
        renderer: makes the documents of baselines.
        bundle: short name of the bundle.
        results_per_s: maximum for each sensor; 0: no results.
    """

    def __init__(
        self,
        connection: Transport,
        topics: Topics,
        renderer: Renderer,
        bundle: str,
        results_per_s: float,
    ) -> None:
        self.published = 0
        self._connection, self._topics, self._renderer = connection, topics, renderer
        self._bundle = bundle
        self._interval_s = 1 / results_per_s if results_per_s else None
        # By the sensor's slot: time of its last result, and windows since.
        self._last_s, self._windows = np.zeros(0), np.zeros(0, np.int64)
        self._waiting: list[tuple[str, bytes]] = []  # sensor, JSON

    def add(self, decisions: Decisions, now_s: float) -> None:
        """Make the results that are due from the windows of a batch; `release` publishes them.

        Args:
            decisions: of the batch; its rows are valid.
            now_s: monotonic.
        """
        if self._interval_s is None:
            return
        slots = decisions.slots
        self._reserve(int(slots.max()) + 1)
        if decisions.outcomes:
            new = [slots[row] for row, _ in decisions.outcomes if decisions.before_cold[row] is None]
            self._last_s[new], self._windows[new] = -np.inf, 0
        due = now_s - self._last_s.take(slots) >= self._interval_s
        if np.count_nonzero(due):
            self._make(decisions, np.flatnonzero(due), now_s)
        np.add.at(self._windows, slots, 1)

    def release(self) -> None:
        """Publish the results that wait; their windows are committed."""
        for sensor, payload in self._waiting:
            if self._connection.publish(self._topics.result(sensor), payload, qos=0) is not None:
                self.published += 1
        self._waiting.clear()

    def _make(self, decisions: Decisions, due: NDArray[np.intp], now_s: float) -> None:
        """Make a result of the first of these rows of each sensor."""
        slots = decisions.slots[due]
        rows = dict(zip(slots[::-1].tolist(), due[::-1].tolist(), strict=True))
        for slot, row in rows.items():
            sensor, windows = decisions.diagnoses.batch.sensors[row], int(self._windows[slot]) + 1
            commission = self._renderer.baseline(decisions.after_cold[row])
            self._waiting.append((sensor, result_json(decisions, row, windows, self._bundle, commission)))
        self._last_s[slots], self._windows[slots] = now_s, -1  # the window of the result does not count

    def _reserve(self, slots: int) -> None:
        if slots > len(self._last_s):
            more = max(slots, 2 * len(self._last_s)) - len(self._last_s)
            self._last_s = np.concatenate([self._last_s, np.full(more, -np.inf)])
            self._windows = np.concatenate([self._windows, np.zeros(more, np.int64)])
