"""Publishes the summary of an agent's alarms, retained, when something in it has changed; at most once a second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from drsn.agent.schema.alarm_summary import MAX_SOURCES, summary_of
from drsn.agent.schema.not_watched import NotWatchedSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drsn.agent.acquisition.not_watched import NotWatched
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.documents import AlarmDocument
    from drsn.agent.schema.render import Renderer

EVERY_S: Final = 1.0


class SummaryPublisher:
    """The retained summary, at QoS 1. It is made of the alarm documents that were published, so it follows them.

    Args:
        connection: the control connection.
        topics: of the documents.
        engine: has the sensors.
        renderer: has the identity of the agent.
        not_watched: the sources that are not watched, and the number of all of them; the same object as long as they
            are the same.
        every_s: shortest time between two documents.
    """

    def __init__(
        self,
        connection: Transport,
        topics: Topics,
        engine: AlarmEngine,
        renderer: Renderer,
        not_watched: Callable[[], tuple[Sequence[NotWatched], int]],
        every_s: float = EVERY_S,
    ) -> None:
        self._connection, self._topic = connection, topics.summary
        self._engine, self._renderer, self._not_watched, self._every_s = engine, renderer, not_watched, every_s
        self._standing: dict[str, AlarmDocument] = {}  # sensor -> its alarm document; only those with conditions
        self._last_sources: tuple[Sequence[NotWatched], int] = ((), 0)
        self._sensors = 0  # in the last document
        self._changed = False
        self._due_s = -math.inf
        self._mid: int | None = None  # message id of the unconfirmed document

    @property
    def idle(self) -> bool:
        """The broker has confirmed the last document."""
        return self._mid is None

    def restart(self) -> None:
        """Publish again, on a new connection."""
        self._mid, self._changed, self._due_s = None, True, -math.inf

    def note(self, sensor: str, alarm: AlarmDocument | None) -> None:
        """Note that a sensor's alarm document was published; None: it was deleted."""
        if alarm is None or not alarm.conditions:
            self._changed |= self._standing.pop(sensor, None) is not None
        elif alarm != self._standing.get(sensor):
            self._standing[sensor] = alarm
            self._changed = True

    def pump(self, now_s: float, *, now: bool = False) -> None:
        """Publish the document if it has changed; never blocks.

        Args:
            now_s: monotonic.
            now: also within a second of the last one.
        """
        if (now_s < self._due_s and not now) or self._mid is not None or not self._connection.connected:
            return
        sources = self._not_watched()
        if not self._changed and sources == self._last_sources and len(self._engine.sensors) == self._sensors:
            return
        self._last_sources, self._sensors, self._due_s = sources, len(self._engine.sensors), now_s + self._every_s
        listed = NotWatchedSource.of_all(sources[0][:MAX_SOURCES])
        document = summary_of(self._renderer.identity, self._sensors, self._standing.values(), listed, sources[1])
        self._mid = self._connection.publish(self._topic, document.model_dump_json().encode(), qos=1, retain=True)
        self._changed = self._mid is None

    def confirm(self, mid: int) -> bool:
        """Note the broker's answer to the document; False: the message id is not the document's."""
        if mid != self._mid:
            return False
        self._mid = None
        return True
