"""Publishes the retained alarm of each sensor whose alarm state has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.not_watched import NotWatched
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.documents import AlarmDocument
    from drsn.agent.schema.render import Renderer

ALARMS_IN_FLIGHT = 8
"""Unconfirmed alarms. A sensor that changes meanwhile is published once more, with its latest state only."""


class AlarmPublisher:
    """Retained alarms, at QoS 1.

    Args:
        connection: the control connection.
        topics: of the alarms.
        engine: has the alarm states.
        renderer: makes their documents.
        max_in_flight: unconfirmed alarms.
        on_published: called with each sensor and the document that was published; None: it was deleted.
        not_watched: sensor -> why it is not watched; None: it is.
    """

    def __init__(
        self,
        connection: Transport,
        topics: Topics,
        engine: AlarmEngine,
        renderer: Renderer,
        max_in_flight: int,
        on_published: Callable[[str, AlarmDocument | None], None],
        not_watched: Callable[[str], NotWatched | None] = lambda _sensor: None,
    ) -> None:
        self.catching_up = False
        """The connection is new, and not every sensor's alarm was published on it."""
        self._connection, self._topics, self._max_in_flight = connection, topics, max_in_flight
        self._engine, self._renderer = engine, renderer
        self._on_published, self._not_watched = on_published, not_watched
        self._changed: dict[str, None] = {}  # sensors whose retained alarm is out of date, in order
        self._in_flight: set[int] = set()  # message ids

    @property
    def idle(self) -> bool:
        """The broker has confirmed every sensor's latest alarm."""
        return not self._changed and not self._in_flight

    def restart(self) -> None:
        """Publish every sensor's alarm again, on a new connection."""
        self._in_flight.clear()
        self._changed = dict.fromkeys((*self._engine.sensors, *self._engine.forgotten))
        self.catching_up = True

    def mark_changed(self, sensor: str) -> None:
        """Publish a sensor's alarm with the next `pump`."""
        self._changed[sensor] = None

    def pump(self) -> None:
        """Send the alarms that are out of date, up to `max_in_flight`; never blocks."""
        while self._changed and len(self._in_flight) < self._max_in_flight and self._connection.connected:
            sensor = next(iter(self._changed))
            # Without its counters, which no alarm holds. None: an empty payload deletes the retained alarm.
            state = self._engine.sensors.cold_of(sensor)
            document = None if state is None else self._renderer.alarm(sensor, state, self._not_watched(sensor))
            payload = b"" if document is None else document.model_dump_json().encode()
            mid = self._connection.publish(self._topics.alarm(sensor), payload, qos=1, retain=True)
            if mid is None:
                return
            self._in_flight.add(mid)
            del self._changed[sensor]
            self._on_published(sensor, document)
        self.catching_up = self.catching_up and bool(self._changed)

    def confirm(self, mid: int) -> bool:
        """Note the broker's answer to an alarm; False: the message id is not an alarm's."""
        if mid not in self._in_flight:
            return False
        self._in_flight.discard(mid)
        return True
