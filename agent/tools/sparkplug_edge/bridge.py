"""The bridge: follows the agents over one connection, and is an edge node of Sparkplug B on another."""

from __future__ import annotations

import logging
import queue
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.mqtt.connection import TakeoverCounter
from drsn.agent.observability.logs import Throttle, fields
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.tools.sparkplug_edge.commands import (
    Refused,
    answer_text,
    device_commands,
    rebirth_is_asked,
)
from drsn.agent.tools.sparkplug_edge.edge_node import Moment, death
from drsn.agent.tools.sparkplug_edge.machine_metrics import event_metrics
from drsn.agent.tools.sparkplug_edge.machine_view import MachineView
from drsn.agent.tools.sparkplug_edge.payload import PayloadError, command_values
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.mqtt.connection import Connection
    from drsn.agent.mqtt.message import Message
    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.tools.live.live_state import Update
    from drsn.agent.tools.live.subscriber import Subscriber
    from drsn.agent.tools.sparkplug_edge.edge_node import Outgoing, SparkplugNode
    from drsn.agent.tools.sparkplug_edge.edge_sessions import EdgeSessions
    from drsn.agent.tools.sparkplug_edge.host_state import PrimaryHost
    from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics

WAIT_S: Final = 0.1
"""Longest wait for a message of an agent; commands of the host wait as long."""

MAX_CONNECTS: Final = 20
CONNECTS_S: Final = 60.0
"""So many connections in so many seconds: another client uses the client id. Some brokers (mosquitto 2.0.11) do not
give the reason, and two bridges would disconnect each other several times in a second for ever."""

FAREWELL_S: Final = 2.0
"""How long the end waits until the broker has confirmed NDEATH."""

MAX_WAITING: Final = 1000
"""Commands and states that wait to be read."""

log = logging.getLogger(__name__)


