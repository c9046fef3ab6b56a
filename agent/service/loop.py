"""The loop: messages in, batches through the network, states committed, packets acknowledged, alarms out.

It runs on the main thread and ends when `stop` is set. The way of a window is one direction:
inbox -> intake -> batch -> backend -> pipeline -> store -> acknowledge -> publish.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.evidence.recorder import fed
from drsn.agent.observability.logs import Throttle, fields
from drsn.agent.service import systemd
from drsn.agent.service.health import health, status
from drsn.model.errors import DrsnError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.mqtt.message import Message
    from drsn.agent.rpc.reply import Answer
    from drsn.agent.schema.documents import EventDocument, HealthDocument, StatusDocument
    from drsn.agent.service.parts import Parts

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

ACK_AGE_S = 60.0
"""A packet in hand for longer is never done: the connection is cut, so that the broker sends it again, with what waits
behind it. A batch takes its deadline, one call of the network and one commit."""

FAULTS = {Reason.NON_FINITE: "non_finite", Reason.WRONG_RATE: "wrong_rate"}
"""Why a packet is refused -> the fault of its sensor that this shows."""

log = logging.getLogger(__name__)


class Loop:
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
            ConfigurationError: another agent has our name, or our state directory.
            UnavailableError: another client has taken our name, or an agent that has had it for longer.
        """
        parts = self._parts
        parts.name.ask()
        systemd.notify("READY=1")
        for reason in parts.reasons:
            log.error("degraded", extra=fields(backend=parts.backend.name, reason=reason))
        log.info("ready", extra=fields(sensors_remembered=len(parts.pipeline.sensors), backend=parts.backend.name))
        try:
            while not stop.is_set():
                self.turn()
            self._finish()
        except BaseException as error:
            if isinstance(error, DrsnError):
                parts.in_hand.blameless()
            self._abandon()
            raise
        self._say_goodbye()

    def turn(self) -> None:
        """Take what is there, diagnose what is due, say what there is to say."""
        parts = self._parts
        now_s = time.monotonic()
        due_s = (parts.batch.wait_s(now_s), parts.group.wait_s(len(parts.receipts), now_s), IDLE_WAIT_S)
        self._take(TAKE, min(wait_s for wait_s in due_s if wait_s is not None))
        if parts.batch.wait_s(time.monotonic()) == 0:
            self._flush()
        self._tend()

    def _take(self, limit: int, timeout_s: float) -> bool:
        """Handle messages from the inbox; one by one if they may be what ended the last run. False: there was none."""
        parts = self._parts
        messages = parts.inbox.take(1 if parts.in_hand.careful else limit, timeout_s)
        # All are in somebody's hands before the first is handled: each counts somewhere at every moment.
        now_s = time.monotonic()
        if messages:
            parts.group.came(now_s, free=not any(each.qos for each in messages), owed=parts.receipts.owed)
        for receipt in [parts.receipts.open(message, now_s) for message in messages]:
            if parts.in_hand.careful:
                self._receive_carefully(receipt)
            else:
                self._receive(receipt)
        return bool(messages)

    def _receive_carefully(self, receipt: InFlight) -> None:
        in_hand, message = self._parts.in_hand, receipt.message
        if in_hand.take(message):
            self._receive(receipt)
        else:
            receipt.refused, receipt.read = Reason.POISON, True
            log.error("packet refused: the agent died of it again and again", extra=fields(topic=message.topic))
        if len(self._parts.batch):
            self._flush()
        self._settle(now=True)
        in_hand.done()

    def _receive(self, receipt: InFlight) -> None:
        parts, message = self._parts, receipt.message
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

    def _settle(self, decided: Sequence[Outcome] = (), answer: Answer | None = None, *, now: bool = False) -> None:
        """Commit what was decided, together with the cursors of the packets that are done; then acknowledge them.

        Votes wait for others (`group`), unless it must be `now`; answers and what changes an alarm wait for nobody.
        """
        parts, now_s = self._parts, time.monotonic()
        parts.evidence.notice(self._noticed)
        parts.group.hold([*self._noticed, *decided], now_s, done=parts.receipts.any_done)
        self._noticed = []
        if not now and answer is None and parts.group.wait_s(len(parts.receipts), now_s) != 0:
            return
        outcomes, settled = parts.group.take(), parts.receipts.settle()
        known = parts.pipeline.sensors
        for receipt in settled:
            # One without a state has no vote that a repeat could double; strangers must not fill the database.
            self._cursors.update({name: cursor for name, cursor in receipt.cursors.items() if name in known})
        replies = [answer.reply] if answer and answer.reply and answer.kept else []
        if outcomes or replies:
            states: dict[str, SensorState] = {o.name: o.sensor for o in outcomes}
            events = [parts.renderer.event(o.name, change) for o in outcomes for change in o.changes]
            for name in [name for name, state in states.items() if not state.conditions]:
                self._cursors.pop(name, None)  # forgotten
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
            elif receipt.stale:
                parts.metrics.stale += 1
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
        parts.publisher.refresh(self.status(), again=parts.name.belied(now_s))
        if not parts.publisher.catching_up:
            parts.outbox.pump(now_s)
        parts.publisher.pump()

    def _tend(self) -> None:
        self._attend()
        now_s = time.monotonic()
        self._parts.name.keep(now_s)
        self._parts.store.tend(now_s)
        self._parts.expiry.tend(now_s, time.time(), self._parts.control.certificate)
        self._hasten(now_s)
        connected = self._parts.ingest.connected
        self._noticed += self._parts.pipeline.tick(now_s, time.time_ns(), connected=connected)
        self._settle()  # before anything is published, and not only when the next packet has come
        self._publish()
        if self._parts.inbox.shed > self._shed and self._throttle.held_back("shed", now_s) is not None:
            self._shed = self._parts.inbox.shed
            log.error("QoS 0 packets shed: more comes in than is diagnosed", extra=fields(shed=self._shed))
        if now_s >= self._health_due_s:
            self._health_due_s = now_s + self._parts.health_every_s
            self._parts.publisher.health(self.health())
        self._beat()

    def _hasten(self, now_s: float) -> None:
        """A packet that is never done holds up the acknowledgement of all behind it, and one day all that comes in."""
        parts = self._parts
        if parts.receipts.overdue(now_s, ACK_AGE_S):
            self._settle(now=True)  # what waits for a commit alone is done
        if not parts.receipts.overdue(now_s, ACK_AGE_S):
            return
        held = parts.receipts.give_up()
        shed = parts.inbox.recall(held, parts.ingest.epoch)
        parts.batch.clear()
        parts.intake.rewind({**parts.store.load().cursors, **self._cursors})
        parts.metrics.reconnects += 1
        told = fields(packets=len(held), shed=shed, after_s=ACK_AGE_S)
        log.error("acknowledgements overdue, connecting anew", extra=told)
        parts.ingest.reconnect()

    def _beat(self) -> None:
        """Tell systemd that work goes on; not when a connection has nobody left to keep it alive."""
        now_s = time.monotonic()
        if self._watchdog_s is not None and self._parts.name.alive and now_s >= self._watchdog_due_s:
            self._watchdog_due_s = now_s + self._watchdog_s
            systemd.notify("WATCHDOG=1")

    def _finish(self) -> None:
        """Stop taking, diagnose and commit what is here."""
        parts = self._parts
        parts.inbox.close()
        deadline_s = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline_s and self._take(1, 0):
            pass
        if len(parts.batch):
            self._flush()
        self._settle(now=True)
        parts.store.commit({}, self._cursors, [])

    def _say_goodbye(self) -> None:
        """The last events and alarms, then `stopped`. If the broker does not take that, its will says `offline`."""
        parts = self._parts
        self._await(lambda: parts.publisher.idle and not parts.store.unpublished())
        self._stopped = True
        said = self._await(lambda: parts.publisher.idle)
        for connection in (parts.probe, parts.ingest):
            connection.stop()
        parts.control.stop(with_will=not said)
        parts.in_hand.end()
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
        for connection in (parts.probe, parts.ingest):
            connection.stop()
        parts.control.stop(with_will=not parts.name.lost)
        log.error("ended by an error; what was not committed comes again", extra=fields(**parts.metrics.totals()))

    def status(self) -> StatusDocument:
        """The agent as it stands."""
        return status(self._parts, stopped=self._stopped)

    def health(self) -> HealthDocument:
        """Counters, depths and latencies."""
        return health(self._parts)
