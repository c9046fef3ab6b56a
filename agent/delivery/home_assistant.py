"""Publishes the discovery documents of Home Assistant, retained: one for the agent, one for each sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.schema.home_assistant import agent_device, discovery_topic, sensor_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.documents import AlarmDocument
    from drsn.agent.schema.home_assistant import Origin

IN_FLIGHT: Final = 8
"""Unconfirmed documents."""


class BirthMessages:
    """Notes that Home Assistant has started: it publishes `online` on the topic `PREFIX/status`.

    Args:
        prefix: Home Assistant's discovery prefix.
        wake: ends the loop's wait for packets.
    """

    def __init__(self, prefix: str, wake: Callable[[], None]) -> None:
        self.prefix = prefix
        self.topic = f"{prefix}/status"
        self._wake, self._came = wake, False

    def put(self, message: Message) -> bool:
        """Note a message; called by the network's thread. False: it is not from Home Assistant."""
        if message.topic != self.topic:
            return False
        message.ack()
        if message.payload == b"online":
            self._came = True
            self._wake()
        return True

    def take(self) -> bool:
        """Whether Home Assistant has started since the last call."""
        came, self._came = self._came, False
        return came


class HomeAssistantPublisher:
    """Discovery documents at QoS 1, retained. They follow the alarm documents, which they are made of.

    Args:
        connection: the control connection.
        origin: the agent.
        births: of Home Assistant; after each of them everything is published again.
        has_velocity: sensor -> whether its vibration velocity is measured.
    """

    def __init__(
        self,
        connection: Transport,
        origin: Origin,
        births: BirthMessages,
        has_velocity: Callable[[str], bool],
    ) -> None:
        self._connection, self._origin, self._births, self._has_velocity = connection, origin, births, has_velocity
        self._published: dict[str, bytes] = {}  # topic -> the document that the broker got last
        self._waiting: dict[str, bytes] = {}  # topic -> its document, in order; empty: it is removed
        self._in_flight: set[int] = set()  # message ids

    @property
    def idle(self) -> bool:
        """The broker has confirmed every document."""
        return not self._waiting and not self._in_flight

    def restart(self) -> None:
        """Publish everything again, on a new connection."""
        self._in_flight.clear()
        self._again()

    def note(self, sensor: str, alarm: AlarmDocument | None) -> None:
        """Note that a sensor's alarm document was published; None: it was deleted, and its device is removed."""
        topic = discovery_topic(self._births.prefix, self._origin.topics.agent, sensor)
        if alarm is None:
            self._waiting[topic] = b""
            return
        document = sensor_device(self._origin, alarm, velocity=self._has_velocity(sensor))
        if self._waiting.get(topic, self._published.get(topic)) != document:
            self._waiting[topic] = document

    def pump(self) -> None:
        """Send the documents that are out of date; never blocks."""
        if self._births.take():
            self._again()
        while self._waiting and len(self._in_flight) < IN_FLIGHT and self._connection.connected:
            topic, document = next(iter(self._waiting.items()))
            mid = self._connection.publish(topic, document, qos=1, retain=True)
            if mid is None:
                return
            self._in_flight.add(mid)
            del self._waiting[topic]
            if document:
                self._published[topic] = document
            else:
                self._published.pop(topic, None)

    def confirm(self, mid: int) -> bool:
        """Note the broker's answer to a document; False: the message id is not a document's."""
        if mid not in self._in_flight:
            return False
        self._in_flight.discard(mid)
        return True

    def _again(self) -> None:
        own = {discovery_topic(self._births.prefix, self._origin.topics.agent): agent_device(self._origin)}
        self._waiting = {**own, **self._published, **self._waiting}
