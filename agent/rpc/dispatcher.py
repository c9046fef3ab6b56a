"""Takes commands one by one, has them done, and answers; what was answered once is answered the same again."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from drsn.agent.decision.operator_action import VERBS, Operation, RefusedError
from drsn.agent.observability.logs import Throttle, fields
from drsn.agent.rpc.queue import CommandQueue
from drsn.agent.rpc.request import name_of, read
from drsn.agent.schema.documents import EventDocument, ReplyDocument, iso_utc
from drsn.model.errors import DrsnError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.commissioning import Progress
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.documents import CommandDocument, CommissionDocument
    from drsn.agent.schema.render import Renderer
    from drsn.agent.storage.journal import Journal

EVENTS = 100
"""In one answer: 100 kB."""

NS = 1_000_000_000

FAILED = "internal error, nothing was changed; the agent's log has it, please report it"
LOST = "it was answered before, but that answer is damaged; see what stands, then ask with another request_id"

RELOAD = "reload"
"""The verb that ends this process: what it has not answered the next one does."""

Document = TypeVar("Document", EventDocument, ReplyDocument)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What a command led to."""

    outcomes: tuple[Outcome, ...] = ()
    events: tuple[EventDocument, ...] = ()
    """That it asked for; those that it made are in the outcomes."""
    more: bool = False
    unreadable: tuple[int, ...] = ()
    """`seq` of events that it asked for, and whose rows are damaged."""
    kept: bool = True
    """The same command is answered the same again; False: it only asks."""
    pending: str | None = None
    """How far it is, of what takes its time: `words` will tell the rest."""
    commission: CommissionDocument | None = None
    """That was undone."""
    publish: tuple[tuple[str, bytes], ...] = ()
    """Topics and payloads that go out before the answer, at QoS 1."""


@dataclass(frozen=True)
class Answer:
    """To one message; it goes out when what it tells of is committed."""

    message: Message
    reply: ReplyDocument | None
    """None: a message that neither names itself nor says where to answer."""
    outcomes: tuple[Outcome, ...] = ()
    kept: bool = False
    publish: tuple[tuple[str, bytes], ...] = ()


