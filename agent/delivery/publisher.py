"""Publishes status, health, retained alarms and results; events go by the outbox."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.delivery.alarm_publisher import ALARMS_IN_FLIGHT, AlarmPublisher
from drsn.agent.delivery.result_publisher import ResultPublisher
from drsn.agent.delivery.summary_publisher import SummaryPublisher
from drsn.agent.delivery.watch_view import ALL_WATCHED, WatchView
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.delivery.home_assistant import HomeAssistantPublisher
    from drsn.agent.mqtt.message import Confirmation
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
    from drsn.agent.schema.documents import AlarmDocument
    from drsn.agent.schema.render import Renderer

log = logging.getLogger(__name__)


class Publisher:
    """Status and health, and the publishers of alarms and results.

    Args:
        connection: the control connection.
        topics: of the documents.
        engine: has the alarm states.
        renderer: makes their documents.
        bundle: short name of the bundle, for results.
        results_per_s: maximum for each sensor; 0: no results.
        alarms_in_flight: unconfirmed alarms.
        watch: which sensors and sources are not watched.
    """

    def __init__(
        self,
        connection: Transport,
        topics: Topics,
        engine: AlarmEngine,
        renderer: Renderer,
        bundle: str,
        results_per_s: float,
        alarms_in_flight: int = ALARMS_IN_FLIGHT,
        watch: WatchView = ALL_WATCHED,
    ) -> None:
        self.refused: str | None = None
        """The broker's reason for refusing an alarm or the status on this connection."""
        self._connection, self._topics = connection, topics
        self._summary = SummaryPublisher(connection, topics, engine, renderer, watch.sources)
        self.home_assistant: HomeAssistantPublisher | None = None
        """Its discovery documents; None: it is not enabled."""
        self._alarms = AlarmPublisher(
            connection, topics, engine, renderer, alarms_in_flight, self._note_published, watch.of
        )
        self._results = ResultPublisher(connection, topics, renderer, bundle, results_per_s)
        self._epoch = 0  # of the connection
        self._status: StatusDocument | None = None
        self._status_mid: int | None = None  # message id of the unconfirmed status

    @property
    def idle(self) -> bool:
        """The broker has confirmed the status, every sensor's latest alarm, and the last summary."""
        discovered = self.home_assistant is None or self.home_assistant.idle
        return self._alarms.idle and self._status_mid is None and self._summary.idle and discovered

    @property
    def catching_up(self) -> bool:
        """The connection is new, and not every sensor's alarm was published on it."""
        return self._alarms.catching_up

    @property
    def results(self) -> int:
        """Results that were published."""
        return self._results.published

    def refresh(self, status: StatusDocument, *, again: bool = False) -> None:
        """Publish the status if it is new, or if `again`; on a new connection all alarms too, with the next `pump`."""
        connection, epoch = self._connection, self._connection.epoch
        if not connection.connected:
            return
        if epoch != self._epoch:
            self._epoch, self._status, self.refused = epoch, None, None
            self._alarms.restart()
            self._summary.restart()
            if self.home_assistant is not None:
                self.home_assistant.restart()
        if again or (status is not self._status and status != self._status):
            payload = status.model_dump_json().encode()
            self._status_mid = connection.publish(self._topics.status, payload, qos=1, retain=True)
            self._status = status if self._status_mid is not None else None

    def add_results(self, decisions: Decisions, now_s: float) -> None:
        """Make the results of a batch, which the next `outcomes` publishes; `now_s` is monotonic."""
        self._results.add(decisions, now_s)

    def outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Publish the results that wait now, and the changed alarms with the next `pump`; all of it is committed."""
        for outcome in outcomes:
            self._alarms.mark_changed(outcome.name)
        self._results.release()

    def alarm_changed(self, sensor: str) -> None:
        """Publish a sensor's alarm again with the next `pump`; the sensor has one."""
        self._alarms.mark_changed(sensor)

    def pump(self, now_s: float, *, stopped: bool = False) -> None:
        """Send the alarms that are out of date, and after them their summary; never blocks.

        Args:
            now_s: monotonic.
            stopped: the agent ends: the summary does not wait for its next second.
        """
        self._alarms.pump()
        if not self._alarms.catching_up:
            self._summary.pump(now_s, now=stopped)
            if self.home_assistant is not None:
                self.home_assistant.pump()

    def note(self, confirmation: Confirmation) -> None:
        """Note the broker's answer to a publish."""
        if confirmation.epoch != self._epoch:
            return
        if confirmation.mid == self._status_mid:
            self._status_mid = None
        elif self.home_assistant is not None and self.home_assistant.confirm(confirmation.mid):
            self._note_refused_discovery(confirmation)
            return
        elif not (self._alarms.confirm(confirmation.mid) or self._summary.confirm(confirmation.mid)):
            return  # it is for a result or a health document
        if confirmation.refused is not None and self.refused is None:
            log.error("broker refuses an alarm or the status", extra=fields(reason=confirmation.refused))
            self.refused = confirmation.refused

    def health(self, document: HealthDocument) -> None:
        """Publish a health document, retained."""
        self._connection.publish(self._topics.health, document.model_dump_json().encode(), qos=0, retain=True)

    def _note_published(self, sensor: str, alarm: AlarmDocument | None) -> None:
        self._summary.note(sensor, alarm)
        if self.home_assistant is not None:
            self.home_assistant.note(sensor, alarm)

    def _note_refused_discovery(self, confirmation: Confirmation) -> None:
        """A refused discovery document does no harm to the alarms, so the agent is not degraded."""
        if confirmation.refused is not None:
            log.warning("broker refuses the discovery for Home Assistant", extra=fields(reason=confirmation.refused))
