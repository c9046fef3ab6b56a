"""Publishes what the agent has to say about sensors and itself; events go by the outbox."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.schema.documents import CommissionDocument, HealthDocument, ResultDocument, StatusDocument, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.mqtt.message import Confirmation
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.render import Renderer
    from drsn.model.contract import Frozen


ALARMS_IN_FLIGHT = 8
"""Retained alarms under way; a sensor that changes meanwhile is told once more, with its latest state alone."""

log = logging.getLogger(__name__)


class Publisher:
    """Retained alarms, throttled results, status and health.

    Args:
        connection: the control connection.
        topics: where things go.
        engine: holds the alarm states.
        renderer: makes their documents.
        bundle: short name of the bundle, for results.
        results_per_s: at most, of each sensor; 0: none.
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
        self.results = 0
        self.refused: str | None = None
        """The broker's reason for refusing an alarm or the status on this connection."""
        self.catching_up = False
        """The connection is new, and not every sensor's state has been told on it."""
        self._connection = connection
        self._topics = topics
        self._engine, self._renderer = engine, renderer
        self._bundle = bundle
        self._interval_s = 1 / results_per_s if results_per_s else None
        self._told: dict[str, tuple[float, int]] = {}  # sensor -> when its last result went out, windows since
        self._epoch = 0
        self._status: StatusDocument | None = None
        self._status_mid: int | None = None
        self._changed: dict[str, None] = {}  # sensors whose retained alarm is out of date, in order
        self._flying: set[int] = set()  # message ids of alarms

    @property
    def idle(self) -> bool:
        """Everything that was to be told is with the broker."""
        return not self._changed and not self._flying and self._status_mid is None

    def refresh(self, status: StatusDocument, *, again: bool = False) -> None:
        """On a new connection: status, and by `pump` every retained alarm. Else the status, if it is new or `again`."""
        connection, epoch = self._connection, self._connection.epoch
        if not connection.connected:
            return
        if epoch != self._epoch:
            self._epoch, self._status, self.refused = epoch, None, None
            self._flying.clear()
            self._changed = dict.fromkeys((*self._engine.sensors, *self._engine.forgotten))
            self.catching_up = True
        if again or status != self._status:
            self._status_mid = connection.publish(self._topics.status, _bytes(status), qos=1, retain=True)
            self._status = status if self._status_mid is not None else None

    def outcomes(self, outcomes: Iterable[Outcome], now_s: float) -> None:
        """Note what a batch led to; alarms go out by `pump`, results now."""
        for outcome in outcomes:
            if not outcome.sensor.conditions:  # forgotten
                self._told.pop(outcome.name, None)
                self._changed[outcome.name] = None
            elif outcome.changes or outcome.name not in self._told:
                self._changed[outcome.name] = None
            if outcome.diagnosis is not None:
                self._result(outcome, outcome.diagnosis, now_s)

    def pump(self) -> None:
        """Send the alarms that are out of date, as many as may be under way; never blocks."""
        while self._changed and len(self._flying) < ALARMS_IN_FLIGHT and self._connection.connected:
            sensor = next(iter(self._changed))
            state = self._engine.sensors.get(sensor)  # none: an empty payload ends what the broker retains
            payload = b"" if state is None else _bytes(self._renderer.alarm(sensor, state))
            mid = self._connection.publish(self._topics.alarm(sensor), payload, qos=1, retain=True)
            if mid is None:
                return
            self._flying.add(mid)
            del self._changed[sensor]
        self.catching_up = self.catching_up and bool(self._changed)

    def note(self, confirmation: Confirmation) -> None:
        """The broker's word on a publish."""
        if confirmation.epoch != self._epoch:
            return
        if confirmation.mid == self._status_mid:
            self._status_mid = None
        elif confirmation.mid in self._flying:
            self._flying.discard(confirmation.mid)
        else:
            return  # of a result or a health document
        if confirmation.refused is not None and self.refused is None:
            log.error("broker refuses an alarm or the status", extra=fields(reason=confirmation.refused))
            self.refused = confirmation.refused

    def health(self, document: HealthDocument) -> None:
        """Counters and latencies."""
        self._connection.publish(self._topics.health, _bytes(document), qos=0, retain=True)

    def _result(self, outcome: Outcome, diagnosis: Diagnosis, now_s: float) -> None:
        sensor = outcome.name
        last_s, windows = self._told.get(sensor, (float("-inf"), 0))
        windows += 1
        if self._interval_s is None or now_s - last_s < self._interval_s:
            self._told[sensor] = (last_s, windows)
            return
        self._told[sensor] = (now_s, 0)
        commission = self._renderer.baseline(self._engine.sensors.get(sensor))
        document = result_document(diagnosis, outcome.suppressed_by, windows, self._bundle, commission)
        if self._connection.publish(self._topics.result(sensor), _bytes(document), qos=0) is not None:
            self.results += 1


def result_document(
    diagnosis: Diagnosis,
    suppressed_by: Suppressor | None,
    windows: int,
    bundle: str,
    commission: CommissionDocument | None = None,
) -> ResultDocument:
    """The latest diagnosis of a sensor as it goes out."""
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


def _bytes(document: Frozen) -> bytes:
    return document.model_dump_json().encode()
