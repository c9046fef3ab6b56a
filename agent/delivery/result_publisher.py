"""Publishes the latest diagnosis of each sensor, at a limited rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.schema.documents import CommissionDocument, ResultDocument, iso_utc

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.alarm_state import Suppressor
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
        self._last: dict[str, tuple[float, int]] = {}  # sensor -> time of its last result, windows since

    def __contains__(self, sensor: str) -> bool:
        """True if the sensor had a diagnosis."""
        return sensor in self._last

    def publish(self, sensor: str, outcome: Outcome, diagnosis: Diagnosis, now_s: float) -> None:
        """Publish a diagnosis, unless the sensor's last result is too recent; `now_s` is monotonic."""
        last_s, windows = self._last.get(sensor, (float("-inf"), 0))
        windows += 1
        if self._interval_s is None or now_s - last_s < self._interval_s:
            self._last[sensor] = (last_s, windows)
            return
        self._last[sensor] = (now_s, 0)
        commission = self._renderer.baseline(self._engine.sensors.get(sensor))
        document = result_document(diagnosis, outcome.suppressed_by, windows, self._bundle, commission)
        payload = document.model_dump_json().encode()
        if self._connection.publish(self._topics.result(sensor), payload, qos=0) is not None:
            self.published += 1

    def forget(self, sensor: str) -> None:
        """Drop the state of a sensor."""
        self._last.pop(sensor, None)


def result_document(
    diagnosis: Diagnosis,
    suppressed_by: Suppressor | None,
    windows: int,
    bundle: str,
    commission: CommissionDocument | None = None,
) -> ResultDocument:
    """Make the document of a sensor's latest diagnosis; `windows` were diagnosed since its last result."""
    reading = diagnosis.reading
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
        bundle=bundle,
        commission=commission,
    )
