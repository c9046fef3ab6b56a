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
    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.decision.diagnosis import Diagnoses, Interpreter
    from drsn.agent.evidence.recorder import Recorder

SENSOR_FAULT_OF = {Reason.NON_FINITE: "non_finite", Reason.WRONG_RATE: "wrong_rate"}
"""Why a packet is refused -> the sensor fault that this shows."""


@dataclass(frozen=True)
class Pipeline:
    """From packets to outcomes, the same for every caller; it commits and publishes nothing."""

    intake: Intake | None
    """Packets -> windows; None: windows come by `add` alone."""
    batcher: Batcher
    """Windows -> batches for one call of the network."""
    backend: Backend
    """Runs the network."""
    interpret: Interpreter
    """Outputs of the network -> diagnoses."""
    engine: AlarmEngine
    """The alarm states; a diagnosis changes the state of its sensor."""
    recorder: Recorder | None = None
    """Keeps the windows as evidence."""
    metrics: Metrics = field(default_factory=Metrics)
    """Counts windows and batches, and measures the calls of the network."""
    clock: Clock = field(default_factory=Clock)
    decided_at: Callable[[WindowBatch], Sequence[int]] | None = None
    """Batch -> time of the decision of each row, ns since 1970; None: the time of the clock."""
    after_batch: Callable[[], None] = lambda: None
    """Called after each call of the network, which may take long."""
    on_decisions: Callable[[Decisions], None] = lambda _decisions: None
    """Called with the decisions of each batch while its rows are valid."""

    def wait_s(self, now_s: float) -> float | None:
        """How long the batch may still wait, in seconds; 0: it is due; None: it is empty."""
        return self.batcher.wait_s(now_s)

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
                decisions.extend(self.flush())
            self.add(sensor, window, packet)

        self.intake.receive(packet.message, packet, add)
        packet.read = True
        if self.batcher.full:
            decisions += self.flush()
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
        fault = SENSOR_FAULT_OF.get(error.reason)
        if fault is None:
            return []
        now_unix_ns = self.clock.unix_ns()
        watched = [name for name in error.sensors if fault not in self.batcher.ignored_faults(name)]
        return [o for name in watched if (o := self.engine.refuse(name, fault, now_unix_ns)) is not None]

    def diagnose(self) -> Diagnoses:
        """Condition and measure the windows of the batch, and call the network; the batch stays as it is.

        Returns:
            One row for each window.
        """
        batch = self.batcher.measure()
        before_s = self.clock.monotonic_s()
        outputs = self.backend.infer(self.batcher.x)
        self.metrics.inference.add(self.clock.monotonic_s() - before_s)
        self.after_batch()
        return self.interpret.columns(batch, outputs)

    def flush(self) -> list[Decisions]:
        """Diagnose the batch, change the alarm states, and empty the batch.

        Returns:
            The decisions of the batch; empty if it has no window.
        """
        size = len(self.batcher)
        if not size:
            return []
        diagnoses = self.diagnose()
        decided = [self.clock.unix_ns()] * size if self.decided_at is None else self.decided_at(diagnoses.batch)
        decisions = self.engine.feed_batch(diagnoses, decided)
        if self.recorder is not None:
            self.recorder.record(self.batcher, decisions, decided)
        self.on_decisions(decisions)
        self.batcher.clear()
        self.metrics.batches += 1
        self.metrics.windows += size
        return [decisions]

    def take_notices(self) -> list[Notice]:
        """Return the warnings since the last call, oldest first, for the log."""
        return [] if self.intake is None else self.intake.take_notices()

    def rewind(self, cursors: Mapping[str, Cursor]) -> None:
        """Empty the batch without a diagnosis, and read on from these cursors: the packets are sent again.

        Args:
            cursors: sensor -> how far its packets are acknowledged.
        """
        self.batcher.clear()
        if self.intake is not None:
            self.intake.rewind(cursors)
