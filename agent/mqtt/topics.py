"""Topics: the sensor of an input topic, and the topics of the agent's documents."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drsn.agent.mqtt.sensor_id import escaped, legal_sensor, sensor_id
from drsn.agent.mqtt.utf8 import flaw

MAX_REPLY_CHARS = 512
"""Characters of a response topic."""
MAX_REPLY_LEVELS = 16
"""Levels of a response topic below `_reply`."""

MAX_LEVEL_CHARS = 256
"""Characters of a level that a `+` matches, on average over a topic: four times the longest sensor id. MQTT alone
allows 65,535, and Python stores each character in four bytes if one of them is an emoji."""

MAX_TOPIC_CHARS = 65_535
"""Characters of a topic; the limit of MQTT."""

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LEVEL = re.compile(r"[^+#{}\x00-\x1f]+")
_SHARED = re.compile(r"(\$share/[^/+#{}\x00-\x1f]+/)(.+)", re.DOTALL)


class TopicPatternError(ValueError):
    """The pattern can't be subscribed to, or its sensor template uses a name that the pattern lacks."""


class TopicPattern:
    """Topic pattern, for example `plant/{area}/{machine}/raw`: each name in braces stands for one topic level.

    Args:
        topic: the pattern; levels may be empty (`/plant/{m}`), and `$share/GROUP/` may stand before it.
        sensor: template of the sensor id, which uses names of the pattern.

    Raises:
        TopicPatternError: a broker may refuse the topic, a level mixes text and a name, a name repeats, the template
            has an unknown name, or every sensor id from the template would be illegal.
    """

    def __init__(self, topic: str, sensor: str) -> None:
        if (wrong := flaw(topic)) is not None:
            raise TopicPatternError(f"topic {topic[:80]!r}: {wrong}")
        names: list[str] = []
        levels: list[str | None] = []
        share, plain = shared.groups() if (shared := _SHARED.fullmatch(topic)) else ("", topic)
        for level in plain.split("/"):
            if name := _NAME.fullmatch(level):
                names.append(name[1])
                levels.append(None)
            elif (not level and plain.strip("/")) or _LEVEL.fullmatch(level):
                levels.append(level)
            else:
                raise TopicPatternError(f"topic {topic!r}: level {level!r} is neither plain text nor one {{name}}")
        if plain.startswith("$"):
            raise TopicPatternError(f"topic {topic!r}: topics that begin with $ are reserved for the broker")
        if len(set(names)) != len(names):
            raise TopicPatternError(f"topic {topic!r}: a name repeats")
        unknown = set(_NAME.findall(sensor)) - set(names)
        if unknown or "{" in _NAME.sub("", sensor):
            raise TopicPatternError(f"sensor {sensor!r}: {sorted(unknown)} are not in the topic {topic!r}")
        if not legal_sensor(sensor_id(_NAME.sub("x", sensor))):
            raise TopicPatternError(f"sensor {sensor!r}: every id would be illegal ([A-Za-z0-9._~-], one level)")
        self.topic = topic
        own = "/".join("+" if level is None else level for level in levels)
        self.share = share
        """`$share/GROUP/`, or nothing."""
        self.filter = share + own
        """What the broker is asked for."""
        self.max_chars = max_chars(own)
        """Characters of a matching topic; a longer topic belongs to no sensor."""
        self.example = "/".join(level[1:-1] if _NAME.fullmatch(level) else level for level in plain.split("/"))
        """A topic that matches: each name stands for itself."""
        self._names, self._levels, self._sensor = names, levels, sensor

    def sensor_of(self, topic: str) -> str | None:
        """Sensor id of a topic (`mqtt.sensor_id`), which may be too long or empty; None: the topic does not match."""
        levels = topic.split("/")
        if len(levels) != len(self._levels):
            return None
        values = iter(actual for actual, expected in zip(levels, self._levels, strict=True) if expected is None)
        if any(expected not in (None, actual) for actual, expected in zip(levels, self._levels, strict=True)):
            return None
        named = {name: escaped(value) for name, value in zip(self._names, values, strict=True)}
        return sensor_id(_NAME.sub(lambda name: named[name[1]], self._sensor))


