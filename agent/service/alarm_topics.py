"""Alarm documents of all agents under our prefix, from the probe connection's thread to the loop.

The agent subscribes to `<prefix>/+/alarm` for two reasons. Before it has the agent.id, the broker's retained documents
show which sensors an earlier state directory had (`adoption`). Afterwards, the document of another agent on the topic
of one of our sensors shows that two agents read it (`shared_sensors`). All else is dropped unread: a document of our
own costs a search for the agent's id in it, one of another agent's sensor a look into a dictionary. Where a wildcard
gets no retained message, `summary_reader` asks for the alarms by their exact topics.
"""

from __future__ import annotations

import json
import math
from collections import deque
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.service.summary_reader import SummaryReader

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics

READ_S: Final = 5.0
"""Retained documents are waited for so long at most; mosquitto sends 10,000 in a second."""

MAX_READ: Final = 10_000
"""Retained documents of sensors that the journal does not have; more are left where they are."""

MAX_READ_BYTES: Final = 32 << 20
"""Of all of them; an alarm with ten conditions has 6 kB."""

MAX_WAITING: Final = 1000
"""Documents of other agents that wait for the loop; the oldest are dropped, and come again."""

SUFFIX: Final = "/alarm"


class AlarmTopics:
    """Takes the messages of the probe connection.

    Args:
        topics: of the agent.
        statuses: takes the messages that are no alarms: status and health of this agent.id.
        quiet_s: after a pause of this length there are no more retained documents.
    """

    def __init__(self, topics: Topics, statuses: Callable[[Message], None], quiet_s: float) -> None:
        self.own: dict[str, bytes] = {}
        """Sensor -> its retained document, of sensors that the agent does not have; until `begin`."""
        self.others: deque[tuple[str, str]] = deque(maxlen=MAX_WAITING)
        """Sensor of ours, and the id of the agent that published its alarm."""
        self.count = 0
        """Retained alarms that came so far."""
        self.has_status = False
        """The broker retained a status of this agent.id."""
        self._topics, self._statuses, self._summary = topics, statuses, SummaryReader(topics)
        self._mark = f'"agent":"{topics.agent}"'.encode()  # how a document of ours names its agent
        self._sensors: Container[str] = ()
        self._began = False
        self._read_bytes = 0
        self._pause = _Pause(quiet_s)

    @property
    def topic_filter(self) -> str:
        """Filter of the alarms."""
        return self._topics.alarms

    def read_for(self, sensors: Container[str], subscribe: Callable[[tuple[str, ...]], None]) -> None:
        """Set the sensors that the agent has, and what subscribes to more topics."""
        self._sensors, self._summary.subscribe = sensors, subscribe

    def put(self, message: Message) -> None:
        """Take a message; called by the network's thread."""
        prefix = self._topics.prefix
        if message.topic == self._topics.summary:
            message.ack()
            if message.retained and not self._began:
                self._summary.put(message.payload)
            return
        if not message.topic.endswith(SUFFIX):
            self.has_status |= message.retained and message.topic == self._topics.status
            self._statuses(message)
            return
        message.ack()
        self.count += message.retained
        sensor = message.topic[len(prefix) + 1 : -len(SUFFIX)]
        if self._began:
            if not message.retained and sensor in self._sensors:
                self._note_other(sensor, message.payload)
        elif message.retained and sensor not in self._sensors:
            self._read(sensor, message.payload)

    def complete(self, now_s: float) -> bool:
        """Return whether the retained documents have come, as far as a pause shows; `now_s` is monotonic."""
        if not self._pause.complete(self.count, now_s):
            return False
        if self._summary.request(self.own, self._sensors):
            self._pause.begin(now_s)
            return False
        return True

    def begin(self) -> dict[str, bytes]:
        """End the reading: from now on only documents of other agents count. Return what was read."""
        self._began = True
        own, self.own = self.own.copy(), {}  # the network's thread may write to the old one for a moment
        return own

    def _read(self, sensor: str, payload: bytes) -> None:
        if self._mark not in payload or not legal_sensor(sensor):
            self.own.pop(sensor, None)
        elif len(self.own) < MAX_READ and self._read_bytes + len(payload) <= MAX_READ_BYTES:
            self._read_bytes += len(payload)
            self.own[sensor] = payload

    def _note_other(self, sensor: str, payload: bytes) -> None:
        if not payload or self._mark in payload:
            return
        try:
            agent = json.loads(payload)["agent"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if isinstance(agent, str) and legal_sensor(agent) and agent != self._topics.agent:
            self.others.append((sensor, agent))


class _Pause:
    """Detects the end of the retained messages: none came for `quiet_s`, or they have come for `READ_S`."""

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._count, self._since_s, self._first_s = 0, -math.inf, math.inf

    def begin(self, now_s: float) -> None:
        """Wait from now on, at the longest until `READ_S` after the first message."""
        self._since_s, self._first_s = now_s, min(self._first_s, now_s)

    def complete(self, count: int, now_s: float) -> bool:
        """Whether all have come; `count` is their number so far."""
        if count != self._count:
            self._count = count
            self.begin(now_s)
        return now_s - self._first_s >= READ_S or now_s - self._since_s >= self._quiet_s
