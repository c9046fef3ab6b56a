"""From an MQTT topic to the input that reads it and the id of the sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.continuity import BRIDGED_WINDOWS
from drsn.agent.acquisition.notice import WARNING, Notice, Notices
from drsn.agent.mqtt.topics import TopicPattern, legal_sensor

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message


@dataclass(frozen=True, slots=True)
class Input:
    """One family of topics, ready to use."""

    pattern: TopicPattern
    codec: str
    payload_format: PayloadFormat
    sample_rate_hz: float | None
    """Rate of packets that do not carry one."""
    channels: tuple[str, ...]
    """Names of the channels if each channel is a sensor of its own."""
    hop_windows: float
    continuous: bool
    max_packet_bytes: int
    unit: str | None = None
    """Unit of packets that do not carry one."""
    bridged_windows: float = BRIDGED_WINDOWS

    def sensors(self, sensor: str) -> tuple[str, ...]:
        """Ids of the sensors of one topic: `<sensor>-<channel>` for each named channel, else the sensor itself."""
        return tuple([f"{sensor}-{channel}" for channel in self.channels]) if self.channels else (sensor,)


class Router:
    """Finds the input and the sensor of a message, and refuses a message by its topic, its size or its retain flag.

    Args:
        inputs: in order; the first one whose pattern fits a topic reads it.
        max_topics: topics whose route is cached; a flood of topics must not fill the memory.
        notices: takes the warning about two topics with one sensor id.
    """

    def __init__(self, inputs: tuple[Input, ...], max_topics: int, notices: Notices) -> None:
        self._inputs = inputs
        self._max_topics = max_topics
        self._notices = notices
        self._routes: dict[str, tuple[Input, str]] = {}
        self._first_topics: dict[str, str] = {}  # sensor -> the first topic that led to it

    def __len__(self) -> int:
        """Topics whose route is cached."""
        return len(self._routes)

    def route(self, message: Message) -> tuple[Input, str]:
        """The input that reads the message, and the sensor's id (before it is split by channels).

        Raises:
            PacketError: the message is retained, empty or too large, no input has such a topic, or the topic gives an
                illegal sensor id.
        """
        entry, sensor = self._routes.get(message.topic) or self._cached(message.topic)
        if message.retained or not 0 < len(message.payload) <= entry.max_packet_bytes:
            error = _unusable(message, entry)
            error.sensors = entry.sensors(sensor)
            raise error
        return entry, sensor

    def _cached(self, topic: str) -> tuple[Input, str]:
        entry, sensor = self._find(topic)
        if len(self._routes) >= self._max_topics:
            self._routes.clear()
            self._first_topics.clear()
        self._routes[topic] = entry, sensor
        first = self._first_topics.setdefault(sensor, topic)
        if first != topic:  # they would look like one sensor that loses packets all the time
            fields = {"sensor": sensor, "topic": topic, "other": first}
            event = "two topics have the same sensor id; change the input's template to keep them apart"
            self._notices.add(Notice(WARNING, event, ("shared", sensor), fields))
        return entry, sensor

    def _find(self, topic: str) -> tuple[Input, str]:
        for entry in self._inputs:
            sensor = entry.pattern.sensor_of(topic)
            if sensor is None:
                continue
            names = entry.sensors(sensor)
            if not all(legal_sensor(name) for name in names):
                raise PacketError(
                    Reason.ILLEGAL_SENSOR, f"{names[0][:80]!r} is no sensor id ([A-Za-z0-9._~-], at most 64)"
                )
            if len(topic) > entry.pattern.max_chars:
                raise PacketError(
                    Reason.UNKNOWN_TOPIC,
                    f"longer than the {entry.pattern.max_chars} characters of a topic like {entry.pattern.topic!r}",
                )
            return entry, sensor
        raise PacketError(Reason.UNKNOWN_TOPIC, f"no input has a topic like {topic[:120]!r}")


def _unusable(message: Message, entry: Input) -> PacketError:
    """Why a message cannot be a packet, whatever its bytes mean."""
    if message.retained:
        return PacketError(Reason.RETAINED, "a retained packet is old; publish samples without retain")
    if not message.payload:
        return PacketError(Reason.EMPTY, "no bytes")
    return PacketError(Reason.TOO_LARGE, f"{len(message.payload)} bytes, max_packet_bytes is {entry.max_packet_bytes}")
