"""The core's centre: diagnoses in, alarm states and events out, for all sensors of one agent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.alarms import Change, Policy, Sensor, State, step
from drsn.agent.diagnosis import UNKNOWN, Diagnosis
from drsn.agent.documents import AlarmDocument, BundleReference, ConditionDocument, EventDocument, iso_utc
from drsn.model.contract import NORMAL, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.alarms import Condition
    from drsn.model.contract import ModelContract

EVENT_NAMESPACE = uuid.UUID("5c1a3f0e-7d0b-5c55-9f5a-d7253e0e0001")
"""Of `event_id`, a UUIDv5 of agent, epoch, sensor and seq: a replay gives the same ids."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks: the agent, its store's epoch and its model."""

    agent: str
    epoch: str
    bundle: BundleReference


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one window led to."""

    diagnosis: Diagnosis
    sensor: Sensor
    events: tuple[EventDocument, ...]


class Pipeline:
    """Feeds diagnoses to the alarm states of their sensors.

    Args:
        contract: whose conditions are judged.
        identity: stands in every document.
        policy_of: sensor id -> when to raise and clear.
        sensors: the states of an earlier run.
    """

    def __init__(
        self,
        contract: ModelContract,
        identity: Identity,
        policy_of: Callable[[str], Policy],
        sensors: Mapping[str, Sensor] | None = None,
    ) -> None:
        self._conditions = (*(name for name in contract.conditions if name != NORMAL), UNKNOWN)
        self._severities = {name: contract.severity_of(name) for name in contract.conditions}
        self._identity = identity
        self._policy_of = policy_of
        self._policies: dict[str, Policy] = {}
        self.sensors: dict[str, Sensor] = dict(sensors or {})

    def feed(self, diagnosis: Diagnosis, now_unix_ns: int) -> Outcome:
        """Let one window vote and say what followed."""
        name = diagnosis.reading.sensor
        policy = self._policies.get(name) or self._policies.setdefault(name, self._policy_of(name))
        before = self._known(name)
        after, changes = step(before, diagnosis, policy, now_unix_ns)
        self.sensors[name] = after
        return Outcome(diagnosis, after, tuple(self._event(name, change) for change in changes))

    def alarm(self, name: str) -> AlarmDocument:
        """The retained document of a sensor as it stands.

        Raises:
            KeyError: no window of this sensor was ever diagnosed.
        """
        sensor = self.sensors[name]
        standing = [(self._urgency(key, c), self._document(name, key, c)) for key, c in sensor.standing.items()]
        documents = tuple(document for _, document in sorted(standing, key=lambda pair: pair[0]))
        top = documents[0].model_dump() if documents else {"state": State.NORMAL}
        who = self._identity
        return AlarmDocument(
            agent=who.agent,
            epoch=who.epoch,
            sensor=name,
            seq=sensor.seq,
            bundle=who.bundle,
            conditions=documents,
            **top,
        )

    def _known(self, name: str) -> Sensor:
        """The sensor's state, with every condition of the present bundle in it."""
        sensor = self.sensors.get(name)
        if sensor is None:
            return Sensor.new(self._conditions)
        missing = [key for key in self._conditions if key not in sensor.conditions]
        # Conditions that a new bundle no longer has stay, and clear by votes like any other.
        return Sensor({**sensor.conditions, **Sensor.new(missing).conditions}, sensor.seq) if missing else sensor

    def _severity(self, condition: str) -> Severity:
        return self._severities.get(condition, Severity.MINOR)

    def _urgency(self, name: str, condition: Condition) -> tuple[bool, bool, int, int]:
        """Machine conditions first, then unacknowledged, then by severity, then the oldest."""
        acked = condition.state is State.ACTIVE_ACKED
        return (name == UNKNOWN, acked, -self._severity(name).rank, condition.since_unix_ns)

    def _document(self, sensor: str, name: str, condition: Condition) -> ConditionDocument:
        return ConditionDocument(
            condition=name,
            label=condition.label,
            event_id=self.event_id(sensor, condition.seq),
            state=condition.state,
            active=condition.state.active,
            acked=condition.state is State.ACTIVE_ACKED,
            severity=self._severity(name),
            since=iso_utc(condition.since_unix_ns),
            decided_at=iso_utc(condition.decided_unix_ns),
            clock_synced=condition.clock_synced,
            confidence=condition.confidence,
            votes=condition.count,
            of=condition.of,
            window_label=condition.window_label,
        )

    def _event(self, sensor: str, change: Change) -> EventDocument:
        who = self._identity
        body = self._document(sensor, change.name, change.condition).model_dump()
        return EventDocument(
            agent=who.agent,
            epoch=who.epoch,
            sensor=sensor,
            seq=change.condition.seq,
            bundle=who.bundle,
            **body,
        )

    def event_id(self, sensor: str, seq: int) -> str:
        """UUIDv5 of (agent, epoch, sensor, seq)."""
        return str(uuid.uuid5(EVENT_NAMESPACE, f"{self._identity.agent}/{self._identity.epoch}/{sensor}/{seq}"))
