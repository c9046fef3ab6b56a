"""One connection that follows the documents of all agents, asks for missed events and sends commands."""

from __future__ import annotations

import os
import queue
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import ValidationError

from drsn.agent.mqtt.connect_error import require_connection
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.topics import Topics
from drsn.agent.schema.documents import MAX_SEQ, CommandDocument, ReplyDocument
from drsn.agent.tools.live.live_state import LiveState, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message
    from drsn.agent.tools.live.event_sequence import Stream

MAX_WAITING: Final = 10_000
"""Messages that wait to be read; then the network's thread waits, and the broker holds the rest back."""

ANSWER_S: Final = 5.0
"""How long an answer may take; then a request for events is repeated, and a command has failed."""

ATTEMPTS: Final = 3
"""Requests for the missed events of a sensor, without one answer, before they are given up."""

SETTLE_S: Final = 0.5
"""A missing event is asked for when it has not come by itself in this time: the broker may deliver it late."""


OnReply: TypeAlias = "Callable[[str | None, ReplyDocument | None], None]"
"""Takes why a command failed, or None, and its answer, or None if none came."""


@dataclass
class _Request:
    """A command that waits for its answer."""

    agent: str
    verb: str
    sent_s: float
    stream: Stream | None = None
    """Whose events are asked for."""
    on_reply: OnReply | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that were missed and that the agent did not give."""

    stream: Stream
    count: int
    reason: str


class Subscriber:
    """Follows all agents under a prefix, over connections that break and come back. Use it in a `with` block.

    Args:
        broker: its address.
        prefix: of the agents' topics.
        by: the name in its commands.
        results: follow the results too.
    """

    def __init__(self, broker: BrokerAddress, prefix: str, by: str, *, results: bool = False) -> None:
        self.state = LiveState(prefix)
        self.where = f"{broker.host}:{broker.port}"
        """Host and port of the broker."""
        self.lost: list[Lost] = []
        """Events that were given up since it was last emptied."""
        self._by = by
        self._messages: queue.Queue[Message] = queue.Queue(MAX_WAITING)
        self._requests: dict[str, _Request] = {}
        self._attempts: dict[Stream, int] = {}
        self._missing_since_s: dict[Stream, float] = {}
        filters = (*self.state.filters, *((self.state.result_filter,) if results else ()))
        client_id = f"drsn-live-{uuid.uuid4().hex[:12]}-{os.getpid()}"
        self._connection = Connection(
            broker,
            ConnectionOptions(name="live", client_id=client_id, filters=filters),
            on_message=self._messages.put,
        )

    def __enter__(self) -> Subscriber:  # noqa: PYI034 (Self is of Python 3.11)
        self.start()
        try:
            require_connection(self._connection, self.where)
        except BaseException:
            self._connection.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._connection.start()

    def stop(self) -> None:
        """Disconnect for good."""
        self._connection.stop()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._connection.connected

    @property
    def last_error(self) -> str | None:
        """Why there is no connection."""
        return self._connection.last_error

    @property
    def denied(self) -> tuple[str, ...]:
        """Filters that the broker refused."""
        return self._connection.denied

    def updates(self, timeout_s: float) -> list[Update]:
        """Take what has come, and wait up to `timeout_s` for the first of it; then ask for what is missing."""
        found: list[Update] = []
        wait_s = timeout_s
        for _ in range(MAX_WAITING):
            try:
                message = self._messages.get(timeout=wait_s) if wait_s else self._messages.get_nowait()
            except queue.Empty:
                break
            wait_s = 0.0
            message.ack()
            found += self._take(message)
        self._tend(time.monotonic())
        return found

    def command(
        self,
        agent: str,
        verb: str,
        fields: dict[str, Any],
        on_reply: Callable[[str | None, ReplyDocument | None], None],
    ) -> None:
        """Send a command; `on_reply` gets why it failed or None, and the answer, within `updates`.

        `by` in the fields replaces the name of this subscriber.
        """
        request = _Request(agent, verb, time.monotonic(), on_reply=on_reply)
        if (problem := self._send(request, fields)) is not None:
            on_reply(problem, None)

    def _send(self, request: _Request, fields: dict[str, Any]) -> str | None:
        """Send a command; return why it was not."""
        request_id, topics = uuid.uuid4().hex, Topics(self.state.prefix, request.agent)
        try:
            command = CommandDocument(request_id=request_id, **{"by": self._by, **fields})
        except ValidationError as error:
            return str(error.errors(include_url=False)[0]["msg"])
        self._connection.subscribe((topics.reply(request_id),))
        payload = command.model_dump_json(exclude_none=True).encode()
        if self._connection.publish(topics.command(request.verb), payload, qos=1) is None:
            return f"no connection to {self.where}"
        self._requests[request_id] = request
        return None

    def _take(self, message: Message) -> list[Update]:
        request_id = message.topic.removeprefix(f"{self.state.prefix}/_reply/")
        if request_id == message.topic:
            return self.state.take(message)
        request = self._requests.get(request_id)
        if request is None:
            return []
        try:
            reply = ReplyDocument.model_validate_json(message.payload)
        except ValidationError:
            return []
        if reply.agent != request.agent or reply.pending is not None:
            return []
        del self._requests[request_id]
        if request.on_reply is not None:
            request.on_reply(None if reply.ok else reply.reason or "refused", reply)
        return [] if request.stream is None else self._events(request.stream, reply)

    def _events(self, stream: Stream, reply: ReplyDocument) -> list[Update]:
        """Take an answer to a request for events; what it ought to have and has not is given up."""
        self._attempts.pop(stream, None)
        if not reply.ok:
            self._give_up(stream, reply.reason or "refused")
            return []
        found = self.state.missed([event.model_dump(mode="json") for event in reply.events])
        self._give_up(stream, "damaged in the agent's journal", reply.unreadable)
        last = max((*(event.seq for event in reply.events), *reply.unreadable), default=MAX_SEQ)
        self._give_up(stream, "not in the agent's journal", (s for s in self.state.events.seqs(stream) if s <= last))
        return found

    def _give_up(self, stream: Stream, reason: str, seqs: Iterable[int] | None = None) -> None:
        if count := self.state.events.give_up(stream, seqs):
            self.lost.append(Lost(stream, count, reason))

    def _tend(self, now_s: float) -> None:
        """End the requests without an answer, and ask for the events that are missing."""
        for request_id, request in list(self._requests.items()):
            if now_s - request.sent_s > ANSWER_S:
                del self._requests[request_id]
                if request.on_reply is not None:
                    request.on_reply(f"agent {request.agent} did not answer in {ANSWER_S:g} s", None)
        missing = self.state.events.missing()
        self._missing_since_s = {stream: self._missing_since_s.get(stream, now_s) for stream in missing}
        asked = {request.stream for request in self._requests.values()}
        for stream, seq in missing.items():
            if stream in asked or now_s - self._missing_since_s[stream] < SETTLE_S or not self.connected:
                continue
            if self._attempts.get(stream, 0) >= ATTEMPTS:
                del self._attempts[stream]
                self._give_up(stream, f"agent {stream.agent} did not answer")
                continue
            self._attempts[stream] = self._attempts.get(stream, 0) + 1
            self._send(_Request(stream.agent, "events", now_s, stream), {"sensor": stream.sensor, "from_seq": seq})
