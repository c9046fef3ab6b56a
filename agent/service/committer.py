"""Group commit: outcomes, cursors and answers in one transaction; then the acknowledgements and what waited for it.

The order is the delivery promise: a packet is acknowledged only after the commit of every window that it completed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.agent.acquisition.ack_tracker import AckTracker, InFlight
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.mqtt.message import Message
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.rpc.dispatcher import Answer
    from drsn.agent.schema.documents import EventDocument
    from drsn.agent.service.clock import Clock
    from drsn.agent.storage.group_commit import GroupCommit
    from drsn.agent.storage.journal import Journal

log = logging.getLogger(__name__)


class Committer:
    """The only place that writes decisions to the journal and acknowledges packets.

    Args:
        tracker: packets in flight, in order of receipt.
        group: says when the next commit is due.
        journal: the transaction.
        engine: its sensors are those whose cursors are kept.
        publisher: publishes results after the commit.
        recorder: hands on evidence after the commit.
        metrics: each packet is counted once, here.
        clock: for waits and latencies.
    """

    def __init__(
        self,
        tracker: AckTracker,
        group: GroupCommit,
        journal: Journal,
        engine: AlarmEngine,
        *,
        publisher: Publisher,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._tracker, self._group, self._journal, self._engine = tracker, group, journal, engine
        self._publisher, self._recorder, self._metrics, self._clock = publisher, recorder, metrics, clock
        self._cursors: dict[str, Cursor] = {}  # of acknowledged packets, not committed yet
        self._noted: list[Outcome] = []  # decided without a window, not committed yet

    def track(self, messages: Sequence[Message]) -> list[InFlight]:
        """Begin to track packets, in order of receipt."""
        now_s = self._clock.monotonic_s()
        if messages:
            qos0_only = not any(each.qos for each in messages)
            self._group.packet_arrived(now_s, qos0_only=qos0_only, unacknowledged=self._tracker.owed)
        return [self._tracker.open(message, now_s) for message in messages]

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes that no window led to; the next commit writes them."""
        self._noted += outcomes

    def wait_s(self, now_s: float) -> float | None:
        """How long the next commit may still wait, in seconds; None: there is nothing to commit."""
        return self._group.due_in_s(len(self._tracker), now_s)

    def commit(self, outcomes: Sequence[Outcome] = (), answer: Answer | None = None, *, now: bool = False) -> None:
        """Commit what was decided if it is due; then acknowledge the packets that are done.

        Votes wait for others (group commit). A transition, an answer, and `now` do not wait.

        Args:
            outcomes: of windows or of a command.
            answer: of a command; it is committed with the outcomes, before it goes out.
            now: commit even if more might join.
        """
        now_s = self._clock.monotonic_s()
        self._recorder.notice(self._noted)
        self._group.add([*self._noted, *outcomes], now_s, packet_done=self._tracker.any_done)
        self._noted = []
        if not now and answer is None and self.wait_s(now_s) != 0:
            return
        due, done = self._group.take(), self._tracker.settle()
        for packet in done:
            # A sensor without a state has no vote that a repeat could count twice; unknown ids must not fill the disk.
            self._cursors.update({n: cursor for n, cursor in packet.cursors.items() if n in self._engine.sensors})
        self._store(due, answer)
        for packet in done:
            packet.message.ack()
            self._count(packet)
        self._publisher.outcomes(due, self._clock.monotonic_s())
        self._recorder.release()

    def finish(self) -> None:
        """Commit all that is left, at an ordered stop."""
        self.commit(now=True)
        self._journal.commit({}, self._cursors, [])

    def committed_cursors(self) -> dict[str, Cursor]:
        """How far each sensor's packets are acknowledged: sensor -> cursor."""
        return {**self._journal.load().cursors, **self._cursors}

    def _store(self, outcomes: Sequence[Outcome], answer: Answer | None) -> None:
        replies = [answer.reply] if answer and answer.reply and answer.kept else []
        if not outcomes and not replies:
            return
        states = {outcome.name: outcome.sensor for outcome in outcomes}
        events = [event for outcome in outcomes for event in outcome.events]
        for name in [name for name, state in states.items() if not state.conditions]:
            self._cursors.pop(name, None)  # the sensor was forgotten
        self._journal.commit(states, self._cursors, events, replies)
        self._cursors = {}
        self._metrics.events += len(events)
        _log_events(events)

    def _count(self, packet: InFlight) -> None:
        metrics = self._metrics
        if packet.refused is not None:
            metrics.rejected[packet.refused.value] += 1
        elif packet.duplicate:
            metrics.duplicate += 1
        elif packet.stale:
            metrics.stale += 1
        else:
            metrics.processed += 1
            metrics.latency.add(self._clock.monotonic_s() - packet.message.received_s)


def _log_events(events: Iterable[EventDocument]) -> None:
    for e in events:
        log.info(
            "condition changed",
            extra=fields(sensor=e.sensor, condition=e.condition, state=e.state, label=e.label,
                         confidence=round(e.confidence, 3), votes=f"{e.votes}/{e.of}", seq=e.seq),
        )  # fmt: skip
