"""MQTT client of the command line: reads retained alarms, commands an agent and waits for its answers."""

from __future__ import annotations

import getpass
import os
import queue
import time
import uuid
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from drsn.agent.mqtt.connect_error import CONNECT_S, require_connection
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.mqtt.topics import Topics
from drsn.agent.schema.documents import REQUEST_ID, CommandDocument, ReplyDocument
from drsn.agent.tools.operator.retained_state import RetainedState
from drsn.agent.tools.operator.table import LIVE
from drsn.model.errors import BadDataError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message

EVIDENCE_S = 15.0
QUIET_S = 0.5
"""Pause after which the retained messages are complete: the broker sends them at once."""


class Client:
    """One connection, for one request. Use it in a `with` block.

    Args:
        broker: its address.
        prefix: of the agents' topics.
        event_id: event whose evidence is fetched; None: no evidence is.
        healths: read the health documents too.
        agent: read its status, summary and health by their exact topics too, and the alarms that the summary names:
            some brokers give no retained messages to wildcards.
        sensor: the same for its alarm.
        topics: the same for these.

    Raises:
        UnavailableError: no connection within 10 s.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        prefix: str,
        event_id: str | None = None,
        *,
        healths: bool = False,
        agent: str | None = None,
        sensor: str | None = None,
        topics: tuple[str, ...] = (),
    ) -> None:
        if event_id is not None and not REQUEST_ID.fullmatch(event_id):
            raise BadDataError(f"{event_id!r} is no event's id")
        self.request_id = uuid.uuid4().hex
        self.prefix = prefix
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._connection = Connection(
            broker,
            ConnectionOptions(
                name="client",
                client_id=f"drsn-client-{self.request_id[:12]}-{os.getpid()}",
                filters=(
                    *_filters(prefix, self.request_id),
                    *_exact(prefix, agent, sensor),
                    *topics,
                    *((f"{prefix}/_agent/+/health",) if healths else ()),
                    *(() if event_id is None else (f"{prefix}/+/evidence/{event_id}",)),
                ),
            ),
            on_message=self._messages.put,
        )
        self._evidence: bytes | None = None
        self._agent = agent
        self.where = f"{broker.host}:{broker.port}"
        """Host and port of the broker."""
        self.retained = RetainedState(prefix)
        """Alarms and statuses."""

    def __enter__(self) -> Client:  # noqa: PYI034 (Self is of Python 3.11)
        self._connection.start()
        try:
            require_connection(self._connection, self.where)
        except UnavailableError:
            self._connection.stop()
            raise
        self._keep_until_quiet()
        if unread := self.retained.unread_alarms(self._agent):
            self._connection.subscribe(unread)
            self._keep_until_quiet()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.stop()

    def agent_of(self, sensor: str) -> str:
        """The id of the agent that has a sensor.

        Raises:
            BadDataError: no alarm of that sensor is retained, or its document is not valid.
        """
        return str(self.retained.alarm(sensor)["agent"])

    def checked(self, agent: str) -> str:
        """The same agent id, if the broker retains a status of it.

        Raises:
            BadDataError: it retains none, or its document is not valid.
        """
        self.retained.status(agent)
        return agent

    def call(
        self, agent: str, verb: str, arguments: dict[str, Any], timeout_s: float, later_s: float | None = None
    ) -> Iterator[ReplyDocument]:
        """Command an agent and yield each of its answers.

        Args:
            agent: its id.
            verb: the command.
            arguments: fields of the command.
            timeout_s: for the first answer.
            later_s: for each later answer; None: as the first.

        Raises:
            UnavailableError: no (further) answer in time.
            BadDataError: the command or an answer is not valid.
        """
        try:
            command = CommandDocument(request_id=self.request_id, **arguments)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadDataError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
        topic = Topics(self.prefix, agent).command(verb)
        self._connection.publish(topic, command.model_dump_json(exclude_none=True).encode(), qos=1)
        while True:
            message = self._answer(agent, timeout_s)
            try:
                reply = ReplyDocument.model_validate_json(message.payload)
            except ValidationError as error:
                raise BadDataError(f"{message.topic}: no answer of this version's agent ({error.title})") from None
            if (reply.request_id, reply.agent) == (self.request_id, agent):  # else it was sent to our topic by mistake
                yield reply
                timeout_s = timeout_s if later_s is None else later_s

    def wait_for_restart(self, agent: str, instance: str | None, timeout_s: float) -> None:
        """Wait until the agent works as another run than `instance`.

        Raises:
            UnavailableError: it does not within `timeout_s`.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            status = self.retained.statuses.get(agent, {})
            if status.get("instance") != instance and status.get("state") in ("online", "degraded"):
                return
            try:
                message = self._messages.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                state = status.get("state", "unknown here")
                text = f"the check passed, but it is not back after {timeout_s:g} s; it is {state}; see its log"
                raise UnavailableError(f"agent {agent}: {text}") from None
            message.ack()
            self.retained.keep(message)

    def evidence(self, sensor: str, event_id: str) -> bytes:
        """Fetch the record of the event that the client was made for.

        Raises:
            UnavailableError: no answer in time.
            BadDataError: the agent has no such record.
        """
        arguments = {"sensor": sensor, "event_id": event_id, "by": getpass.getuser()}
        reply = next(self.call(self.agent_of(sensor), "evidence", arguments, EVIDENCE_S))
        if not reply.ok:
            raise BadDataError(f"event {event_id}: {reply.reason}")
        return self.received_evidence(event_id)

    def received_evidence(self, event_id: str) -> bytes:
        """The record that has come with the answers so far.

        Raises:
            UnavailableError: none has.
        """
        if self._evidence is None:
            raise UnavailableError(f"event {event_id}: the answer came without it; the broker's ACL may hold it back")
        return self._evidence

    def remove(self, topics: Iterable[str], timeout_s: float) -> None:
        """Remove retained documents, and wait until the broker has confirmed it.

        Raises:
            UnavailableError: it has not within `timeout_s`.
        """
        waiting, deadline_s = 0, time.monotonic() + timeout_s
        for topic in topics:
            waiting += self._connection.publish(topic, b"", qos=1, retain=True) is not None
        while len(self._connection.confirmations) < waiting:
            if time.monotonic() > deadline_s:
                raise UnavailableError(f"broker {self.where}: it has not confirmed the removal in {timeout_s:g} s")
            time.sleep(0.02)

    def sign_of_life(self, agent: str, timeout_s: float) -> bool:
        """Return whether the agent publishes something about itself within `timeout_s`."""
        topics, deadline_s = Topics(self.prefix, agent), time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left_s)
            except queue.Empty:
                return False
            message.ack()
            self.retained.keep(message)
            about = message.topic in (topics.status, topics.health) and not message.retained
            if about and self.retained.statuses.get(agent, {}).get("state") in LIVE:
                return True
        return False

    def _answer(self, agent: str, timeout_s: float) -> Message:
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                state = self.retained.statuses.get(agent, {}).get("state", "unknown here")
                remedy = (
                    "" if state in LIVE else f"; if it is gone, `drsn-agent clean --agent {agent}` removes what it left"
                )
                text = f"agent {agent} did not answer in {timeout_s:g} s; it is {state}{remedy}"
                raise UnavailableError(text) from None
            message.ack()
            if "/evidence/" in message.topic:
                self._evidence = message.payload
            if message.topic.startswith(f"{self.prefix}/_reply/"):
                return message
            self.retained.keep(message)

    def _keep_until_quiet(self) -> None:
        deadline_s = time.monotonic() + CONNECT_S  # agents publish on
        while time.monotonic() < deadline_s:
            try:
                message = self._messages.get(timeout=QUIET_S)
            except queue.Empty:
                return
            message.ack()
            self.retained.keep(message)


def _filters(prefix: str, request_id: str) -> tuple[str, ...]:
    """What each request reads."""
    documents = (f"{prefix}/+/alarm", f"{prefix}/_agent/+/status", f"{prefix}/_agent/+/alarms")
    return (*documents, f"{prefix}/_reply/{request_id}", f"{prefix}/_reply/{request_id}/#")


def _exact(prefix: str, agent: str | None, sensor: str | None) -> Iterator[str]:
    """Topics of retained documents; none for what is no id."""
    if agent is not None and legal_sensor(agent):
        topics = Topics(prefix, agent)
        yield from (topics.status, topics.summary, topics.health)
    if sensor is not None and legal_sensor(sensor):
        yield Topics(prefix, "").alarm(sensor)
