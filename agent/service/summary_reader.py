"""Sensors that the retained summary of our alarms names, for brokers that give no retained messages to wildcards.

On RabbitMQ a subscription to `<prefix>/+/alarm` gets no retained alarm. The summary has one exact topic and names the
sensors; the alarm of each is then read by its own topic.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.sensor_id import legal_sensor

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from drsn.agent.mqtt.topics import Topics

MAX_NAMED: Final = 200
"""Sensors that a summary names; ours has at most 150 with an alarm, and 50 that are not watched."""


class SummaryReader:
    """Holds the summary that came last until the alarms which it names are asked for.

    Args:
        topics: of the agent.
    """

    def __init__(self, topics: Topics) -> None:
        self.subscribe: Callable[[tuple[str, ...]], None] = lambda _filters: None
        """Subscribes the probe connection to more topics."""
        self._topics = topics
        self._sensors: tuple[str, ...] = ()

    def put(self, payload: bytes) -> None:
        """Take a retained summary; called by the network's thread."""
        self._sensors = _sensors_of(payload, self._topics.agent)

    def request(self, *known: Container[str]) -> bool:
        """Subscribe to the alarms of the sensors that none of `known` has, once for each summary; False: none."""
        sensors, self._sensors = self._sensors, ()
        unread = tuple(self._topics.alarm(each) for each in sensors if not any(each in names for names in known))
        if unread:
            self.subscribe(unread)
        return bool(unread)


def _sensors_of(summary: bytes, agent: str) -> tuple[str, ...]:
    """The sensors that a summary of alarms names; none if it is not valid, or of another agent."""
    try:
        document = json.loads(summary)
        found = [each["sensor"] for each in document["alarms"]] + [each["source"] for each in document["not_watched"]]
        found = found if document["agent"] == agent else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    legal = [each for each in found[:MAX_NAMED] if isinstance(each, str) and legal_sensor(each)]
    return tuple(dict.fromkeys(legal))