def max_chars(topic_filter: str) -> int:
    """Longest topic, in characters, that is accepted for a filter."""
    if topic_filter.endswith("#"):
        return MAX_TOPIC_CHARS
    return len(topic_filter) + (MAX_LEVEL_CHARS - 1) * topic_filter.count("+")


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters, which may contain `+`."""
    left, right = one.split("/"), other.split("/")
    return len(left) == len(right) and all(a == b or "+" in (a, b) for a, b in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of one agent (docs/reference/mqtt.md)."""

    prefix: str
    agent: str

    @property
    def filters(self) -> tuple[str, ...]:
        """Filters that match every topic on which agents with this prefix publish."""
        kinds = ("result", "alarm", "event", "evidence/+", "_agent/+/status", "_agent/+/health", "_agent/+/alarms")
        return tuple(f"{self.prefix}/{kind if kind.startswith('_') else f'+/{kind}'}" for kind in kinds)

    def result(self, sensor: str) -> str:
        """Topic of the latest diagnosis."""
        return f"{self.prefix}/{sensor}/result"

    def alarm(self, sensor: str) -> str:
        """Topic of the alarm state of a sensor; retained."""
        return f"{self.prefix}/{sensor}/alarm"

    @property
    def alarms(self) -> str:
        """Filter of the alarms of all sensors, of all agents with this prefix."""
        return f"{self.prefix}/+/alarm"

    def event(self, sensor: str) -> str:
        """Topic of the events of a sensor."""
        return f"{self.prefix}/{sensor}/event"

    def evidence(self, sensor: str, event_id: str) -> str:
        """Topic of the evidence of an event: its windows."""
        return f"{self.prefix}/{sensor}/evidence/{event_id}"

    @property
    def commands(self) -> str:
        """Filter of all commands to this agent."""
        return f"{self.prefix}/_agent/{self.agent}/cmd/+"

    def command(self, verb: str) -> str:
        """Topic of one command."""
        return f"{self.prefix}/_agent/{self.agent}/cmd/{verb}"

    def reply(self, request_id: str, wanted: str = "") -> str:
        """Topic of an answer: the wanted response topic if `may_answer_on` allows it, else one with the request id."""
        return wanted if self.may_answer_on(wanted) else f"{self.prefix}/_reply/{request_id}"

    def may_answer_on(self, wanted: str) -> bool:
        """Whether a response topic is allowed: printable, under `<prefix>/_reply/`, neither long nor deep.

        mosquitto 2.0.11 passes on a response topic of 300 levels. But it ends the connection of a client that publishes
        to more than 201 levels or to a control character, and that client would be the agent.
        """
        below = f"{self.prefix}/_reply/"
        levels = wanted.removeprefix(below).split("/")
        plain = wanted.isprintable() and len(wanted) <= MAX_REPLY_CHARS and len(levels) <= MAX_REPLY_LEVELS
        return wanted.startswith(below) and plain and all(_LEVEL.fullmatch(level) for level in levels)

    @property
    def status(self) -> str:
        """Topic of the status and of the last will; retained."""
        return f"{self.prefix}/_agent/{self.agent}/status"

    @property
    def summary(self) -> str:
        """Topic of the summary of the agent's alarms; retained."""
        return f"{self.prefix}/_agent/{self.agent}/alarms"

    @property
    def doctor(self) -> str:
        """Topic on which `drsn-agent doctor` tests the permission to publish; never retained."""
        return f"{self.prefix}/_agent/{self.agent}/doctor"

    @property
    def health(self) -> str:
        """Topic of counters and latencies."""
        return f"{self.prefix}/_agent/{self.agent}/health"
