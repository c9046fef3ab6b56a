"""Keeps the last windows of every sensor, and takes a copy of them when an event comes of one."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from drsn.agent.acquisition.memory_quota import MemoryQuota
from drsn.agent.decision.alarm_state import OWN
from drsn.agent.evidence.batch_buffer import BatchBuffer
from drsn.agent.evidence.quantise import quantise
from drsn.agent.evidence.window_history import Fact, Shape, WindowHistory, trail_bytes
from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.acquisition.sensor_faults import WindowStats
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.backends.backend import Outputs
    from drsn.agent.decision.alarm_engine import AlarmEngine, Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.evidence.batch_buffer import Row
    from drsn.agent.evidence.window_history import Arrays
    from drsn.agent.schema.documents import EventDocument

WAITING_BYTES = 32 << 20
"""Copies that wait for the commit of their events, and as many again that wait for the disk: 850 events of eight
windows of 2,048 samples. What comes then has no evidence, and is counted."""

FACTS_BYTES = 4096
"""What a copy takes besides its arrays, generously."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The windows behind an event, copied."""

    event: EventDocument
    decided: bool
    """By the last of the windows; False: without one."""
    sample_rate_hz: float
    facts: tuple[Fact, ...]
    arrays: Arrays

    @property
    def nbytes(self) -> int:
        """In memory."""
        return FACTS_BYTES + sum(array.nbytes for array in self.arrays.named().values())


class Writer(Protocol):
    """Where snapshots go."""

    written: int
    failed: int
    problem: str | None

    @property
    def bytes(self) -> int:
        """Of all that is written."""
        ...

    def take(self, snapshot: Snapshot) -> bool:
        """Take it at once; False: no room."""
        ...

    def close(self) -> None:
        """Write what waits, and end."""
        ...


