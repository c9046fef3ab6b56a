"""What the documents under a prefix come to: documents in, updates out. It reads no clock and no network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError

from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.tools.live.event_sequence import EventSequence, Stream
from drsn.agent.tools.operator.retained_state import AgentId, RetainedState, SeenCondition, SeenHealth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.mqtt.message import Message

MAX_SENSORS: Final = 20_000
"""Sensors whose results are kept; any client of the broker may publish under the prefix."""


class SeenEvent(SeenCondition):
    """The fields of an event that the commands use; fields of later versions are allowed."""

    agent: AgentId
    epoch: str
    sensor: AgentId
    seq: int = Field(ge=1, le=2**63 - 1)
    event_id: str
    decided_at: str = ""


class SeenResult(BaseModel):
    """The fields of a result that the commands use."""

    sensor: AgentId
    condition: str
    label: str
    confidence: float
    windows: int = 1
    rms: float | None = None
    unit: str | None = None
    velocity_rms_mm_s: float | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """What a message has changed."""

    kind: Literal["event", "missed", "current", "agent"]
    """`event`: has just come; `missed`: came late, from the agent's journal; `current`: a condition that stands, of a
    sensor that was not known before; `agent`: a status has another state."""
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TimedResult:
    """The last result of a sensor."""

    document: dict[str, Any]
    """As it came; the fields of `SeenResult` are valid."""
    received_s: float
    """Monotonic."""
    windows_per_s: float | None
    """Since the result before it; None: this is the first."""


class LiveState:
    """All agents and sensors under a prefix.

    Args:
        prefix: of the agents' topics.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.retained = RetainedState(prefix)
        """Alarms, statuses, summaries and healths."""
        self.results: dict[str, TimedResult] = {}
        """Sensor -> its last result."""
        self.health_s: dict[str, float] = {}
        """Agent -> when its last health came, monotonic."""
        self.windows_per_s: dict[str, float] = {}
        """Agent -> between its last two healths."""
        self.events = EventSequence()
        self.malformed_events = 0
        """Events and results that no agent of this version wrote."""
        self._states: dict[str, str] = {}  # agent -> state of its last status

    @property
    def filters(self) -> tuple[str, ...]:
        """Topic filters that it needs."""
        kinds = ("+/alarm", "+/event", "_agent/+/status", "_agent/+/health", "_agent/+/alarms")
        return tuple(f"{self.prefix}/{kind}" for kind in kinds)

    @property
    def result_filter(self) -> str:
        """Topic filter of the results."""
        return f"{self.prefix}/+/result"

    def take(self, message: Message) -> list[Update]:
        """Take a message of any topic under the prefix."""
        levels = message.topic.removeprefix(f"{self.prefix}/").split("/")
        if levels[0] == "_agent" and len(levels) == 3:
            return self._of_agent(message, levels[1], levels[2])
        if len(levels) != 2 or not legal_sensor(levels[0]):
            return []
        if levels[1] == "event":
            return self._event(message.payload, "event")
        if levels[1] == "result":
            self._result(message)
        elif levels[1] == "alarm":
            self.retained.keep(message)
            return list(self._alarm(levels[0]))
        return []

    def missed(self, events: list[dict[str, Any]]) -> list[Update]:
        """Take events that were asked for; those that came before are left out."""
        return [update for event in events for update in self._event(json.dumps(event).encode(), "missed")]

    def _of_agent(self, message: Message, agent: str, kind: str) -> list[Update]:
        before = self.retained.healths.get(agent)
        self.retained.keep(message)
        if kind == "health" and (health := self.retained.healths.get(agent)) is not None:
            self.health_s[agent] = message.received_s
            if before is not None and (rate := _windows_per_s(before, health)) is not None:
                self.windows_per_s[agent] = rate
        status = self.retained.statuses.get(agent)
        state = status["state"] if status else "unknown"
        if kind != "status" or self._states.get(agent) == state:
            return []
        self._states[agent] = state
        return [Update("agent", {"agent": agent, "state": state})]

    def _alarm(self, sensor: str) -> Iterator[Update]:
        """The conditions of a sensor that was not known; of a known one the events tell more."""
        alarm = self.retained.alarms.get(sensor)
        if alarm is None or not isinstance(seq := alarm.get("seq", 0), int) or not isinstance(alarm.get("epoch"), str):
            return
        stream = Stream(alarm["agent"], alarm["epoch"], sensor)
        known = self.events.is_known(stream)
        self.events.folded(stream, seq)
        if not known:
            more = {"sensor": sensor, "agent": stream.agent, "epoch": stream.epoch}
            yield from (Update("current", {**more, **each}) for each in alarm.get("conditions", ()))

    def _event(self, payload: bytes, kind: Literal["event", "missed"]) -> list[Update]:
        try:
            seen = SeenEvent.model_validate_json(payload)
            document = json.loads(payload)
        except (ValidationError, ValueError, RecursionError):
            self.malformed_events += 1
            return []
        new = self.events.take(Stream(seen.agent, seen.epoch, seen.sensor), seen.seq)
        return [Update(kind, document)] if new else []

    def _result(self, message: Message) -> None:
        try:
            seen = SeenResult.model_validate_json(message.payload)
            document = {**json.loads(message.payload), **seen.model_dump()}
        except (ValidationError, ValueError, RecursionError):
            self.malformed_events += 1
            return
        before = self.results.get(seen.sensor)
        if before is None and len(self.results) >= MAX_SENSORS:
            return
        pause_s = 0.0 if before is None else message.received_s - before.received_s
        rate = seen.windows / pause_s if pause_s > 0 else None
        self.results[seen.sensor] = TimedResult(document, message.received_s, rate)


def _windows_per_s(before: dict[str, Any], after: dict[str, Any]) -> float | None:
    """Windows a second between two healths of one run; None: that cannot be told."""
    old, new = SeenHealth.model_validate(before), SeenHealth.model_validate(after)
    if old.instance != new.instance or old.uptime_s is None or new.uptime_s is None or new.uptime_s <= old.uptime_s:
        return None
    if old.windows is None or new.windows is None or new.windows < old.windows:
        return None
    return (new.windows - old.windows) / (new.uptime_s - old.uptime_s)
