"""Takes commands one by one, has each carried out, and answers; a repeated command gets the same answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.observability.logs import fields
from drsn.agent.rpc.queue import CommandQueue
from drsn.agent.rpc.reload_verb import RELOAD
from drsn.agent.rpc.reply import FAILED, LOST, Answer, Work
from drsn.agent.rpc.request import name_of, read
from drsn.agent.rpc.verbs import VERBS, Handler
from drsn.agent.schema.documents import ReplyDocument, parsed
from drsn.agent.schema.iso_time import iso_utc
from drsn.model.errors import DrsnError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument

log = logging.getLogger(__name__)


def _no_loop() -> None:
    """Wake nothing: without a loop, the caller asks for answers itself."""


class CommandDispatcher:
    """Carries out commands; used by the loop, but for `put`.

    Args:
        context: what handlers work with.
        wake: called when a command has come, by the network's thread.
    """

    def __init__(self, context: CommandContext, wake: Callable[[], None] = _no_loop) -> None:
        self.context = context
        self.verbs: dict[str, Handler] = dict(VERBS)
        """Verb -> its handler; those whose needs the context does not meet are not offered."""
        self.dropped = 0
        """Commands for which the queue had no room."""
        self.failed = 0
        """Commands that met an unexpected error, or whose stored reply is damaged."""
        self._queue = CommandQueue()
        self._wake = wake

    @property
    def waiting(self) -> int:
        """Commands in the queue."""
        return len(self._queue)

    def put(self, message: Message) -> None:
        """Queue a command; called by the network's thread."""
        if self._queue.put(message):
            self._wake()
            return
        self.dropped += 1
        message.ack()  # else it would be one of those under way (Receive Maximum) until the next connection
        self.context.errors.write("dropped", "command dropped: the queue is full",
                                  topic=message.topic, qos=message.qos, dropped=self.dropped)  # fmt: skip

    def next(self, now_unix_ns: int) -> Answer | None:
        """Carry out the oldest command, else report progress on one that takes time; None: there is neither."""
        engine = self.context.engine
        message = self._queue.take()
        if message is None:
            return self.progress(now_unix_ns)
        verb, before = message.topic.rpartition("/")[2], engine.sensors.version
        try:
            return self._answer(message, verb, now_unix_ns)
        except (DrsnError, MemoryError):
            raise  # expected errors end the agent in order; without memory it can't go on
        except Exception as error:
            if engine.sensors.version != before:
                raise  # half done: only what the next start finds on the disk is right
            self.failed += 1
            event = "command failed: unexpected error"
            self.context.errors.write((verb, type(error)), event, error, topic=message.topic)
            return self._refusal(message, verb, now_unix_ns, FAILED)

    def send(self, answer: Answer, connection: Transport) -> None:
        """Acknowledge the command and answer it; the outcomes are committed."""
        answer.message.ack()
        for topic, payload in answer.publish:
            connection.publish(topic, payload, qos=1)
        reply = answer.reply
        if reply is not None:
            topic = self.context.topics.reply(reply.request_id, answer.message.response_topic)
            payload = reply.model_dump_json().encode()
            connection.publish(topic, payload, qos=1, correlation=answer.message.correlation)

    def _answer(self, message: Message, verb: str, now_unix_ns: int) -> Answer:
        try:
            command = read(message)
        except RefusedError as error:
            log.warning("command refused", extra=fields(topic=message.topic, reason=str(error)))
            return self._refusal(message, verb, now_unix_ns, str(error))
        if verb in self.verbs and self.verbs[verb].frequent:
            return self._carried_out(message, verb, command, now_unix_ns)
        stored = self.context.journal.reply(command.request_id)
        if stored is not None:
            return Answer(message, self._repeated(command.request_id, verb, stored, now_unix_ns))
        if command.request_id in self.context.pending:  # its first answer is no longer stored, or can't be read
            return Answer(message, self._under_way(message, command.request_id, verb, now_unix_ns))
        return self._carried_out(message, verb, command, now_unix_ns)

    def _refusal(self, message: Message, verb: str, now_unix_ns: int, reason: str) -> Answer:
        """Refuse a message that was not carried out, if it has a `request_id` or says where to answer."""
        name = name_of(message)
        if name is None and not self.context.topics.may_answer_on(message.response_topic):
            return Answer(message, None)
        return Answer(message, self._reply(name or "", verb, now_unix_ns, reason))

    def _carried_out(self, message: Message, verb: str, command: CommandDocument, now_unix_ns: int) -> Answer:
        frequent = verb in self.verbs and self.verbs[verb].frequent
        work, reason, kept = Work(), None, not frequent  # a refusal is stored, whatever the other verb
        try:
            handler = self._handler(verb)
            work, kept = handler.run(self.context, command, now_unix_ns), handler.kept
        except RefusedError as error:
            reason = str(error)
        log.log(
            logging.DEBUG if frequent else logging.INFO,
            "command handled",
            extra=fields(verb=verb, by=command.by, sensor=command.sensor, condition=command.condition,
                         comment=command.comment, refused=reason),
        )  # fmt: skip
        event = self.context.renderer.event
        more = {
            "sensor": command.sensor or work.sensor,
            "events": work.events or tuple(event(o.name, change) for o in work.outcomes for change in o.changes),
            "more": work.more,
            "unreadable": work.unreadable,
            "pending": work.pending,
            "commission": work.commission,
            "baseline": work.baseline,
            "unknown_state": work.unknown_state,
            "trend": work.trend,
            "evidence": work.evidence,
            "snapshot": work.snapshot,
        }
        reply = self._reply(command.request_id, verb, now_unix_ns, reason).model_copy(update=more)
        if work.pending is not None:
            self.context.pending.add(command.request_id, verb, message)
        return Answer(message, reply, work.outcomes, kept, work.publish, commits=not frequent)

    def _handler(self, verb: str) -> Handler:
        context = self.context
        offered = {v: h for v, h in self.verbs.items() if h.needs is None or getattr(context, h.needs) is not None}
        if verb not in offered:
            raise RefusedError(f"unknown verb {verb[:64]!r}; use one of {', '.join(sorted(offered))}")
        return offered[verb]

    def progress(self, now_unix_ns: int) -> Answer | None:
        """Report the next progress of a command that takes time; the last one is stored as its answer."""
        self.context.pending.poll()
        taken = self.context.pending.take()
        if taken is None:
            return None
        progress, (verb, message) = taken
        more: dict[str, object] = {"sensor": progress.sensor, "pending": progress.pending}
        ended = progress.pending is None
        if ended:
            if progress.sensor is not None and progress.reason is None:
                more["commission"] = self.context.renderer.baseline(self.context.engine.sensors.get(progress.sensor))
            log.info("command ended", extra=fields(verb=verb, sensor=progress.sensor, failed=progress.reason))
        reply = self._reply(progress.request_id, verb, now_unix_ns, progress.reason).model_copy(update=more)
        return Answer(message, reply, kept=ended)

    def _repeated(self, request_id: str, verb: str, stored: bytes, now_unix_ns: int) -> ReplyDocument:
        """The stored reply, unless the agent was started anew before the command had ended."""
        reply = parsed(ReplyDocument, stored)
        if reply is None:
            self.failed += 1
            self.context.errors.write("reply", "a stored reply is damaged", request_id=request_id)
            return self._reply(request_id, verb, now_unix_ns, LOST)
        if reply.pending is None or reply.request_id in self.context.pending:
            return reply
        if reply.verb == RELOAD:  # whatever started the agent anew: what is on the disk is what runs
            return reply.model_copy(update={"pending": None})
        lost = {
            "ok": False,
            "pending": None,
            "reason": "the agent restarted before the command ended; send the command again",
        }
        return reply.model_copy(update=lost)

    def _under_way(self, message: Message, request_id: str, verb: str, now_unix_ns: int) -> ReplyDocument:
        """The reply to a command with the id of a pending one: if it is not the same command, a refusal."""
        other = self.context.pending[request_id]
        if (other.verb, other.message.payload) == (verb, message.payload):
            return self._reply(request_id, verb, now_unix_ns, None).model_copy(update={"pending": "in progress"})
        reason = f"request_id: a {other.verb} with this id is in progress; use another id"
        return self._reply(request_id, verb, now_unix_ns, reason)

    def _reply(self, request_id: str, verb: str, now_unix_ns: int, reason: str | None) -> ReplyDocument:
        return ReplyDocument(
            agent=self.context.topics.agent,
            request_id=request_id,
            verb=verb[:64],
            ok=reason is None,
            reason=reason,
            at=iso_utc(now_unix_ns),
        )