class Recorder:
    """Of all sensors of one agent: `stage` each window of a batch, `saw` it diagnosed, `release` after the commit.

    Arrays are allocated with the first window of a sensor, with the first one of a longer window, and with an event.

    Args:
        windows: kept for each sensor; 0: no evidence.
        max_batch: windows of one batch.
        writer: takes what an event leaves.
        most_bytes: of all sensors' arrays; of more the largest go, and their events have no evidence.
    """

    def __init__(self, windows: int, max_batch: int, writer: Writer, most_bytes: float = math.inf) -> None:
        self.dropped = 0
        """Events whose evidence found no room: to wait, or its windows before."""
        self._windows = windows
        self._writer = writer
        self._trails: dict[str, WindowHistory] = {}
        self._held: list[Snapshot] = []
        self._held_bytes = 0
        self._room = MemoryQuota(most_bytes, self._crowd_out)
        self._crowded_out: set[str] = set()
        self._staging = BatchBuffer(max_batch)
        self._throttle = Throttle()

    @property
    def nbytes(self) -> int:
        """Of the sensors' arrays."""
        return self._room.used

    @property
    def problem(self) -> str | None:
        """Why the last record was not written; None: it was."""
        return self._writer.problem

    def counts(self) -> dict[str, int]:
        """Records since the start: written, failed (the disk), dropped (no room); bytes of all on the disk.

        And of now: bytes of the sensors' windows in memory, and how many sensors have no room for theirs.
        """
        writer = self._writer
        return {
            "written": writer.written,
            "failed": writer.failed,
            "dropped": self.dropped,
            "bytes": writer.bytes,
            "memory_bytes": self.nbytes,
            "crowded_out": len(self._crowded_out),
        }

    def stage(self, place: int, window: Window, look: WindowStats) -> None:
        """Take a window's samples while they are valid; `place` is its row of the batch."""
        if not self._windows:
            return
        row = self._staging.row(place, window)
        if row.kept:
            work = self._staging.work(window)
            row.lossless = quantise(
                window.samples, window.count, look.low, look.high, row.counts, row.scale, row.offset, work
            )

    def saw(self, place: int, before: SensorState | None, outcome: Outcome, outputs: Outputs, now_unix_ns: int) -> None:
        """A staged window was diagnosed; what it decided is held until `release`.

        Args:
            place: its row of the batch and of the outputs.
            before: the sensor's alarms before the window; None: nothing was known.
            outcome: of the window.
            outputs: of the batch.
            now_unix_ns: the agent's clock when it judged.
        """
        if not self._windows:
            return
        row = self._staging.rows[place]
        trail = self._trail(outcome.name, row, outputs)
        if trail is not None:
            arrays, at = trail.place()
            arrays.counts[at], arrays.scale[at], arrays.offset[at] = row.counts, row.scale, row.offset
            arrays.probabilities[at], arrays.novelty[at] = outputs.probabilities[place], outputs.novelty[place]
            if outputs.alpha is not None:
                arrays.alpha[at] = outputs.alpha[place]
            trail.add(_fact(row, before, outcome, now_unix_ns))
        self._keep(outcome.events, decided=True)

    def notice(self, outcomes: Iterable[Outcome]) -> None:
        """What was decided without a window, of a sensor that fell silent or whose packet was refused: its last ones.

        What a person has commanded needs no evidence.
        """
        for outcome in outcomes:
            self._keep((e for e in outcome.events if e.by is None and e.condition in OWN), decided=False)

    def _keep(self, events: Iterable[EventDocument], *, decided: bool) -> None:
        """Hold copies of the windows behind these events; a sensor that has made no window since the start has none."""
        for event in events:
            trail = self._trails.get(event.sensor)
            if trail is None:
                self.dropped += event.sensor in self._crowded_out
                continue
            if self._held_bytes + trail.nbytes > WAITING_BYTES:
                self.dropped += 1
                continue
            facts, arrays = trail.copy()
            self._held.append(Snapshot(event, decided, trail.shape.sample_rate_hz, facts, arrays))
            self._held_bytes += self._held[-1].nbytes

    def release(self) -> None:
        """The events are committed and on their way: hand on what is held."""
        if self._held:
            self.dropped += sum(not self._writer.take(snapshot) for snapshot in self._held)
            self._held.clear()
            self._held_bytes = 0

    def close(self) -> None:
        """Write what waits; what is still held was never committed, and is nothing."""
        self._writer.close()

    def forget(self, sensor: str) -> None:
        """Let a sensor's windows go."""
        self._trails.pop(sensor, None)
        self._room.leave(sensor)
        self._crowded_out.discard(sensor)

    def _crowd_out(self, sensor: str) -> None:
        """No room for a sensor's windows."""
        self.forget(sensor)
        self._crowded_out.add(sensor)
        held = self._throttle.held_back("crowded out", time.monotonic())
        if held is not None:
            log.warning("no memory for the windows of a sensor: its events will have no evidence; lower its rate or "
                        "evidence.windows, or raise agent.max_sensors",
                        extra=fields(sensor=sensor, sensors=len(self._crowded_out), more_like_it=held))  # fmt: skip

    def _trail(self, sensor: str, row: Row, outputs: Outputs) -> WindowHistory | None:
        """The sensor's own, of windows of this shape; another shape begins anew. None: there is no room for it."""
        alpha, trail = outputs.alpha, self._trails.get(sensor)
        shape = Shape(
            row.shape[0],
            row.shape[1],
            row.sample_rate_hz,
            outputs.probabilities.shape[1],
            0 if alpha is None else alpha.shape[1],
        )
        if trail is not None and trail.shape == shape and row.kept:
            return trail
        if not (row.kept and self._room.take(sensor, trail_bytes(self._windows, shape))):
            self._crowd_out(sensor)
            return None
        self._crowded_out.discard(sensor)
        self._trails[sensor] = trail = WindowHistory(self._windows, shape)
        return trail


def _fact(row: Row, before: SensorState | None, outcome: Outcome, now_unix_ns: int) -> Fact:
    diagnosis = outcome.diagnosis
    assert diagnosis is not None
    return Fact(
        reading=diagnosis.reading,
        advance=row.advance,
        clipped=row.clipped,
        rate_error=row.rate_error,
        lossless=row.lossless,
        condition=diagnosis.condition,
        label=diagnosis.label,
        confidence=diagnosis.confidence,
        suppressed_by=outcome.suppressed_by,
        decided_unix_ns=now_unix_ns,
        before=before,
        after=outcome.sensor,
    )


def fed(
    pipeline: AlarmEngine, keeper: Recorder | None, place: int, diagnosis: Diagnosis, outputs: Outputs, now_unix_ns: int
) -> Outcome:
    """Let a diagnosed window of a batch speak, and keep it; `place` is its row of the batch and of the outputs."""
    before = pipeline.sensors.get(diagnosis.reading.sensor)
    outcome = pipeline.feed(diagnosis, now_unix_ns)
    if keeper is not None:
        keeper.saw(place, before, outcome, outputs, now_unix_ns)
    return outcome
