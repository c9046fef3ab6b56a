"""Keeps the last windows of every sensor, and takes a copy of them when an event comes of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from drsn.agent.alarms import OWN
from drsn.agent.evidence.quantise import quantise
from drsn.agent.evidence.trail import Fact, Shape, Trail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from drsn.agent.alarms import Sensor
    from drsn.agent.diagnosis import Diagnosis
    from drsn.agent.documents import EventDocument
    from drsn.agent.evidence.trail import Arrays
    from drsn.agent.pipeline import Outcome, Pipeline
    from drsn.agent.ports import Outputs
    from drsn.agent.sensor_faults import Look
    from drsn.agent.stream import Window

WAITING_BYTES = 32 << 20
"""Copies that wait for the commit of their events, and as many again that wait for the disk: 850 events of eight
windows of 2,048 samples. What comes then has no evidence, and is counted."""

FACTS_BYTES = 4096
"""What a copy takes besides its arrays, generously."""


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


class _Row:
    """A place in the batch: a window that is not diagnosed yet. Its memory grows to the longest window seen."""

    window: Window
    lossless: bool

    def __init__(self) -> None:
        self._flat: NDArray[np.int16] = np.zeros(0, np.int16)
        self.counts: NDArray[np.int16] = self._flat.reshape(1, 0)
        self.scale: NDArray[np.float32] = np.zeros(1, np.float32)
        self.offset: NDArray[np.float32] = np.zeros(1, np.float32)

    def fit(self, channels: int, samples: int) -> None:
        """Make room for a window of this shape."""
        if channels * samples > self._flat.size:
            self._flat = np.zeros(channels * samples, np.int16)
        self.counts = self._flat[: channels * samples].reshape(channels, samples)
        if channels != len(self.scale):
            self.scale, self.offset = np.zeros(channels, np.float32), np.zeros(channels, np.float32)


class Keeper:
    """Of all sensors of one agent: `stage` each window of a batch, `saw` it diagnosed, `release` after the commit.

    Arrays are allocated with the first window of a sensor, with the first one of a longer window, and with an event.

    Args:
        windows: kept for each sensor; 0: no evidence.
        max_batch: windows of one batch.
        writer: takes what an event leaves.
    """

    def __init__(self, windows: int, max_batch: int, writer: Writer) -> None:
        self.dropped = 0
        """Events whose evidence found no room to wait."""
        self._windows = windows
        self._writer = writer
        self._trails: dict[str, Trail] = {}
        self._held: list[Snapshot] = []
        self._held_bytes = 0
        self._rows = [_Row() for _ in range(max_batch)]
        self._work: NDArray[np.float32] = np.zeros(0, np.float32)

    @property
    def nbytes(self) -> int:
        """Of the sensors' arrays."""
        return sum(trail.nbytes for trail in self._trails.values())

    @property
    def problem(self) -> str | None:
        """Why the last record was not written; None: it was."""
        return self._writer.problem

    def counts(self) -> dict[str, int]:
        """Records since the start: written, failed (the disk), dropped (no room to wait); bytes of all on the disk."""
        writer = self._writer
        return {
            "written": writer.written,
            "failed": writer.failed,
            "dropped": self.dropped,
            "bytes": writer.bytes,
        }

    def stage(self, place: int, window: Window, look: Look) -> None:
        """Take a window's samples while they are valid; `place` is its row of the batch."""
        if not self._windows:
            return
        row, shape = self._rows[place], window.samples.shape
        if row.counts.shape != shape:
            row.fit(*shape)
        if self._work.size < window.samples.size:
            self._work = np.zeros(window.samples.size, np.float32)
        work = self._work[: window.samples.size].reshape(shape)
        row.lossless = quantise(
            window.samples, window.count, look.low, look.high, row.counts, row.scale, row.offset, work
        )
        row.window = window

    def saw(self, place: int, before: Sensor | None, outcome: Outcome, outputs: Outputs, now_unix_ns: int) -> None:
        """A staged window was diagnosed; what it decided is held until `release`.

        Args:
            place: its row of the batch and of the outputs.
            before: the sensor's alarms before the window; None: nothing was known.
            outcome: of the window.
            outputs: of the batch.
            now_unix_ns: the agent's clock when it judged.
        """
        row, diagnosis = self._rows[place], outcome.diagnosis
        assert diagnosis is not None
        if not self._windows:
            return
        trail = self._trail(outcome.name, row, outputs)
        arrays, at = trail.place()
        arrays.counts[at], arrays.scale[at], arrays.offset[at] = row.counts, row.scale, row.offset
        arrays.probabilities[at], arrays.novelty[at] = outputs.probabilities[place], outputs.novelty[place]
        if outputs.alpha is not None:
            arrays.alpha[at] = outputs.alpha[place]
        trail.add(
            Fact(
                reading=diagnosis.reading,
                advance=row.window.advance,
                clipped=row.window.clipped,
                rate_error=row.window.rate_error,
                lossless=row.lossless,
                condition=diagnosis.condition,
                label=diagnosis.label,
                confidence=diagnosis.confidence,
                suppressed_by=outcome.suppressed_by,
                decided_unix_ns=now_unix_ns,
                before=before,
                after=outcome.sensor,
            )
        )
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

    def _trail(self, sensor: str, row: _Row, outputs: Outputs) -> Trail:
        """The sensor's own, of windows of this shape; another shape begins anew."""
        alpha, trail = outputs.alpha, self._trails.get(sensor)
        shape = Shape(
            row.counts.shape[0],
            row.counts.shape[1],
            row.window.sample_rate_hz,
            outputs.probabilities.shape[1],
            0 if alpha is None else alpha.shape[1],
        )
        if trail is None or trail.shape != shape:
            trail = self._trails[sensor] = Trail(self._windows, shape)
        return trail


def fed(
    pipeline: Pipeline, keeper: Keeper | None, place: int, diagnosis: Diagnosis, outputs: Outputs, now_unix_ns: int
) -> Outcome:
    """Let a diagnosed window of a batch speak, and keep it; `place` is its row of the batch and of the outputs."""
    before = pipeline.sensors.get(diagnosis.reading.sensor)
    outcome = pipeline.feed(diagnosis, now_unix_ns)
    if keeper is not None:
        keeper.saw(place, before, outcome, outputs, now_unix_ns)
    return outcome
