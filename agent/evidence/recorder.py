"""Keeps the last windows of every sensor in memory, and copies them when a sensor has an event."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.memory_quota import MemoryQuota
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.slot_parameters import SUPPRESSORS
from drsn.agent.evidence.capture import WAITING_BYTES, Capture
from drsn.agent.evidence.window_history import (
    NoteForm,
    WindowHistory,
    WindowShape,
    empty_notes,
    history_bytes,
    note_dtype,
    with_findings,
)
from drsn.agent.observability.logs import Throttle, fields
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.batcher import Batcher
    from drsn.agent.acquisition.rate_group import RateGroup
    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import Change
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.evidence.window_history import HistoryCopy
    from drsn.agent.evidence.writer import Writer
    from drsn.agent.schema.documents import EventDocument

log = logging.getLogger(__name__)


class Recorder:
    """Records the windows of all sensors: `record` adds a window, `release` passes the captures on after the commit.

    Arrays are allocated for the first window of a sensor, for the first longer window, and for an event.

    Args:
        windows: kept of each sensor; 0: no evidence.
        writer: takes the captures.
        render: makes the event of a sensor's change.
        max_bytes: of all sensors' arrays; above that the largest are dropped, and their events have no evidence.
        waiting_bytes: of the captures that wait for a commit.
    """

    def __init__(
        self,
        windows: int,
        writer: Writer,
        render: Callable[[str, Change], EventDocument],
        max_bytes: float = math.inf,
        *,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self.dropped = 0
        """Events without evidence, because the memory for it is full."""
        self._windows, self._waiting_bytes = windows, waiting_bytes
        self._writer, self._render = writer, render
        self._histories: dict[str, WindowHistory] = {}
        self._captures: list[Capture] = []  # of events that are not committed yet
        self._captured_bytes = 0
        self._quota = MemoryQuota(max_bytes, self._crowd_out)
        self._crowded_out: set[str] = set()  # sensors without memory for their windows
        self._throttle = Throttle()
        self._form: NoteForm | None = None  # known with the first batch

    @property
    def nbytes(self) -> int:
        """Bytes of the sensors' arrays."""
        return self._quota.used

    @property
    def max_bytes(self) -> float:
        """Bound of the sensors' arrays."""
        return self._quota.most_bytes

    @property
    def problem(self) -> str | None:
        """Why the last record was not written; None: it was."""
        return self._writer.problem

    def counts(self) -> dict[str, int]:
        """Counters for `health`.

        Returns:
            Records since the start: written, failed (disk), dropped (memory). And the present state: bytes on the
            disk, bytes of windows in memory, and sensors without memory for their windows.
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

    def record(self, batcher: Batcher, decisions: Decisions, decided_unix_ns: Sequence[int]) -> None:
        """Add the windows of a batch with what was decided; capture the windows of their events until `release`.

        Args:
            batcher: has the samples of the windows.
            decisions: of the batch.
            decided_unix_ns: of each row, the agent's clock at the decision.
        """
        if not self._windows:
            return
        notes, outcomes = self._notes(batcher, decisions, decided_unix_ns), dict(decisions.outcomes)
        records, size, histories = notes.tobytes(), notes.itemsize, self._histories
        states = zip(decisions.before_cold, decisions.after_cold, strict=True)
        rows = zip(batcher.batch.sensors, batcher.batch.units, batcher.places, states, strict=True)
        for row, (sensor, unit, (group, at, lasting), cold) in enumerate(rows):
            history = histories.get(sensor)
            if history is None or history.shape.sample_rate_hz != group.sample_rate_hz:
                history = self._new_history(sensor, group)
            if history is not None:
                samples = group.native[at].copy() if lasting is None else lasting
                history.windows.append((samples, records[row * size : (row + 1) * size], cold, unit))
            if row in outcomes:
                self._capture(sensor, outcomes[row].changes, decided=True)

    def capture_last(self, outcomes: Iterable[Outcome]) -> None:
        """Capture the last windows of sensors with an event without a window: they are silent, or a packet was refused.

        An operator's command needs no evidence.
        """
        for outcome in outcomes:
            own = [each for each in outcome.changes if each.condition.by is None and each.name in SENSOR_CONDITIONS]
            self._capture(outcome.name, own, decided=False)

    def newest(self, sensor: str, max_samples: int) -> HistoryCopy:
        """Copy the newest window of a sensor; the hot path does nothing for it.

        Args:
            sensor: its id.
            max_samples: of the window, all channels together.

        Raises:
            BadDataError: no window of the sensor is kept, or it has more samples.
        """
        if not self._windows:
            raise BadDataError("evidence is off (evidence.windows = 0), so no window is kept; set evidence.windows")
        history = self._histories.get(sensor)
        if history is None and sensor in self._crowded_out:
            raise BadDataError(
                f"there is no memory for the windows of {sensor}; lower its sample rate or evidence.windows"
            )
        if history is None or self._form is None:
            raise BadDataError(f"no window of {sensor} since the start of the agent; check that its sensor publishes")
        if (samples := history.shape.channels * history.shape.samples) > max_samples:
            raise BadDataError(f"a window of {sensor} has {samples} samples, more than the {max_samples} of a message")
        return history.copy(sensor, self._form, newest=True)

    def release(self) -> None:
        """Pass the captures to the writer; their events are committed."""
        self.dropped += sum(not self._writer.take(capture) for capture in self._captures)
        self._captures.clear()
        self._captured_bytes = 0

    def close(self) -> None:
        """Write what waits; captures that were not released are dropped, because their events were not committed."""
        self._writer.close()

    def forget(self, sensor: str) -> None:
        """Drop the windows of a sensor."""
        self._histories.pop(sensor, None)
        self._quota.release(sensor)
        self._crowded_out.discard(sensor)

    def _capture(self, sensor: str, changes: Iterable[Change], *, decided: bool) -> None:
        """Copy the windows behind the changes; a sensor without a window since the start has no evidence."""
        for change in changes:
            history = self._histories.get(sensor)
            if history is None:
                self.dropped += sensor in self._crowded_out
                continue
            if self._captured_bytes + history.nbytes > self._waiting_bytes:
                self.dropped += 1
                continue
            assert self._form is not None, "there is a history"
            copy = history.copy(sensor, self._form)
            self._captures.append(Capture(self._render(sensor, change), decided, copy))
            self._captured_bytes += self._captures[-1].nbytes

    def _crowd_out(self, sensor: str) -> None:
        """Drop the windows of a sensor, because there is no memory for them."""
        self.forget(sensor)
        self._crowded_out.add(sensor)
        more_like_it = self._throttle.held_back("crowded out", time.monotonic())
        if more_like_it is not None:
            log.warning(
                "no memory for the windows of a sensor: its events have no evidence; lower its sample rate or "
                "evidence.windows, or raise agent.max_sensors",
                extra=fields(sensor=sensor, sensors=len(self._crowded_out), more_like_it=more_like_it),
            )

    def _new_history(self, sensor: str, group: RateGroup) -> WindowHistory | None:
        """A new history for windows of this shape; None: no memory for it."""
        assert self._form is not None, "the notes were made"
        note, (_, channels, samples) = self._form.dtype, group.native.shape
        shape = WindowShape(
            channels, samples, group.sample_rate_hz, note["probabilities"].shape[0], note["alpha"].shape[0]
        )
        if not self._quota.reserve(sensor, history_bytes(self._windows, shape, note)):
            self._crowd_out(sensor)
            return None
        self._crowded_out.discard(sensor)
        self._histories[sensor] = history = WindowHistory(self._windows, shape, note)
        return history

    def _notes(self, batcher: Batcher, decisions: Decisions, decided_unix_ns: Sequence[int]) -> NDArray[np.void]:
        """The records of the windows of a batch, each column at once."""
        batch, diagnoses = batcher.batch, decisions.diagnoses
        size, outputs = batch.size, diagnoses.outputs
        if self._form is None:
            units = 0 if outputs.alpha is None else outputs.alpha.shape[1]
            columns, own = decisions.before["cast"].shape[1], diagnoses.fused.shape[1]
            dtype = note_dtype(outputs.probabilities.shape[1], units, columns, own)
            labels, conditions = diagnoses.interpreter.labels, decisions.names
            self._form = NoteForm(dtype, labels, conditions, SUPPRESSORS, conditions[:own])
        notes = empty_notes(size, self._form.dtype)
        self._form = with_findings(notes, diagnoses.findings, self._form)
        for name in ("times", "rms", "peak", "rpm", "fault", "fresh", "clock_synced"):
            notes[name] = getattr(batch, name)[:size]
        for group in batcher.groups:
            for name in ("advance", "rate_error", "count", "clipped"):
                notes[name][group.rows] = getattr(group, name)[: len(group.rows)]
        notes["probabilities"], notes["novelty"] = outputs.probabilities, outputs.novelty
        if outputs.alpha is not None:
            notes["alpha"] = outputs.alpha
        notes["confidence"] = diagnoses.by_condition[np.arange(size), diagnoses.best]
        notes["label"], notes["condition"], notes["suppressed"] = (
            diagnoses.label,
            decisions.condition,
            decisions.suppressed,
        )
        notes["decided_unix_ns"] = decided_unix_ns
        # As words: numpy copies nested records field by field.
        words = [each.view(np.uint8).reshape(size, -1) for each in (decisions.before, decisions.after)]
        notes.view(np.uint8).reshape(size, -1)[:, : 2 * words[0].shape[1]] = np.concatenate(words, axis=1)
        return notes
