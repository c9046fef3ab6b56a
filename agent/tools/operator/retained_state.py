"""The retained documents of a broker. Any client may have written them: a bad document hides no good one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, StringConstraints, ValidationError

from drsn.agent.mqtt.sensor_id import SENSOR_ID, legal_sensor
from drsn.model.errors import BadDataError, excerpt
from drsn.model.suggestion import did_you_mean

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

AgentId = Annotated[str, StringConstraints(pattern=f"^{SENSOR_ID.pattern}$")]

NAMED = 3
"""Bad topics that an error names; the others are counted."""

REASON_CHARS = 80
"""Longest reason why a document is bad."""


class SeenCondition(BaseModel):
    """The fields of a condition that the command line uses; fields of later versions are allowed."""

    condition: str
    label: str
    state: str
    severity: str
    since: str
    event_id: str | None = None
    confidence: float | None = None
    latched: bool = False
    orphaned: bool = False
    suppressed_by: str | None = None
    shelved_until: str | None = None
    acked_by: str | None = None
    false_alarm: str | None = None


class SeenReason(BaseModel):
    """Why a sensor is not watched."""

    reason: str
    remedy: str
    since: str


class SeenSource(SeenReason):
    """A source that is not watched."""

    source: str


class SeenAlarm(BaseModel):
    """The fields of an alarm that the command line uses."""

    agent: AgentId
    epoch: str | None = None
    not_watched: SeenReason | None = None
    conditions: tuple[SeenCondition, ...] = ()


class SeenSummaryEntry(BaseModel):
    """A sensor in a summary of alarms, as the command line uses it."""

    sensor: AgentId
    conditions: tuple[SeenCondition, ...] = ()


class SeenSummary(BaseModel):
    """The fields of a summary of alarms that the command line uses."""

    agent: AgentId
    alarms: tuple[SeenSummaryEntry, ...]
    not_watched: tuple[SeenSource, ...] = ()


class SeenStatus(BaseModel):
    """The fields of a status that the command line uses."""

    state: str
    epoch: str | None = None
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class SeenHealth(BaseModel):
    """The fields of a health document that the command line uses."""

    instance: str | None = None
    uptime_s: float | None = None
    windows: int | None = None
    sensors: int | None = None
    gaps: int | None = None
    lost_samples: int | None = None
    inbox: int | None = None
    unpublished_events: int | None = None
    latency_ms: dict[str, float] = {}
    not_watched: tuple[SeenSource, ...] = ()


class RetainedState:
    """The documents under a prefix; the last one of a topic counts.

    Args:
        prefix: of the agents' topics.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.alarms: dict[str, dict[str, Any]] = {}
        """Sensor -> its alarm, as it came."""
        self.statuses: dict[str, dict[str, Any]] = {}
        """Agent -> its status, as it came."""
        self.summaries: dict[str, dict[str, Any]] = {}
        """Agent -> the summary of its alarms, as it came."""
        self.healths: dict[str, dict[str, Any]] = {}
        """Agent -> its health, as it came."""
        self.malformed: dict[str, str] = {}
        """Topic -> why its document is not one of this version."""
        self.topics: set[str] = set()
        """Topics with a document, of whatever kind."""

    def keep(self, message: Message) -> None:
        """Take a message; an empty payload removes the document: its sensor or agent was removed."""
        (self.topics.add if message.payload else self.topics.discard)(message.topic)
        levels = message.topic.removeprefix(f"{self._prefix}/").split("/")
        if len(levels) == 2 and levels[1] == "alarm" and legal_sensor(levels[0]):  # else the doctor's
            self._put(message, self.alarms, levels[0], SeenAlarm)
        elif len(levels) == 3 and levels[2] == "status" and legal_sensor(levels[1]):
            self._put(message, self.statuses, levels[1], SeenStatus)
        elif len(levels) == 3 and levels[2] == "alarms" and legal_sensor(levels[1]):
            self._put(message, self.summaries, levels[1], SeenSummary)
        elif len(levels) == 3 and levels[2] == "health" and legal_sensor(levels[1]):
            self._put(message, self.healths, levels[1], SeenHealth)

    def add_summaries(self) -> None:
        """Add the alarms that only a summary has, where the broker gives no retained messages to wildcards."""
        for agent, summary in self.summaries.items():
            for entry in summary["alarms"]:
                alarm = {"agent": agent, "epoch": summary.get("epoch"), **entry}
                self.alarms.setdefault(entry["sensor"], alarm)

    def unread_alarms(self, agent: str | None) -> tuple[str, ...]:
        """Topics of alarms that the summary of an agent names and that have not come."""
        summary = self.summaries.get(agent or "", {})
        named = [each["sensor"] for each in summary.get("alarms", ())]
        named += [each["source"] for each in summary.get("not_watched", ()) if legal_sensor(each["source"])]
        return tuple(f"{self._prefix}/{sensor}/alarm" for sensor in dict.fromkeys(named) if sensor not in self.alarms)

    def not_watched(self) -> dict[str, list[dict[str, Any]]]:
        """Agent -> sources that it does not watch, as its health lists them; agents with none are absent."""
        found = {agent: list(health.get("not_watched", ())) for agent, health in self.healths.items()}
        return {agent: sources for agent, sources in found.items() if sources}

    def alarm(self, sensor: str) -> dict[str, Any]:
        """The alarm of a sensor.

        Raises:
            BadDataError: none is retained, or it is not valid.
        """
        self._require_sound(f"{self._prefix}/{sensor}/alarm")
        if sensor not in self.alarms:
            others = ", ".join(sorted(self.alarms)) or "none at all"
            near = did_you_mean(sensor, self.alarms)
            raise BadDataError(f"the broker has no alarm of sensor {sensor!r}; it has {others}{near}")
        return self.alarms[sensor]

    def status(self, agent: str) -> dict[str, Any]:
        """The status of an agent.

        Raises:
            BadDataError: as `alarm`.
        """
        self._require_sound(f"{self._prefix}/_agent/{agent}/status")
        if agent not in self.statuses:
            others = ", ".join(sorted(self.statuses)) or "none at all"
            near = did_you_mean(agent, self.statuses)
            raise BadDataError(f"the broker has no status of agent {agent!r}; it has {others}{near}")
        return self.statuses[agent]

    def require_all_sound(self) -> None:
        """Require that every document is valid; call it after the good ones were shown.

        Raises:
            BadDataError: one line that names the topics of the bad documents.
        """
        if self.malformed:
            named = [f"{topic} ({reason})" for topic, reason in sorted(self.malformed.items())]
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            raise BadDataError(
                f"the broker holds what no agent of this version wrote: {', '.join(named[:NAMED])}{more}; "
                "a client that may publish there can end it, and an empty retained message removes it"
            )

    def _require_sound(self, topic: str) -> None:
        if topic in self.malformed:
            raise BadDataError(f"{topic}: no agent wrote it, not one of this version ({self.malformed[topic]})")

    def _put(self, message: Message, to: dict[str, dict[str, Any]], name: str, kind: type[BaseModel]) -> None:
        to.pop(name, None)
        self.malformed.pop(message.topic, None)
        if not message.payload:
            return
        try:
            kind.model_validate_json(message.payload)
            to[name] = json.loads(message.payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])[:REASON_CHARS]
            self.malformed[message.topic] = f"{where or 'document'}: {first['msg'][:REASON_CHARS]}"
        except (ValueError, RecursionError) as error:  # a number of thousands of digits
            self.malformed[message.topic] = excerpt(error)[:REASON_CHARS]
