"""From the topics that were seen to patterns with names: `plant/{machine}/raw`, and the sensor's id of those names.

A level that varies becomes a name. A pattern never fits a topic of another family, and no two patterns overlap, because
the agent would get a packet twice: where they would, one is split by the value of a level.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.sensor_id import MAX_ID_CHARS, escaped, legal_sensor
from drsn.agent.mqtt.topics import TopicPattern, TopicPatternError, overlap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

NAMES: Final = (("machine",), ("area", "machine"), ("area", "machine", "point"))
"""Names of one, two and three levels that vary; of more they are numbered."""

GENERIC: Final = frozenset({
    "accel", "acceleration", "accelerometer", "adc", "data", "frame", "iot", "json", "measurement", "payload", "plant",
    "raw", "samples", "sensor", "sensors", "stream", "telemetry", "value", "vib", "vibration", "wave", "waveform",
})  # fmt: skip
"""Levels that say what is published rather than by what."""

CHANNEL_CHARS: Final = 8
"""Characters of an id that are kept for the name of a channel."""


@dataclass(frozen=True)
class SensorTopic:
    """Topics of one input of the configuration."""

    topic: str
    """The pattern, with names in braces."""
    sensor: str
    """The template of the sensor's id."""
    topics: tuple[str, ...]
    """The topics that were seen, in order."""
    family: str
    """Which payloads they have; the caller's key."""


def sensor_topics(families: Mapping[str, Iterable[str]], foreign: Iterable[str] = ()) -> list[SensorTopic]:
    """Return the patterns of families of topics, each topic in exactly one of them.

    Args:
        families: key -> topics whose payloads are alike.
        foreign: topics, or filters with +, that no pattern may fit.

    Returns:
        In the order of their topics. A topic that no pattern can name is left out: one that is longer than the agent
        accepts, has an empty last level, or gives no legal id.
    """
    groups: list[tuple[str, tuple[str, ...]]] = []
    for family, topics in families.items():
        by_count: defaultdict[int, set[str]] = defaultdict(set)
        for topic in topics:
            if _nameable(topic):
                by_count[topic.count("/")].add(topic)
        groups += [(family, tuple(sorted(same))) for same in by_count.values()]
    differing = {(family, same[0].count("/")): _varying(same) for family, same in groups}
    groups = _apart(groups, tuple(foreign))
    taken: set[str] = set()
    found: list[SensorTopic] = []
    for family, same in sorted(groups, key=lambda group: group[1]):
        pattern = _named(same)
        sensor = _template(pattern, same, differing[family, pattern.count("/")], taken)
        if sensor is not None:
            found.append(SensorTopic(pattern, sensor, same, family))
    return found


def _nameable(topic: str) -> bool:
    try:
        pattern = TopicPattern(_named((topic,)), "x")
    except TopicPatternError:
        return False
    return len(topic) <= pattern.max_chars


def _varying(topics: Sequence[str]) -> list[int]:
    """Levels that become names: those that vary, and those that a pattern can't hold as plain text."""
    columns = zip(*(topic.split("/") for topic in topics), strict=True)
    return [at for at, values in enumerate(columns) if len(set(values)) > 1 or set("{}") & set(values[0])]


def _filter(topics: Sequence[str]) -> str:
    varying = set(_varying(topics))
    return "/".join("+" if at in varying else level for at, level in enumerate(topics[0].split("/")))


def _apart(groups: list[tuple[str, tuple[str, ...]]], foreign: Collection[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Split groups until no filter overlaps another group's, or a foreign one."""
    waiting, settled = list(groups), list[tuple[str, tuple[str, ...]]]()
    while waiting:
        family, topics = waiting.pop()
        own = _filter(topics)
        clashes = any(overlap(own, other) for other in foreign)
        rivals = [group for group in (*waiting, *settled) if overlap(own, _filter(group[1]))]
        if not clashes and not rivals:
            settled.append((family, topics))
        elif "+" in own.split("/"):
            waiting += [(family, part) for part in _split(topics)]
        else:  # this one is a single topic: the others must give way
            for rival in rivals:
                (waiting if rival in waiting else settled).remove(rival)
                waiting += [(rival[0], part) for part in _split(rival[1])]
            if not clashes:
                settled.append((family, topics))
    return settled


def _split(topics: Sequence[str]) -> list[tuple[str, ...]]:
    """Split by the level with the fewest values, of several the last."""
    varying = _varying(topics)
    if not varying or len(topics) == 1:
        return []
    at = min(varying, key=lambda at: (len({topic.split("/")[at] for topic in topics}), -at))
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for topic in topics:
        parts[topic.split("/")[at]].append(topic)
    return [tuple(part) for part in parts.values()]


def _named(topics: Sequence[str]) -> str:
    varying = _varying(topics)
    names = NAMES[len(varying) - 1] if 0 < len(varying) <= len(NAMES) else [f"level{at + 1}" for at in varying]
    levels = topics[0].split("/")
    for at, name in zip(varying, names, strict=True):
        levels[at] = f"{{{name}}}"
    return "/".join(levels)


def _template(pattern: str, topics: Sequence[str], differing: Sequence[int], taken: set[str]) -> str | None:
    """The first template that gives each topic a legal id of its own; the ids are added to `taken`.

    Args:
        pattern: with names.
        topics: that it fits.
        differing: levels that vary among all topics of the family.
        taken: ids of other patterns.
    """
    levels = [level if level.startswith("{") else escaped(level) for level in pattern.split("/")]
    fixed = [level for level in levels if level and not level.startswith("{")]
    telling = [level for level in fixed if level.lower() not in GENERIC] or fixed
    own = [levels[at] for at in differing]
    names = [level for level in levels if level.startswith("{")]
    bases = [own, [*own, *telling[-1:]], [*own, *fixed[-1:]], [*names, *fixed]]
    if not own:
        last_is_generic = bool(fixed) and fixed[-1].lower() in GENERIC
        bases = [telling[-1:] if last_is_generic or len(fixed) < 3 else telling[-2:], telling[-2:], fixed]
    bases += [[*bases[0], str(number)] for number in range(2, len(taken) + 3)]  # a topic of other depth has the id
    for base in bases:
        for joint in ("-", ".", "_", "~"):
            template = joint.join(base)
            ids = _ids(pattern, template, topics)
            if ids is not None and not ids & taken:
                taken |= ids
                return template
    return None


def _ids(pattern: str, template: str, topics: Sequence[str]) -> set[str] | None:
    """The ids of all topics; None: two are equal, or one is not legal."""
    try:
        made = TopicPattern(pattern, template)
    except TopicPatternError:
        return None
    ids = {made.sensor_of(topic) or "" for topic in topics}
    long = any(len(name) > MAX_ID_CHARS - CHANNEL_CHARS for name in ids)
    return None if len(ids) < len(topics) or long or not all(map(legal_sensor, ids)) else ids
