"""From an MQTT topic to the input that reads it and the id of the sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.continuity import BRIDGED_WINDOWS
from drsn.agent.acquisition.notice import WARNING, Notice, Notices
from drsn.agent.mqtt.sensor_id import MAX_ID_CHARS, legal_sensor

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs import Packet
    from drsn.agent.acquisition.shard import Shard
    from drsn.agent.acquisition.tachometer import Tachometer
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import TopicPattern


class StatefulDecoder(Protocol):
    """A codec whose messages refer to earlier ones."""

    def decode(self, topic: str, payload: bytes, payload_format: PayloadFormat, /) -> Packet | None:
        """The packet; None: the message holds none. Raises `PacketError`."""
        ...


Route = tuple[tuple["Input", str, tuple[str, ...]], ...]
"""Each input that reads a topic, the sensor's id before it is split by channels, and the ids after.

Empty if the sensor belongs to another shard.
"""


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
    decoder: StatefulDecoder | None = None
    """Decodes with what earlier messages contained; None: the codec alone decodes."""
    bridged_windows: float = BRIDGED_WINDOWS
    tachometer: Tachometer | None = None
    """One of the channels; it is no sensor, but gives the speed of the others."""
    shard: Shard | None = None
    """Only the sensors of this shard have a route; None: all have one."""


def sensor_ids(entry: Input, sensor: str) -> tuple[str, ...]:
    """Ids of the sensors of one topic: `<sensor>-<channel>` for each named channel, else the sensor itself."""
    if not entry.channels:
        return (sensor,)
    speed = None if entry.tachometer is None else entry.tachometer.channel
    return tuple([f"{sensor}-{channel}" for channel in entry.channels if channel != speed])


class Router:
    """Finds the input and the sensor of a message, and refuses a message by its topic, its size or its retain flag.

    Args:
        inputs: in order. The first one whose pattern fits a topic reads it, and so do all with the same topic filter.
        max_topics: topics whose route is cached; a flood of topics must not fill the memory.
        notices: takes the warning about two topics with one sensor id.
    """

    def __init__(self, inputs: tuple[Input, ...], max_topics: int, notices: Notices) -> None:
        self._inputs = inputs
        self._max_topics = max_topics * max([entry.shard.count for entry in inputs if entry.shard], default=1)
        self._notices = notices
        self._routes: dict[str, Route] = {}
        self._first_topics: dict[str, str] = {}  # sensor -> the first topic that led to it

    def __len__(self) -> int:
        """Topics whose route is cached."""
        return len(self._routes)

    def route(self, message: Message) -> Route:
        """The inputs that read the message; none if its sensor belongs to another shard.

        Raises:
            PacketError: the message is retained, empty or too large, no input has such a topic, or the topic gives an
                illegal sensor id.
        """
        route = self._routes.get(message.topic)
        if route is None:
            route = self._cached(message.topic)
        if not route:
            return route
        if message.retained or not 0 < len(message.payload) <= route[0][0].max_packet_bytes:
            error = _unusable(message, route[0][0])
            error.sensors = tuple([name for _, _, names in route for name in names])
            raise error
        return route

    def _cached(self, topic: str) -> Route:
        route = self._find(topic)
        if len(self._routes) >= self._max_topics:
            self._routes.clear()
            self._first_topics.clear()
        self._routes[topic] = route
        for entry, sensor, _ in route:
            if entry.decoder is not None:  # it knows which kinds of topics a sensor has
                continue
            first = self._first_topics.setdefault(sensor, topic)
            if first != topic:  # they would look like one sensor that loses packets all the time
                fields = {"sensor": sensor, "topic": topic, "other": first}
                event = "two topics have the same sensor id: change the input's `sensor` template"
                self._notices.add(Notice(WARNING, event, ("shared", sensor), fields))
        return route

    def _find(self, topic: str) -> Route:
        found: list[tuple[Input, str, tuple[str, ...]]] = []
        first: Input | None = None
        for entry in self._inputs:
            if first is not None and entry.pattern.filter != first.pattern.filter:
                continue
            sensor = entry.pattern.sensor_of(topic)
            if sensor is not None:
                first = first or entry
                names = sensor_ids(entry, sensor)
                for name in names:
                    _check_id(name)
                if entry.shard is None or entry.shard.owns(sensor):
                    found.append((entry, sensor, names))
        if first is None:
            raise PacketError(Reason.UNKNOWN_TOPIC, f"no input matches topic {topic[:120]!r}")
        pattern = first.pattern
        if len(topic) > pattern.max_chars:
            raise PacketError(
                Reason.UNKNOWN_TOPIC,
                f"the topic is longer than the {pattern.max_chars} characters that {pattern.topic!r} allows",
            )
        return tuple(found)


def _check_id(name: str) -> None:
    if legal_sensor(name):
        return
    if not name:
        raise PacketError(Reason.ILLEGAL_SENSOR, "the topic level of the sensor's id is empty")
    raise PacketError(
        Reason.ILLEGAL_SENSOR,
        f"sensor id {name[:60]!r} has {len(name)} characters, more than {MAX_ID_CHARS}: use fewer levels in `sensor`",
    )


def _unusable(message: Message, entry: Input) -> PacketError:
    """Why a message cannot be a packet, whatever its bytes mean."""
    if message.retained:
        return PacketError(Reason.RETAINED, "retained packets are old data; publish samples without the retain flag")
    if not message.payload:
        return PacketError(Reason.EMPTY, "the payload is empty")
    return PacketError(
        Reason.TOO_LARGE, f"{len(message.payload)} bytes, more than max_packet_bytes = {entry.max_packet_bytes}"
    )
