"""The way of a window: packet -> windows -> batch -> network -> diagnosis -> alarm state.

One pipeline for every user: the loop, the replay of evidence and the alarm tests call it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import Reason
from drsn.agent.observability.metrics import Metrics
from drsn.agent.service.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.batcher import Batcher
    from drsn.agent.acquisition.codecs import PacketError
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.acquisition.notice import Notice
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.agent.backends.backend import Backend, Outputs
    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.decision.diagnosis import Interpreter
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.monitoring.monitors import BatchMonitor
    from drsn.agent.service.overlap import Overlap

SENSOR_FAULT_OF = {Reason.NON_FINITE: "non_finite", Reason.WRONG_RATE: "wrong_rate"}
"""Why a packet is refused -> the sensor fault that this shows."""


@dataclass
class Pipeline:
    """From packets to outcomes, the same for every caller; it commits and publishes nothing."""

    intake: Intake | None
    """Packets -> windows; None: windows come by `add` alone."""
    batcher: Batcher
    """Windows -> batches for one call of the network; with an overlap, the one that is filled now."""
    backend: Backend
    """Runs the network."""
    interpret: Interpreter
    """Outputs of the network -> diagnoses."""
    engine: AlarmEngine
    """The alarm states; a diagnosis changes the state of its sensor."""
    monitors: BatchMonitor | None = None
    """Evaluate each batch beside the network; None: no sensor has a monitor."""
    recorder: Recorder | None = None
    """Keeps the windows as evidence."""
    metrics: Metrics = field(default_factory=Metrics)
    """Counts windows and batches, and measures the calls of the network."""
    clock: Clock = field(default_factory=Clock)
    decided_at: Callable[[WindowBatch], Sequence[int]] | None = None
    """Batch -> time of the decision of each row, ns since 1970; None: the time of the clock."""
    on_decisions: Callable[[Decisions], None] = lambda _decisions: None
    """Called with the decisions of each batch while its rows are valid."""
    overlap: Overlap | None = None
    """Runs full batches while the next one is filled; None: a full batch is diagnosed at once."""

    @property
    def empty(self) -> bool:
        """No window waits for the network or is in it."""
        return not len(self.batcher) and not (self.overlap is not None and self.overlap.busy)

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until `tend` has something to do; None: not before the next window, or the end of a call."""
        return 0.0 if self.overlap is not None and self.overlap.done else self.batcher.wait_s(now_s)

    def process(self, packet: InFlight) -> list[Decisions]:
        """Read a packet into windows, and diagnose each batch that is full.

        Returns:
            The decisions of the batches that were diagnosed, in order; they may be of earlier packets.

        Raises:
            PacketError: the packet is refused; none of its samples was read.
        """
        assert self.intake is not None, "packets need an intake"
        decisions: list[Decisions] = []

        def add(sensor: str, window: Window) -> None:
            if not self.batcher.fits(window):
                decisions.extend(self._hand_over())
            batcher = self.batcher
            batcher.add(sensor, window, packet, 0.0 if batcher.batch.size else self.clock.monotonic_s())

        self.intake.receive(packet.message, packet, add)
        packet.read = True
        if self.batcher.full:
            decisions += self._hand_over()
        return decisions

    def add(self, sensor: str, window: Window, packet: InFlight) -> None:
        """Add one window to the batch; there must be room.

        Args:
            sensor: id of its sensor.
            window: its samples are copied.
            packet: the packet that completed it.
        """
        self.batcher.add(sensor, window, packet, self.clock.monotonic_s())

    def refuse(self, packet: InFlight, error: PacketError) -> list[Outcome]:
        """Mark a packet as refused; a refusal may show that the sensor is at fault, which is an outcome."""
        packet.refused, packet.read = error.reason, True
        return self.note_refusal(error, packet.message.topic)

    def note_refusal(self, error: PacketError, topic: str) -> list[Outcome]:
        """Take the refusal of a packet of this topic, which may show that its sensors are at fault."""
        if self.intake is not None:
            self.intake.watch.refuse(error.sensors or (topic,), error.reason, self.clock.unix_ns())
        fault = SENSOR_FAULT_OF.get(error.reason)
        if fault is None:
            return []
        now_unix_ns = self.clock.unix_ns()
        watched = [name for name in error.sensors if fault not in self.batcher.ignored_faults(name)]
        return [o for name in watched if (o := self.engine.refuse(name, fault, now_unix_ns)) is not None]

    def tend(self, now_s: float) -> list[Decisions]:
        """Decide about the batch whose call has ended, and about the one that has waited for its deadline.

        Args:
            now_s: monotonic.
        """
        decisions = self._finish() if self.overlap is not None and self.overlap.done else []
        return decisions + self.flush() if self.batcher.wait_s(now_s) == 0 else decisions

    def flush(self) -> list[Decisions]:
        """Diagnose all windows, change the alarm states, and empty the batches.

        Returns:
            The decisions of each batch, in order; empty if there is no window.
        """
        decisions = self._finish()
        if len(self.batcher):
            self.batcher.measure()
            before_s = self.clock.monotonic_s()
            outputs = self.backend.infer(self.batcher.x)
            decisions.append(self._decide(self.batcher, outputs, self.clock.monotonic_s() - before_s))
        return decisions

    def _hand_over(self) -> list[Decisions]:
        """Let the network run the batch while the next one is filled; return the decisions of the one before."""
        if self.overlap is None:
            return self.flush()
        decisions = self._finish()
        self.batcher.measure()
        self.batcher = self.overlap.start(self.batcher)
        return decisions

    def _finish(self) -> list[Decisions]:
        """Wait for the batch that is in the network, if there is one."""
        if self.overlap is None or not self.overlap.busy:
            return []
        return [self._decide(*self.overlap.finish())]

    def _decide(self, batcher: Batcher, outputs: Outputs, call_s: float) -> Decisions:
        """Change the alarm states by the network's outputs, and empty the batch."""
        self.metrics.inference.add(call_s)
        size, findings = len(batcher), None if self.monitors is None else self.monitors(batcher, outputs)
        diagnoses = self.interpret.columns(batcher.batch, outputs, findings)
        decided = [self.clock.unix_ns()] * size if self.decided_at is None else self.decided_at(batcher.batch)
        decisions = self.engine.feed_batch(diagnoses, decided)
        if self.recorder is not None:
            self.recorder.record(batcher, decisions, decided)
        self.on_decisions(decisions)
        batcher.clear()
        self.metrics.batches += 1
        self.metrics.windows += size
        return decisions

    def take_notices(self) -> list[Notice]:
        """Return the warnings since the last call, oldest first, for the log."""
        of_intake = [] if self.intake is None else self.intake.take_notices()
        return of_intake if self.monitors is None else of_intake + self.monitors.notices.take()

    def rewind(self, cursors: Mapping[str, Cursor]) -> None:
        """Empty the batches without a decision, and read on from these cursors: the packets are sent again.

        Args:
            cursors: sensor -> how far its packets are acknowledged.
        """
        if self.overlap is not None and self.overlap.busy:
            self.overlap.finish()[0].clear()
        self.batcher.clear()
        if self.intake is not None:
            self.intake.rewind(cursors)
