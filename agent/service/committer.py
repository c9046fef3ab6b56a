"""Group commit: outcomes, cursors and answers in one transaction; then the acknowledgements and what waited for it.

The order is the delivery promise: a packet is acknowledged only after the commit of every window that it completed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.mqtt.message import ack_all
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.agent.acquisition.ack_tracker import AckTracker, InFlight
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.mqtt.message import Message
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.rpc.reply import Answer
    from drsn.agent.schema.documents import EventDocument
    from drsn.agent.schema.render import Renderer
    from drsn.agent.service.clock import Clock
    from drsn.agent.storage.group_commit import GroupCommit
    from drsn.agent.storage.journal import Journal

log = logging.getLogger(__name__)


@dataclass
class Committer:
    """The only place that writes decisions to the journal and acknowledges packets."""

    tracker: AckTracker
    """Packets in flight, in order of receipt."""
    group: GroupCommit
    """Says when the next commit is due."""
    journal: Journal
    """Writes the transaction."""
    engine: AlarmEngine
    """Its sensors are those whose cursors are kept."""
    renderer: Renderer
    """Changes -> events."""
    publisher: Publisher
    """Publishes results after the commit."""
    recorder: Recorder
    """Hands on evidence after the commit."""
    metrics: Metrics
    """Each packet is counted once, here."""
    clock: Clock
    cursors: dict[str, Cursor] = field(default_factory=dict)
    """Sensor -> cursor, of acknowledged packets that are not committed yet."""
    noted: list[Outcome] = field(default_factory=list)
    """Outcomes without a window that are not committed yet."""
    counted: bool = False
    """Windows were counted since the last commit."""

    def track(self, messages: Sequence[Message]) -> list[InFlight]:
        """Begin to track packets, in order of receipt."""
        now_s = self.clock.monotonic_s()
        if messages:
            qos0_only = not any(each.qos for each in messages)
            self.group.packet_arrived(now_s, qos0_only=qos0_only, unacknowledged=self.tracker.unacknowledged)
        return self.tracker.open_all(messages, now_s)

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes that no window led to; the next commit writes them."""
        self.noted += outcomes

    def wait_s(self, now_s: float) -> float | None:
        """How long the next commit may still wait, in seconds; None: there is nothing to commit."""
        return self.group.due_in_s(len(self.tracker), now_s)

    def commit_windows(self, decisions: Sequence[Decisions]) -> bool:
        """The same as `commit` for what was decided about the windows of batches."""
        return self.commit([outcome for each in decisions for _, outcome in each.outcomes], windows=bool(decisions))

    def commit(
        self,
        outcomes: Sequence[Outcome] = (),
        answer: Answer | None = None,
        *,
        windows: bool = False,
        now: bool = False,
    ) -> bool:
        """Commit what was decided if it is due; then acknowledge the packets that are done.

        Votes wait for others (group commit). A transition, an answer, and `now` do not wait.

        Args:
            outcomes: of windows that changed something, or of a command.
            answer: of a command; it is committed with the outcomes, before it goes out.
            windows: windows were counted since the last call.
            now: commit even if more might join.

        Returns:
            False: nothing was committed yet.
        """
        now_s, self.counted = self.clock.monotonic_s(), self.counted or windows
        self.recorder.capture_last(self.noted)
        self.group.add([*self.noted, *outcomes], now_s, waiting=windows or self.tracker.any_done)
        self.noted = []
        if not now and answer is None and self.wait_s(now_s) != 0:
            return False
        due, done = self.group.take(), self.tracker.settle()
        read: dict[str, Cursor] = {}
        for packet in done:
            read |= packet.cursors
        # A sensor without a state has no vote that a repeat could count twice; unknown ids must not fill the disk.
        self.cursors.update({name: cursor for name, cursor in read.items() if name in self.engine.sensors})
        self._store(due, answer)
        ack_all([packet.message for packet in done])
        self._count(done)
        self.publisher.outcomes(due)
        self.recorder.release()
        return True

    def finish(self) -> None:
        """Commit all that is left, at an ordered stop."""
        self.commit(now=True)
        self.journal.commit({}, self.cursors, [])

    def committed_cursors(self) -> dict[str, Cursor]:
        """How far each sensor's packets are acknowledged: sensor -> cursor."""
        return {**self.journal.load().cursors, **self.cursors}

    def _store(self, outcomes: Sequence[Outcome], answer: Answer | None) -> None:
        replies = [answer.reply] if answer and answer.reply and answer.kept else []
        states, counters = changed_states(self.engine, outcomes)
        # A sensor at rest has no new counters, but it is read further.
        if not (outcomes or counters or replies or (self.counted and self.cursors)):
            return
        events = [self.renderer.event(o.name, change) for o in outcomes for change in o.changes]
        for name in [name for name, state in states.items() if not state.conditions]:
            self.cursors.pop(name, None)  # the sensor was forgotten
        self.journal.commit(states, self.cursors, events, replies, counters)
        self.cursors, self.counted = {}, False
        self.metrics.events += len(events)
        _log_events(events)

    def _count(self, done: Iterable[InFlight]) -> None:
        metrics, now_s, latencies_s = self.metrics, self.clock.monotonic_s(), []
        for packet in done:
            if packet.refused is not None:
                metrics.rejected[packet.refused.value] += 1
            elif packet.duplicate:
                metrics.duplicate += 1
            elif packet.stale:
                metrics.stale += 1
            elif packet.other_shard:
                metrics.other_shard += 1
            else:
                latencies_s.append(now_s - packet.message.received_s)
        metrics.processed += len(latencies_s)
        metrics.latency.add_all(latencies_s)


def changed_states(engine: AlarmEngine, outcomes: Iterable[Outcome]) -> tuple[dict[str, SensorState], dict[str, bytes]]:
    """What the next commit writes of the alarm states, as `Journal.commit` takes it.

    Args:
        engine: its states are marked as written.
        outcomes: since the last commit; those of forgotten sensors are not in the engine.

    Returns:
        Sensor -> cold part of its state, where it has changed; sensor -> record of its counters, where they have.
    """
    changed = engine.sensors.take_changed()
    states = {each.name: each.cold for each in changed if each.cold_changed}
    states |= {outcome.name: outcome.sensor for outcome in outcomes if not outcome.sensor.conditions}
    return states, {each.name: each.record for each in changed}


def _log_events(events: Iterable[EventDocument]) -> None:
    for e in events:
        log.info(
            "condition changed",
            extra=fields(sensor=e.sensor, condition=e.condition, state=e.state, label=e.label,
                         confidence=round(e.confidence, 3), votes=f"{e.votes}/{e.of}", seq=e.seq),
        )  # fmt: skip
