"""Publishes the latest diagnosis of each sensor, at a limited rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.slot_parameters import SUPPRESSORS
from drsn.agent.monitoring.findings import VIBRATION_LEVEL
from drsn.agent.schema.documents import CommissionDocument, ResultDocument
from drsn.agent.schema.iso_time import iso_utc

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.render import Renderer


class ResultPublisher:
    """Results, at QoS 0 and not retained.

    Args:
        connection: the control connection.
        topics: of the results.
        engine: has the sensors' baselines.
        renderer: makes the documents of baselines.
        bundle: short name of the bundle.
        results_per_s: maximum for each sensor; 0: no results.
    """

    def __init__(
        self,
        connection: Transport,
        topics: Topics,
        engine: AlarmEngine,
        renderer: Renderer,
        bundle: str,
        results_per_s: float,
    ) -> None:
        self.published = 0
        self._connection, self._topics, self._engine, self._renderer = connection, topics, engine, renderer
        self._bundle = bundle
        self._interval_s = 1 / results_per_s if results_per_s else None
        # By the sensor's slot: time of its last result, and windows since.
        self._last_s, self._windows = np.zeros(0), np.zeros(0, np.int64)
        self._waiting: list[ResultDocument] = []

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
        new = [slots[row] for row, _ in decisions.outcomes if decisions.before_cold[row] is None]
        self._last_s[new], self._windows[new] = -np.inf, 0
        _, first_rows = np.unique(slots, return_index=True)
        due = first_rows[now_s - self._last_s[slots[first_rows]] >= self._interval_s]
        self._waiting += [self._document(decisions, row) for row in due.tolist()]
        self._last_s[slots[due]], self._windows[slots[due]] = now_s, -1  # the window of the result does not count
        np.add.at(self._windows, slots, 1)

    def release(self) -> None:
        """Publish the results that wait; their windows are committed."""
        for document in self._waiting:
            payload = document.model_dump_json().encode()
            if self._connection.publish(self._topics.result(document.sensor), payload, qos=0) is not None:
                self.published += 1
        self._waiting.clear()

    def _document(self, decisions: Decisions, row: int) -> ResultDocument:
        sensor = decisions.diagnoses.batch.sensors[row]
        commission = self._renderer.baseline(self._engine.sensors.cold_of(sensor))
        windows = int(self._windows[decisions.slots[row]]) + 1
        suppressed_by = SUPPRESSORS[decisions.suppressed[row]]
        return result_document(decisions.diagnosis(row), suppressed_by, windows, self._bundle, commission)

    def _reserve(self, slots: int) -> None:
        if slots > len(self._last_s):
            more = max(slots, 2 * len(self._last_s)) - len(self._last_s)
            self._last_s = np.concatenate([self._last_s, np.full(more, -np.inf)])
            self._windows = np.concatenate([self._windows, np.zeros(more, np.int64)])


def result_document(
    diagnosis: Diagnosis,
    suppressed_by: Suppressor | None,
    windows: int,
    bundle: str,
    commission: CommissionDocument | None = None,
) -> ResultDocument:
    """Make the document of a sensor's latest diagnosis; `windows` were diagnosed since its last result."""
    reading, level = diagnosis.reading, diagnosis.observed.get(VIBRATION_LEVEL)
    return ResultDocument(
        sensor=reading.sensor,
        t0=iso_utc(reading.end_unix_ns - reading.duration_ns),
        t1=iso_utc(reading.end_unix_ns),
        windows=windows,
        label=diagnosis.label,
        condition=diagnosis.condition,
        confidence=round(diagnosis.confidence, 4),
        probabilities={name: round(p, 4) for name, p in diagnosis.label_probabilities.items()},
        novelty=round(diagnosis.novelty, 4),
        suppressed_by=suppressed_by,
        rms=reading.rms,
        peak=reading.peak,
        unit=reading.unit,
        crest_factor=_rounded(reading.crest_factor),
        kurtosis=_rounded(reading.kurtosis),
        velocity_rms_mm_s=_rounded(reading.velocity_rms_mm_s),
        zone=None if level is None or math.isnan(level.nats) else level.label,
        bundle=bundle,
        commission=commission,
    )


def _rounded(value: float | None) -> float | None:
    """Four digits; None for what is not finite, which JSON lacks."""
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None
