"""The same pipeline again: over the windows of a record, or over messages; no broker, no clock, no store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine, Identity
from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.decision.diagnosis import Interpreter, Reading
from drsn.agent.decision.policy import Policy
from drsn.agent.evidence.record import adapter
from drsn.agent.evidence.recorder import fed
from drsn.agent.mqtt.message import Message
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.evidence.record import Record
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.schema.documents import EventDocument
    from drsn.agent.schema.evidence import Header, WindowNote


_NO_MESSAGE = Message("", b"", 0, False, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a record's windows led to when they were judged again."""

    events: tuple[EventDocument, ...]
    recorded: EventDocument
    difference: float
    """Largest one between a probability said now and the one recorded."""

    @property
    def equal(self) -> bool:
        """The event came again, equal in every field."""
        return self.recorded in self.events

    @property
    def agrees(self) -> bool:
        """The same was decided by the same window: event, condition, state and time; numbers may differ."""
        due = _decision(self.recorded)
        return any(_decision(event) == due for event in self.events)


def judge_again(record: Record) -> Replay:
    """Judge the probabilities that are recorded, by the alarms' rules alone; every event comes again equal.

    Raises:
        BadDataError: the record is incomplete, or of a version whose states or policies were others.
    """
    arrays, header = record.arrays, record.header
    alpha = arrays.alpha if arrays.alpha.shape[1] else None
    readings = [_reading(header, note, arrays.counts.shape[-1]) for note in header.windows]
    outputs = Outputs(arrays.probabilities, arrays.novelty, alpha)
    return _replayed(record, Interpreter(header.contract)(readings, outputs), arrays.probabilities)


def diagnose_again(record: Record, backend: Backend) -> Replay:
    """Put the windows through conditioning, the sensor's own checks, the network and the alarms' rules.

    Where every window is `lossless`, backend and bundle are the ones of then, and the backend says the same of a window
    whatever its company (docs/evidence.md), all is equal. Otherwise numbers differ by what quantising took.

    Args:
        record: whose windows are judged.
        backend: of a bundle with the record's contract.

    Raises:
        BadDataError: the record is incomplete, or of a version whose states or policies were others.
    """
    header, readings = record.header, []
    batch = Batcher(header.contract, 1, 0.0, lambda _sensor: header.ignored_faults)
    receipt = InFlight(_NO_MESSAGE)
    said = []
    for note, samples in zip(header.windows, record.samples, strict=True):
        batch.add(header.sensor, _window(header, note, samples), receipt, 0.0)
        readings += batch.readings
        outputs = backend.infer(batch.x)
        said.append((outputs.probabilities[0].copy(), outputs.novelty[0].copy()))
        batch.clear()
    probabilities = np.stack([row for row, _ in said])
    outputs = Outputs(probabilities, np.stack([novelty for _, novelty in said]), None)
    return _replayed(record, Interpreter(header.contract)(readings, outputs), probabilities)


@dataclass(frozen=True, slots=True)
class Line:
    """All that is between messages and events, made anew for each replay."""

    intake: Intake
    batch: Batcher
    backend: Backend
    interpret: Interpreter
    pipeline: AlarmEngine
    keeper: Recorder | None = None


def events_of(messages: Iterable[Message], line: Line) -> Iterator[EventDocument]:
    """Put messages through the line; a window is decided at the time of its last sample, whatever the clock says.

    Raises:
        PacketError: a message is refused.
    """
    for message in messages:
        receipt = InFlight(message)
        for sensor, window in line.intake.windows(message, receipt):
            if line.batch.full:
                yield from _flushed(line)
            line.batch.add(sensor, window, receipt, 0.0)
    if len(line.batch):
        yield from _flushed(line)


def _flushed(line: Line) -> list[EventDocument]:
    outputs = line.backend.infer(line.batch.x)
    events: list[EventDocument] = []
    for row, diagnosis in enumerate(line.interpret(line.batch.readings, outputs)):
        at_unix_ns = diagnosis.reading.end_unix_ns
        events += fed(line.pipeline, line.keeper, row, diagnosis, outputs, at_unix_ns).events
    line.batch.clear()
    return events


def _replayed(record: Record, diagnoses: Sequence[Diagnosis], probabilities: NDArray[np.float32]) -> Replay:
    header, event = record.header, record.event
    events: list[EventDocument] = []
    if not header.decided:
        raise BadDataError("no window decided this event: none came, or a packet was refused; nothing to replay")
    if header.windows[0].follows:
        raise BadDataError("the oldest windows were left out of this message; replay the agent's own file")
    try:
        policy = adapter(Policy).validate_python(header.policy)
        states: list[SensorState | None] = [
            None if note.before is None else adapter(SensorState).validate_python(note.before)
            for note in header.windows
        ]
    except ValueError as error:
        raise BadDataError(f"recorded by another version, whose alarms were others: {error}"[:300]) from None
    pipeline = AlarmEngine(header.contract, Identity(event.agent, event.epoch, event.bundle), lambda _sensor: policy)
    for note, state, diagnosis in zip(header.windows, states, diagnoses, strict=True):
        if not note.follows:
            pipeline.sensors.pop(header.sensor, None)
            if state is not None:
                pipeline.sensors[header.sensor] = state
        events += pipeline.feed(diagnosis, note.decided_unix_ns).events
    difference = np.nan_to_num(np.abs(probabilities - record.arrays.probabilities)).max()
    return Replay(tuple(events), event, float(difference))


def _decision(event: EventDocument) -> tuple[object, ...]:
    return event.event_id, event.condition, event.state, event.active, event.since


def _window(header: Header, note: WindowNote, samples: NDArray[np.float32]) -> Window:
    return Window(
        samples=samples,
        sample_rate_hz=header.sample_rate_hz,
        end_unix_ns=note.t_end_unix_ns,
        fresh=note.fresh,
        unit=header.unit,
        clock_synced=note.clock_synced,
        advance=note.advance,
        rpm=note.rpm,
        clipped=note.clipped,
        rate_error=note.rate_error,
    )


def _reading(header: Header, note: WindowNote, n_samples: int) -> Reading:
    return Reading(
        sensor=header.sensor,
        end_unix_ns=note.t_end_unix_ns,
        duration_ns=round(n_samples * 1e9 / header.sample_rate_hz),
        advance_ns=round(note.advance * 1e9 / header.sample_rate_hz),
        fresh=note.fresh,
        rms=note.rms,
        peak=note.peak,
        unit=header.unit,
        clock_synced=note.clock_synced,
        rpm=note.rpm,
        fault=note.fault,
    )
