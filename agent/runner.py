"""The loop: messages in, batches through the network, states committed, packets acknowledged, alarms out.

It runs on the main thread and ends when `stop` is set. The way of a window is one direction:
inbox -> intake -> batch -> backend -> pipeline -> store -> acknowledge -> publish.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent import systemd
from drsn.agent.accounts import health, status
from drsn.agent.evidence.keeper import fed
from drsn.agent.logs import Throttle, fields
from drsn.agent.packets import PacketError, Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from drsn.agent.alarms import Sensor
    from drsn.agent.batch import Batch
    from drsn.agent.continuity import Cursor
    from drsn.agent.desk.desk import Answer, Desk
    from drsn.agent.diagnosis import Interpreter
    from drsn.agent.documents import EventDocument, HealthDocument, StatusDocument
    from drsn.agent.evidence.keeper import Keeper
    from drsn.agent.inbox import Inbox
    from drsn.agent.intake import Intake
    from drsn.agent.message import Message
    from drsn.agent.metrics import Metrics
    from drsn.agent.outbox import Outbox
    from drsn.agent.pipeline import Identity, Outcome, Pipeline
    from drsn.agent.ports import Backend, Transport
    from drsn.agent.publisher import Publisher
    from drsn.agent.receipts import Receipts
    from drsn.agent.store import Store

TAKE = 16
"""Messages from the inbox at a time: few enough that the deadline of a batch is kept, and a stop is seen soon."""

COMMANDS = 8
"""Done in one turn; a flood of them must not keep windows waiting."""

IDLE_WAIT_S = 0.5
"""With nothing to do, the loop turns this often: for the watchdog, a lost connection, the health document."""

DRAIN_S = 2.0
"""How long an ordered stop works on what is in the inbox; the broker keeps the rest of QoS 1 for the next run."""

FAREWELL_S = 2.0
"""How long an ordered stop waits for the broker to take the last words."""

FAULTS = {Reason.NON_FINITE: "non_finite", Reason.WRONG_RATE: "wrong_rate"}
"""Why a packet is refused -> the fault of its sensor that this shows."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """When the agent did."""

    s: float
    """Monotonic."""
    unix_ns: int


@dataclass(frozen=True)
class Parts:
    """What the loop works with; `app` puts it together."""

    inbox: Inbox
    intake: Intake
    receipts: Receipts
    batch: Batch
    backend: Backend
    interpret: Interpreter
    pipeline: Pipeline
    store: Store
    ingest: Transport
    control: Transport
    outbox: Outbox
    publisher: Publisher
    desk: Desk
    evidence: Keeper
    metrics: Metrics
    identity: Identity
    version: str
    config_sha256: str
    health_every_s: float
    engine: str | None = None
    """File of the TensorRT engine that the backend runs."""
    reasons: tuple[str, ...] = ()
    """Why the agent is degraded from its start to its end: it runs, but not on what its machine was prepared for."""
    started: Started = field(default_factory=lambda: Started(time.monotonic(), time.time_ns()))


class Runner:
    """Turns until it is told to stop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._throttle = Throttle()
        self._cursors: dict[str, Cursor] = {}  # of settled packets, not committed yet
        self._health_due_s = 0.0
        self._watchdog_s = systemd.watchdog_interval_s()
        self._watchdog_due_s = 0.0
        self._stopped = False
        self._noticed: list[Outcome] = []  # decided without a window, not committed yet
        self._shed = 0

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, then end in order.

        Raises:
            StorageError: the store can't be written; what was not committed is not acknowledged.
        """
        parts = self._parts
        parts.control.start()
        parts.ingest.start()
        systemd.notify("READY=1")
        for reason in parts.reasons:
            log.error("degraded", extra=fields(backend=parts.backend.name, reason=reason))
        log.info("ready", extra=fields(sensors_remembered=len(parts.pipeline.sensors), backend=parts.backend.name))
        try:
            while not stop.is_set():
                self.turn()
            self._finish()
        except BaseException:
            self._abandon()
            raise
        self._say_goodbye()

    def turn(self) -> None:
        """Take what is there, diagnose what is due, say what there is to say."""
        parts = self._parts
        due_s = parts.batch.wait_s(time.monotonic())
        for message in parts.inbox.take(TAKE, IDLE_WAIT_S if due_s is None else min(due_s, IDLE_WAIT_S)):
            self._receive(message)
        due_s = parts.batch.wait_s(time.monotonic())
        if due_s == 0:
            self._flush()
        elif due_s is None:
            self._settle()  # packets that completed no window are not held back
        self._tend()

    def _receive(self, message: Message) -> None:
        parts = self._parts
        receipt = parts.receipts.open(message)
        try:
            for sensor, window in parts.intake.windows(message, receipt):
                if parts.batch.full:
                    self._flush()
                parts.batch.add(sensor, window, receipt, time.monotonic())
        except PacketError as error:
            receipt.refused = error.reason
            self._log_refusal(message, error)
            self._blame(error)
        receipt.read = True
        if parts.batch.full:  # not before it is read: its cursor belongs into the same transaction
            self._flush()

    def _blame(self, error: PacketError) -> None:
        """A refused packet may show that its sensor is at fault."""
        fault = FAULTS.get(error.reason)
        if fault is not None:
            now_unix_ns = time.time_ns()
            blamed = [name for name in error.sensors if fault not in self._parts.batch.ignored_faults(name)]
            outcomes = [self._parts.pipeline.refuse(name, fault, now_unix_ns) for name in blamed]
            self._noticed += filter(None, outcomes)

    def _log_refusal(self, message: Message, error: PacketError) -> None:
        held = self._throttle.held_back(error.reason, time.monotonic())
        if held is not None:
            log.warning("packet refused", extra=fields(topic=message.topic, reason=str(error), more_like_it=held))

    def _flush(self) -> None:
        """Diagnose the batch, commit, acknowledge, publish."""
        parts = self._parts
        before_s = time.monotonic()
        outputs = parts.backend.infer(parts.batch.x)
        parts.metrics.inference.add(time.monotonic() - before_s)
        self._beat()
        now_unix_ns = time.time_ns()
        outcomes = [
            fed(parts.pipeline, parts.evidence, place, diagnosis, outputs, now_unix_ns)
            for place, diagnosis in enumerate(parts.interpret(parts.batch.readings, outputs))
        ]
        parts.batch.clear()
        parts.metrics.batches += 1
        parts.metrics.windows += len(outcomes)
        self._settle(outcomes)
        self._publish()

    def _attend(self) -> None:
        """Do what people have commanded, each for itself: nothing is answered before it is committed."""
        desk = self._parts.desk
        for _ in range(COMMANDS):
            answer = desk.next(time.time_ns())
            if answer is None:
                return
            self._settle(answer.outcomes, answer)
            desk.send(answer, self._parts.control)

    def _settle(self, decided: Sequence[Outcome] = (), answer: Answer | None = None) -> None:
        """Commit what was decided, together with the cursors of the packets that are done; then acknowledge them."""
        parts = self._parts
        parts.evidence.notice(self._noticed)
        outcomes, self._noticed = [*self._noticed, *decided], []
        settled = parts.receipts.settle()
        for receipt in settled:
            self._cursors.update(receipt.cursors)
        replies = [answer.reply] if answer and answer.reply and answer.kept else []
        if outcomes or replies:
            states: dict[str, Sensor] = {o.name: o.sensor for o in outcomes}
            events: list[EventDocument] = [event for outcome in outcomes for event in outcome.events]
            # If this fails the run ends, and nothing in memory is ever written: the broker sends it all again.
            parts.store.commit(states, self._cursors, events, replies)
            self._cursors = {}
            self._note(events)
        now_s = time.monotonic()
        for receipt in settled:
            receipt.message.ack()
            if receipt.refused is not None:
                parts.metrics.rejected[receipt.refused.value] += 1
            elif receipt.duplicate:
                parts.metrics.duplicate += 1
            else:
                parts.metrics.processed += 1
                parts.metrics.latency.add(now_s - receipt.message.received_s)
        parts.publisher.outcomes(outcomes, now_s)
        parts.evidence.release()

    def _note(self, events: list[EventDocument]) -> None:
        self._parts.metrics.events += len(events)
        for e in events:
            log.info(
                "condition changed",
                extra=fields(sensor=e.sensor, condition=e.condition, state=e.state, label=e.label,
                             confidence=round(e.confidence, 3), votes=f"{e.votes}/{e.of}", seq=e.seq),
            )  # fmt: skip

    def _publish(self) -> None:
        """Every retained state before any backlog on a new connection; else an event before the state it led to."""
        parts = self._parts
        now_s = time.monotonic()
        while parts.control.confirmations:
            confirmation = parts.control.confirmations.popleft()
            if not parts.outbox.note(confirmation, now_s):
                parts.publisher.note(confirmation)
        parts.publisher.refresh(self.status())
        if not parts.publisher.catching_up:
            parts.outbox.pump(now_s)
        parts.publisher.pump()

    def _tend(self) -> None:
        self._attend()
        now_s = time.monotonic()
        listening = self._parts.ingest.connected
        self._noticed += self._parts.pipeline.listen(now_s, time.time_ns(), listening=listening)
        self._publish()
        if self._parts.inbox.shed > self._shed and self._throttle.held_back("shed", now_s) is not None:
            self._shed = self._parts.inbox.shed
            log.error("QoS 0 packets shed: more comes in than is diagnosed", extra=fields(shed=self._shed))
        if now_s >= self._health_due_s:
            self._health_due_s = now_s + self._parts.health_every_s
            self._parts.publisher.health(self.health())
        self._beat()

    def _beat(self) -> None:
        """Tell systemd that work goes on; not when a connection has nobody left to keep it alive."""
        now_s = time.monotonic()
        alive = self._parts.ingest.alive and self._parts.control.alive
        if self._watchdog_s is not None and alive and now_s >= self._watchdog_due_s:
            self._watchdog_due_s = now_s + self._watchdog_s
            systemd.notify("WATCHDOG=1")

    def _finish(self) -> None:
        """Stop taking, diagnose and commit what is here."""
        parts = self._parts
        systemd.notify("STOPPING=1")
        parts.inbox.close()
        deadline_s = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline_s and (messages := parts.inbox.take(1, 0)):
            self._receive(messages[0])
        if len(parts.batch):
            self._flush()
        self._settle()
        parts.store.commit({}, self._cursors, [])

    def _say_goodbye(self) -> None:
        """The last events and alarms, then `stopped`. If the broker does not take that, its will says `offline`."""
        parts = self._parts
        self._await(lambda: parts.publisher.idle and not parts.store.unpublished())
        self._stopped = True
        said = self._await(lambda: parts.publisher.idle)
        parts.ingest.stop()
        parts.control.stop(with_will=not said)
        log.info("stopped", extra=fields(**parts.metrics.totals()))

    def _await(self, done: Callable[[], bool]) -> bool:
        deadline_s = time.monotonic() + FAREWELL_S
        while True:
            self._publish()
            if not self._parts.control.connected or time.monotonic() > deadline_s:
                return False
            if done():
                return True
            time.sleep(0.01)

    def _abandon(self) -> None:
        """Something broke. Commit nothing more, acknowledge nothing more, and let the broker say `offline`."""
        parts = self._parts
        parts.inbox.close()
        parts.ingest.stop()
        parts.control.stop(with_will=True)
        log.error("ended by an error; what was not committed comes again", extra=fields(**parts.metrics.totals()))

    def status(self) -> StatusDocument:
        """The agent as it stands."""
        return status(self._parts, stopped=self._stopped)

    def health(self) -> HealthDocument:
        """Counters, depths and latencies."""
        return health(self._parts)
