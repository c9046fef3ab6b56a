"""Publishes what the agent has to say about sensors and itself; events go by the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.documents import HealthDocument, ResultDocument, StatusDocument, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.pipeline import Outcome, Pipeline
    from drsn.agent.ports import Transport
    from drsn.agent.topics import Topics
    from drsn.model.contract import Frozen


class Publisher:
    """Retained alarms, throttled results, status and health.

    Args:
        connection: the control connection.
        topics: where things go.
        pipeline: whose alarms are told.
        bundle: short name of the bundle, for results.
        results_per_s: at most, of each sensor; 0: none.
    """

    def __init__(
        self, connection: Transport, topics: Topics, pipeline: Pipeline, bundle: str, results_per_s: float
    ) -> None:
        self.results = 0
        self._connection = connection
        self._topics = topics
        self._pipeline = pipeline
        self._bundle = bundle
        self._interval_s = 1 / results_per_s if results_per_s else None
        self._told: dict[str, tuple[float, int]] = {}  # sensor -> when its last result went out, windows since
        self._epoch = 0
        self._status: StatusDocument | None = None

    def refresh(self, status: StatusDocument) -> None:
        """On a new connection: status and every retained alarm. Else the status, if it says something new."""
        connection = self._connection
        if not connection.connected:
            return
        fresh = connection.epoch != self._epoch
        if fresh or status != self._status:
            sent = connection.publish(self._topics.status, _bytes(status), qos=1, retain=True)
            self._status = status if sent is not None else None
        if fresh:
            self._epoch = connection.epoch
            for sensor in self._pipeline.sensors:
                self.alarm(sensor)

    def outcomes(self, outcomes: Iterable[Outcome], now_s: float) -> None:
        """Tell what a batch led to."""
        changed: dict[str, None] = {}
        for outcome in outcomes:
            sensor = outcome.diagnosis.reading.sensor
            if outcome.events or sensor not in self._told:
                changed[sensor] = None
            self._result(outcome, now_s)
        for sensor in changed:
            self.alarm(sensor)

    def alarm(self, sensor: str) -> None:
        """The retained state of one sensor; a connection that comes later gets it by `refresh`."""
        self._connection.publish(self._topics.alarm(sensor), _bytes(self._pipeline.alarm(sensor)), qos=1, retain=True)

    def health(self, document: HealthDocument) -> None:
        """Counters and latencies."""
        self._connection.publish(self._topics.health, _bytes(document), qos=0, retain=True)

    def _result(self, outcome: Outcome, now_s: float) -> None:
        sensor = outcome.diagnosis.reading.sensor
        last_s, windows = self._told.get(sensor, (float("-inf"), 0))
        windows += 1
        if self._interval_s is None or now_s - last_s < self._interval_s:
            self._told[sensor] = (last_s, windows)
            return
        self._told[sensor] = (now_s, 0)
        document = result_document(outcome, windows, self._bundle)
        if self._connection.publish(self._topics.result(sensor), _bytes(document), qos=0) is not None:
            self.results += 1


def result_document(outcome: Outcome, windows: int, bundle: str) -> ResultDocument:
    """The latest diagnosis of a sensor as it goes out."""
    diagnosis, reading = outcome.diagnosis, outcome.diagnosis.reading
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
        rms=reading.rms,
        peak=reading.peak,
        unit=reading.unit,
        bundle=bundle,
    )


def _bytes(document: Frozen) -> bytes:
    return document.model_dump_json().encode()