class Bridge:
    """Turns the documents of the agents into messages of an edge node.

    Args:
        topics: of the edge node.
        node: its state.
        subscriber: follows the agents.
        host: the primary host; None: the edge node waits for no host.
    """

    def __init__(
        self, topics: EdgeTopics, node: SparkplugNode, subscriber: Subscriber, host: PrimaryHost | None
    ) -> None:
        self.inbox: queue.Queue[Message] = queue.Queue(MAX_WAITING)
        """Messages of the edge node's connection."""
        self._topics, self._node, self._subscriber, self._host = topics, node, subscriber, host
        self._view = MachineView()
        self._connects = TakeoverCounter(MAX_CONNECTS, CONNECTS_S)
        self._last_epoch = 0  # last connection of the edge node
        self._epoch = 0  # the one that has had its birth; 0: none
        self._host_epoch = 0  # connection on which the state of the host came
        self._throttle = Throttle()

    def turn(self, connection: Connection, sessions: EdgeSessions, now_s: float) -> None:
        """Take what has come, and publish what has changed.

        Args:
            connection: of the edge node.
            sessions: what opened it.
            now_s: monotonic.

        Raises:
            UnavailableError: the broker closes the connection again and again.
        """
        self._require_own_id(connection, now_s)
        self._take(self._subscriber.updates(WAIT_S))
        now = Moment(time.time_ns() // 1_000_000, now_s)
        state, connected = self._subscriber.state, self._subscriber.connected
        for sensor, values in self._view.changed(state, connected=connected, now_s=now_s):
            self._node.put(sensor, values)
        self._report_malformed(now_s)
        rebirth = self._take_inbox(connection)
        self._check_session(connection, sessions)
        if self._may_be_born(connection, rebirth=rebirth):
            self._epoch = connection.epoch
            bd_seq = sessions.bd_seq(self._epoch)
            self._publish(connection, self._node.birth(bd_seq, now))
            log.info("edge node is born", extra=fields(bd_seq=bd_seq, rebirth=rebirth))
        else:
            self._publish(connection, self._node.changes(now))

    def stop(self, connection: Connection, sessions: EdgeSessions) -> None:
        """Publish NDEATH, and wait until the broker has it."""
        if self._node.born and connection.connected and connection.epoch == self._epoch:
            mid = self._die(connection, sessions)
            deadline_s = time.monotonic() + FAREWELL_S
            while time.monotonic() < deadline_s and all(each.mid != mid for each in tuple(connection.confirmations)):
                time.sleep(0.01)
        log.info("edge node stopped", extra=fields(group=self._topics.group, node=self._topics.node))

    def _require_own_id(self, connection: Connection, now_s: float) -> None:
        too_many = connection.taken_over
        if connection.epoch != self._last_epoch:
            self._last_epoch = connection.epoch
            too_many = self._connects.add(now_s) or too_many
        if too_many:
            raise UnavailableError(
                "the broker closes the connection again and again: perhaps a second drsn-sparkplug has group "
                f"{self._topics.group}, node {self._topics.node}; stop it, or give it another --node"
            )

    def _take(self, updates: Iterable[Update]) -> None:
        """Keep the events that the host does not get as a change: it is away, or they came late."""
        for update in updates:
            if update.kind == "missed" or (update.kind == "event" and not self._node.born):
                metrics = event_metrics(update.document)
                if metrics is not None:
                    self._node.missed(update.document["sensor"], metrics)
        if self._node.dropped:
            log.warning("events for the host are lost: too many waited", extra=fields(dropped=self._node.dropped))
            self._node.dropped = 0
        while self._subscriber.lost:
            lost = self._subscriber.lost.pop(0)
            extra = fields(sensor=lost.stream.sensor, count=lost.count, reason=lost.reason)
            log.warning("events of an agent were missed and are lost", extra=extra)

    def _report_malformed(self, now_s: float) -> None:
        retained = self._subscriber.state.retained
        topics = {f"{self._subscriber.state.prefix}/{sensor}/alarm": "" for sensor in self._view.malformed}
        for topic, reason in {**topics, **retained.malformed}.items():
            if self._throttle.held_back(topic, now_s) is not None:
                log.warning("document of an agent is not valid", extra=fields(topic=topic, reason=reason))

    def _check_session(self, connection: Connection, sessions: EdgeSessions) -> None:
        """End the session if its connection has ended, or the host is offline."""
        connection.confirmations.clear()
        if not self._node.born:
            return
        if not (connection.connected and connection.epoch == self._epoch):
            self._node.end_session()
        elif self._host is not None and not self._host.online:
            log.warning("primary host is offline: events wait for it")
            self._die(connection, sessions)
            self._node.end_session()
            sessions.leave()  # the next connection has the next bdSeq, and waits for the host

    def _may_be_born(self, connection: Connection, *, rebirth: bool) -> bool:
        if not connection.connected:
            return False
        if self._node.born:
            return rebirth
        host_is_there = self._host is None or (self._host.online and self._host_epoch == connection.epoch)
        return host_is_there and connection.epoch != self._epoch

    def _die(self, connection: Connection, sessions: EdgeSessions) -> int | None:
        """Publish NDEATH; return its packet id."""
        payload = death(sessions.bd_seq(self._epoch), time.time_ns() // 1_000_000)
        return connection.publish(self._topics.of("NDEATH"), payload, qos=1)

    def _publish(self, connection: Connection, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            if connection.publish(message.topic, message.payload, qos=0) is None:
                # The host would see a gap in seq. A new connection has a new birth.
                self._node.end_session()
                connection.reconnect()
                return

    def _take_inbox(self, connection: Connection) -> bool:
        """Take states of the host and commands; return whether the host asks for a rebirth."""
        rebirth = False
        with suppress(queue.Empty):
            for _ in range(MAX_WAITING):
                message = self.inbox.get_nowait()
                message.ack()
                if message.epoch != connection.epoch:
                    continue
                rebirth = self._take_message(message) or rebirth
        return rebirth

    def _take_message(self, message: Message) -> bool:
        if self._host is not None and message.topic in (self._host.topic, self._host.plain_topic):
            if message.epoch != self._host_epoch:
                self._host.online, self._host_epoch = False, message.epoch
            self._host.take(message.topic, message.payload)
            return False
        target = self._topics.command(message.topic)
        try:
            values = command_values(message.payload)
        except PayloadError as error:
            self._refuse(message.topic, str(error))
            return False
        if message.retained or target is None:
            self._refuse(message.topic, "a command must not be retained" if message.retained else "unknown topic")
            return False
        if target.device is not None:
            self._command(target.device, values)
            return False
        return rebirth_is_asked(values)

    def _command(self, sensor: str, values: list[tuple[str, Any]]) -> None:
        alarm = self._subscriber.state.retained.alarms.get(sensor)
        if alarm is None or not self._node.alive(sensor):
            self._refuse(self._topics.of("DCMD", sensor), "the device is not alive")
            return
        for found in device_commands(sensor, alarm, values):
            if isinstance(found, Refused):
                self._answer(sensor, found.metric, found.reason)
            else:
                reply = partial(self._answer, sensor, found.metric)
                self._subscriber.command(alarm["agent"], found.verb, found.fields, reply)

    def _answer(self, sensor: str, metric: str, reason: str | None, _: ReplyDocument | None = None) -> None:
        if reason is not None:
            self._refuse(self._topics.of("DCMD", sensor), reason)
        self._node.answer(sensor, metric, answer_text(metric, reason, iso_utc(time.time_ns())))

    def _refuse(self, topic: str, reason: str) -> None:
        held_back = self._throttle.held_back(topic, time.monotonic())
        if held_back is not None:
            log.warning("command of the host refused", extra=fields(topic=topic, reason=reason, more_like_it=held_back))
