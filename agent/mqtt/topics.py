"""Topics: which sensor a packet comes from, and where the agent's documents go."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drsn.agent.mqtt.utf8 import flaw

SENSOR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
MAX_REPLY_CHARS, MAX_REPLY_LEVELS = 512, 16
"""Of a response topic, and of what stands below `_reply` in it."""

MAX_LEVEL_CHARS = 256
"""Of a level that a `+` stands for, on the average of a topic: four times the longest sensor id. MQTT alone allows
65,535, and Python keeps each of them in four bytes if one is an emoji."""

MAX_TOPIC_CHARS = 65_535
"""MQTT's own limit."""

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LEVEL = re.compile(r"[^+#{}\x00-\x1f]+")


class TopicPatternError(ValueError):
    """The pattern can't be subscribed to, or its sensor template names what the pattern lacks."""


class TopicPattern:
    """`plant/{area}/{machine}/raw`: each name in braces is one topic level.

    Args:
        topic: the pattern.
        sensor: template of the sensor's id, with the pattern's names.

    Raises:
        TopicPatternError: no broker need take it, a level mixes text and a name, a name repeats, or the template's
            names are unknown, or no id that it gives could be legal.
    """

    def __init__(self, topic: str, sensor: str) -> None:
        if (wrong := flaw(topic)) is not None:
            raise TopicPatternError(f"topic {topic[:80]!r}: {wrong}")
        names: list[str] = []
        levels: list[str | None] = []
        for level in topic.split("/"):
            if name := _NAME.fullmatch(level):
                names.append(name[1])
                levels.append(None)
            elif level and _LEVEL.fullmatch(level):
                levels.append(level)
            else:
                raise TopicPatternError(f"topic {topic!r}: level {level!r} is neither plain text nor one {{name}}")
        if topic.startswith("$"):
            raise TopicPatternError(f"topic {topic!r}: what begins with $ is the broker's own")
        if len(set(names)) != len(names):
            raise TopicPatternError(f"topic {topic!r}: a name repeats")
        unknown = set(_NAME.findall(sensor)) - set(names)
        if unknown or "{" in _NAME.sub("", sensor):
            raise TopicPatternError(f"sensor {sensor!r}: {sorted(unknown)} are not in the topic {topic!r}")
        if not legal_sensor(_NAME.sub("x", sensor)):
            raise TopicPatternError(f"sensor {sensor!r}: no id that it gives is legal ([A-Za-z0-9._~-], one level)")
        self.topic = topic
        self.filter = "/".join("+" if level is None else level for level in levels)
        self.max_chars = max_chars(self.filter)
        """Of a topic; a longer one is a stranger's."""
        self._names, self._levels, self._sensor = names, levels, sensor

    def sensor_of(self, topic: str) -> str | None:
        """The sensor's id, legal or not; None when the topic is of another form."""
        levels = topic.split("/")
        if len(levels) != len(self._levels):
            return None
        values = iter(actual for actual, expected in zip(levels, self._levels, strict=True) if expected is None)
        if any(expected not in (None, actual) for actual, expected in zip(levels, self._levels, strict=True)):
            return None
        named = dict(zip(self._names, values, strict=True))
        return _NAME.sub(lambda name: named[name[1]], self._sensor)


def legal_sensor(sensor: str) -> bool:
    """Whether an id is one plain topic level of at most 64 characters."""
    return SENSOR_ID.fullmatch(sensor) is not None


def max_chars(topic_filter: str) -> int:
    """Of the topics that are taken in under a filter."""
    if topic_filter.endswith("#"):
        return MAX_TOPIC_CHARS
    return len(topic_filter) + (MAX_LEVEL_CHARS - 1) * topic_filter.count("+")


def overlap(one: str, other: str) -> bool:
    """Whether some topic fits both filters (levels and +)."""
    left, right = one.split("/"), other.split("/")
    return len(left) == len(right) and all(a == b or "+" in (a, b) for a, b in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the agent publishes (docs/mqtt.md)."""

    prefix: str
    agent: str

    @property
    def filters(self) -> tuple[str, ...]:
        """Filters that together cover all that agents with this prefix publish."""
        kinds = ("result", "alarm", "event", "evidence/+", "_agent/+/status", "_agent/+/health")
        return tuple(f"{self.prefix}/{kind if kind.startswith('_') else f'+/{kind}'}" for kind in kinds)

    def result(self, sensor: str) -> str:
        """Latest diagnosis."""
        return f"{self.prefix}/{sensor}/result"

    def alarm(self, sensor: str) -> str:
        """Retained state of the whole sensor."""
        return f"{self.prefix}/{sensor}/alarm"

    def event(self, sensor: str) -> str:
        """One event."""
        return f"{self.prefix}/{sensor}/event"

    def evidence(self, sensor: str, event_id: str) -> str:
        """The windows behind an event."""
        return f"{self.prefix}/{sensor}/evidence/{event_id}"

    @property
    def commands(self) -> str:
        """Filter of what people and programs command."""
        return f"{self.prefix}/_agent/{self.agent}/cmd/+"

    def command(self, verb: str) -> str:
        """One verb."""
        return f"{self.prefix}/_agent/{self.agent}/cmd/{verb}"

    def reply(self, request_id: str, wanted: str = "") -> str:
        """Where the answer goes: as wanted, if that is a plain topic under `<prefix>/_reply/`; else by request.

        Neither long nor deep, and printable: mosquitto 2.0.11 hands on a response topic of 300 levels, but ends the
        connection of whoever publishes to more than 201, or to a control character, and that would be the agent's.
        """
        return wanted if self.may_answer_on(wanted) else f"{self.prefix}/_reply/{request_id}"

    def may_answer_on(self, wanted: str) -> bool:
        """Whether a response topic is honoured."""
        below = f"{self.prefix}/_reply/"
        levels = wanted.removeprefix(below).split("/")
        plain = wanted.isprintable() and len(wanted) <= MAX_REPLY_CHARS and len(levels) <= MAX_REPLY_LEVELS
        return wanted.startswith(below) and plain and all(_LEVEL.fullmatch(level) for level in levels)

    @property
    def status(self) -> str:
        """Retained; the last will too."""
        return f"{self.prefix}/_agent/{self.agent}/status"

    @property
    def doctor(self) -> str:
        """Where `drsn-agent doctor` tries whether it may publish; never retained."""
        return f"{self.prefix}/_agent/{self.agent}/doctor"

    @property
    def health(self) -> str:
        """Counters and latencies."""
        return f"{self.prefix}/_agent/{self.agent}/health"