class CommandDispatcher:
    """Where commands are done; used by the loop, but for `put`.

    Args:
        pipeline: whose alarms are operated.
        renderer: makes events and their ids.
        store: knows events, and what was answered.
        topics: where answers go.
        verbs: those of others -> what does them, of a command and the wall clock.
        words: what commands that take their time have to say; taken out here.
    """

    def __init__(
        self,
        pipeline: AlarmEngine,
        renderer: Renderer,
        store: Journal,
        topics: Topics,
        verbs: Mapping[str, Callable[[CommandDocument, int], Work]] | None = None,
        words: deque[Progress] | None = None,
    ) -> None:
        self.dropped = 0
        """Commands that found no room."""
        self.failed = 0
        """Commands that came to an error which nobody expected, or to a damaged answer."""
        self._pipeline, self._renderer, self._store, self._topics = pipeline, renderer, store, topics
        self._verbs: dict[str, Callable[[CommandDocument, int], Work]] = {"events": self._events, **(verbs or {})}
        self._waiting = CommandQueue()
        self._throttle = Throttle()
        self._words: deque[Progress] = deque() if words is None else words
        self._open: dict[str, tuple[str, Message]] = {}  # request -> verb and message, of what takes its time
        self._news: list[Callable[[], Iterable[Progress]]] = []

    def add(
        self,
        verb: str,
        does: Callable[[CommandDocument, int], Work],
        news: Callable[[], Iterable[Progress]] | None = None,
    ) -> None:
        """One more verb; `news` is asked in each turn what there is to say of its commands."""
        self._verbs[verb] = does
        self._news += [] if news is None else [news]

    def open(self, verb: str) -> dict[str, Message]:
        """Commands of a verb that wait for their last answer, by request."""
        return {request_id: message for request_id, (of, message) in self._open.items() if of == verb}

    def resume(self, verb: str, request_id: str, message: Message) -> None:
        """A command that an earlier process took and did not answer to the end."""
        self._open[request_id] = (verb, replace(message, ack=_done_already))

    def put(self, message: Message) -> None:
        """A message has come; called by the network's thread."""
        if self._waiting.put(message):
            return
        self.dropped += 1
        message.ack()  # else it would be one of those under way (Receive Maximum) until the next connection
        self._complain("dropped", "command dropped: more come than are done",
                       topic=message.topic, qos=message.qos, dropped=self.dropped)  # fmt: skip

    def next(self, now_unix_ns: int) -> Answer | None:
        """Do the oldest that waits, else tell how one goes on; None: nothing to do or to tell."""
        if not (self._waiting or self._words):
            self._words.extend(word for news in self._news for word in news())
        message = self._waiting.take()
        if message is None:
            return self._told(now_unix_ns)
        verb, before = message.topic.rpartition("/")[2], dict(self._pipeline.sensors)
        try:
            return self._answered(message, verb, now_unix_ns)
        except (DrsnError, MemoryError):
            raise  # the agent knows this one; or it has no memory to go on with
        except Exception as error:
            if self._pipeline.sensors != before:
                raise  # half done: only what the next start finds on the disk is right
            self.failed += 1
            event = "command failed in a way nobody expected"
            self._complain((verb, type(error)), event, error, topic=message.topic)
            return self._unread(message, verb, now_unix_ns, FAILED)

    def send(self, answer: Answer, connection: Transport) -> None:
        """What it tells of is committed: acknowledge the command and answer it."""
        answer.message.ack()
        for topic, payload in answer.publish:
            connection.publish(topic, payload, qos=1)
        reply = answer.reply
        if reply is not None:
            topic = self._topics.reply(reply.request_id, answer.message.response_topic)
            payload = reply.model_dump_json().encode()
            connection.publish(topic, payload, qos=1, correlation=answer.message.correlation)

    def _answered(self, message: Message, verb: str, now_unix_ns: int) -> Answer:
        try:
            command = read(message)
        except RefusedError as error:
            log.warning("command refused", extra=fields(topic=message.topic, reason=str(error)))
            return self._unread(message, verb, now_unix_ns, str(error))
        known = self._store.reply(command.request_id)
        if known is not None:
            return Answer(message, self._again(command.request_id, verb, known, now_unix_ns))
        if command.request_id in self._open:  # but its first answer is older than those that are kept, or can't be read
            return Answer(message, self._under_way(message, command.request_id, verb, now_unix_ns))
        return self._done(message, verb, command, now_unix_ns)

    def _unread(self, message: Message, verb: str, now_unix_ns: int, reason: str) -> Answer:
        """A refusal, to whoever can be told: by the name of the command, or where its sender wants the answer."""
        name = name_of(message)
        if name is None and not self._topics.may_answer_on(message.response_topic):
            return Answer(message, None)
        return Answer(message, self._reply(name or "", verb, now_unix_ns, reason))

    def _complain(self, key: object, event: str, error: Exception | None = None, **told: object) -> None:
        held = self._throttle.held_back(key, time.monotonic())
        if held is not None:
            log.error(event, extra=fields(**told, more_like_it=held), exc_info=error)

    def _done(self, message: Message, verb: str, command: CommandDocument, now_unix_ns: int) -> Answer:
        work, reason = Work(), None
        try:
            work = self._do(verb, command, now_unix_ns)
        except RefusedError as error:
            reason = str(error)
        log.info(
            "command",
            extra=fields(verb=verb, by=command.by, sensor=command.sensor, condition=command.condition,
                         comment=command.comment, refused=reason),
        )  # fmt: skip
        reply = self._reply(command.request_id, verb, now_unix_ns, reason)
        made = tuple(self._renderer.event(o.name, change) for o in work.outcomes for change in o.changes)
        more = {
            "more": work.more,
            "unreadable": work.unreadable,
            "pending": work.pending,
            "commission": work.commission,
        }
        reply = reply.model_copy(update={"sensor": command.sensor, "events": work.events or made, **more})
        if work.pending is not None:
            self._open[command.request_id] = (verb, replace(message, ack=_done_already))
        return Answer(message, reply, work.outcomes, work.kept, work.publish)

    def _told(self, now_unix_ns: int) -> Answer | None:
        """The next word on a command that takes its time; the last one is what it is answered from then on."""
        while self._words and self._words[0].request_id not in self._open:
            word = self._words.popleft()
            log.error("nobody waits for this word", extra=fields(request_id=word.request_id, sensor=word.sensor))
        if not self._words:
            return None
        word = self._words.popleft()
        verb, message = self._open[word.request_id]
        said: dict[str, object] = {"sensor": word.sensor, "pending": word.pending}
        if word.pending is None:
            del self._open[word.request_id]
            if word.sensor is not None and word.reason is None:
                said["commission"] = self._renderer.baseline(self._pipeline.sensors.get(word.sensor))
            log.info(verb, extra=fields(sensor=word.sensor, failed=word.reason))
        reply = self._reply(word.request_id, verb, now_unix_ns, word.reason).model_copy(update=said)
        return Answer(message, reply, kept=word.pending is None)

    def _again(self, request_id: str, verb: str, known: bytes, now_unix_ns: int) -> ReplyDocument:
        """What was answered, unless the agent was started anew before that came to its end."""
        reply = _parsed(ReplyDocument, known)
        if reply is None:
            self.failed += 1
            self._complain("reply", "an answer that was kept is damaged", request_id=request_id)
            return self._reply(request_id, verb, now_unix_ns, LOST)
        if reply.pending is None or reply.request_id in self._open:
            return reply
        if reply.verb == RELOAD:  # whoever started it anew: what is on the disk is what runs
            return reply.model_copy(update={"pending": None})
        lost = {"ok": False, "pending": None, "reason": "the agent was started anew meanwhile; ask again"}
        return reply.model_copy(update=lost)

    def _under_way(self, message: Message, request_id: str, verb: str, now_unix_ns: int) -> ReplyDocument:
        """To a command with the id of one that takes its time: the same again, or another that may not have it."""
        of, asked = self._open[request_id]
        if (of, asked.payload) == (verb, message.payload):
            return self._reply(request_id, verb, now_unix_ns, None).model_copy(update={"pending": "under way"})
        return self._reply(request_id, verb, now_unix_ns, f"request_id: a {of} of this id is under way; take another")

    def _do(self, verb: str, command: CommandDocument, now_unix_ns: int) -> Work:
        if verb in VERBS:
            return self._operate(verb, command, now_unix_ns)
        if verb in self._verbs:
            return self._verbs[verb](command, now_unix_ns)
        raise RefusedError(f"no verb {verb[:64]!r}; there are {', '.join(sorted({*VERBS, *self._verbs}))}")

    def _operate(self, verb: str, command: CommandDocument, now_unix_ns: int) -> Work:
        if verb == "ack" and command.event_id is None:
            raise RefusedError("event_id: an acknowledgement names the event that was seen")
        if verb == "shelve" and command.duration_s is None:
            raise RefusedError("duration_s: say for how long, 8 hours at most")
        sensor = sensor_of(command)
        operation = Operation(
            verb,
            command.by,
            command.comment,
            command.condition,
            seq=self._seq(sensor, command.condition, command.event_id),
            until_unix_ns=now_unix_ns + round((command.duration_s or 0) * NS),
        )
        return Work((self._pipeline.operate(sensor, operation, now_unix_ns),))

    def _seq(self, sensor: str, name: str | None, event_id: str | None) -> int | None:
        """The `seq` of an event of this alarm as it stands; None: no event or no such condition is named."""
        condition = self._pipeline.state(sensor).conditions.get(name or "")
        if event_id is None or condition is None:
            return None
        for seq in (*condition.told, condition.seq):
            if seq and self._renderer.event_id(sensor, seq) == event_id:
                return seq
        raise RefusedError("the event is none of this alarm as it stands; look again")

    def _events(self, command: CommandDocument, _now_unix_ns: int) -> Work:
        sensor = sensor_of(command)
        found = self._store.events(sensor, command.from_seq, EVENTS + 1)
        documents = {seq: _parsed(EventDocument, event) for seq, event in found[:EVENTS]}
        events = tuple(event for event in documents.values() if event is not None)
        unreadable = tuple(seq for seq, event in documents.items() if event is None)
        if unreadable:
            self._complain(("events", sensor), "events of the journal are damaged", sensor=sensor, seq=unreadable)
        return Work(events=events, more=len(found) > EVENTS, unreadable=unreadable, kept=False)

    def _reply(self, request_id: str, verb: str, now_unix_ns: int, reason: str | None) -> ReplyDocument:
        return ReplyDocument(
            agent=self._topics.agent,
            request_id=request_id,
            verb=verb[:64],
            ok=reason is None,
            reason=reason,
            at=iso_utc(now_unix_ns),
        )


def _parsed(kind: type[Document], data: bytes) -> Document | None:
    """A document out of the database; None: its row is damaged."""
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        return None


def _done_already() -> None:
    """A command is acknowledged with its first answer."""


def sensor_of(command: CommandDocument) -> str:
    """The sensor that a command is about.

    Raises:
        RefusedError: it names none.
    """
    if command.sensor is None:
        raise RefusedError("sensor: say which")
    return command.sensor
