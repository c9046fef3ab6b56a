"""Replay of a record: the agent's own pipeline decides again over its windows; no broker, no clock, no journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.notice import Notices
from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.severity import severities_of
from drsn.agent.evidence.record import adapter
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
from drsn.agent.monitoring.findings import NO_MONITOR, NOT_EVALUATED, OBSERVED, Findings
from drsn.agent.mqtt.message import Message
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.service.pipeline import Pipeline
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.evidence.record import Record
    from drsn.agent.schema.documents import EventDocument
    from drsn.agent.schema.evidence import RecordHeader, WindowNote


NO_MESSAGE = Message("", b"", 0, False, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Replay:
    """The events of a second decision from a record's windows."""

    events: tuple[EventDocument, ...]
    recorded: EventDocument
    difference: float
    """Largest difference between a probability of now and the recorded one."""

    @property
    def equal(self) -> bool:
        """True if the event came again, equal in every field."""
        return self.recorded in self.events

    @property
    def agrees(self) -> bool:
        """True if the same window led to the same decision: event, condition, state and time; numbers may differ."""
        expected = _decision(self.recorded)
        return any(_decision(event) == expected for event in self.events)


def judge_again(record: Record) -> Replay:
    """Decide again from the recorded probabilities, by the alarm rules alone; every event comes again, equal.

    Raises:
        BadDataError: the record is incomplete, or of a version whose states or policies were others.
    """
    arrays, header = record.arrays, record.header
    engine, interpret = _engine(header, record.event), Interpreter(header.contract)
    decisions = []
    for row, note in enumerate(header.windows):
        _set_state(engine, header, note)
        batch = WindowBatch(1)
        batch.append(_reading(header, note, arrays.counts.shape[-1]))
        outputs = Outputs(arrays.probabilities[row : row + 1], arrays.novelty[row : row + 1], None)
        columns = interpret.columns(batch, outputs, _findings(header, note))
        decisions.append(engine.feed_batch(columns, [note.decided_unix_ns]))
    return _compared(record, decisions, arrays.probabilities)


def diagnose_again(record: Record, backend: Backend) -> Replay:
    """Put the windows through the agent's pipeline: conditioning, sensor faults, the network and the alarm rules.

    If every window is `lossless`, backend and bundle are the same, and the backend's outputs for a window do not depend
    on the other windows of the batch (docs/reference/evidence-file.md), all is equal. Otherwise the quantisation makes
    the difference.

    Args:
        record: its windows are decided again.
        backend: runs a bundle with the record's contract.

    Raises:
        BadDataError: the record is incomplete, or of a version whose states or policies were others.
    """
    header, contract = record.header, record.header.contract
    engine = _engine(header, record.event)
    batcher = Batcher(contract, 1, 0.0, lambda _sensor: header.ignored_faults)
    decided_unix_ns = iter([note.decided_unix_ns for note in header.windows])
    baselines = BaselineMonitor(contract, record.event.bundle.sha256)
    findings = _RecordedFindings(_findings(header, note) for note in header.windows)
    pipeline = Pipeline(
        None,
        batcher,
        backend,
        Interpreter(contract, baselines.calibration),
        engine,
        monitors=findings,
        decided_at=lambda _batch: [next(decided_unix_ns)],
    )
    packet = InFlight(NO_MESSAGE)
    decisions, probabilities = [], []
    for note, samples in zip(header.windows, record.samples, strict=True):
        _set_state(engine, header, note)
        baselines.use(header.sensor, _baseline_of(engine, header.sensor))
        pipeline.add(header.sensor, window_of(header, note, samples), packet)
        decisions += pipeline.flush()
        probabilities.append(decisions[-1].diagnoses.outputs.probabilities[0].copy())
    return _compared(record, decisions, np.array(probabilities))


class _RecordedFindings:
    """In place of the monitors, whose own state is not in the record: what they found then, a window at a time."""

    def __init__(self, findings: Iterable[Findings | None]) -> None:
        self.notices = Notices()
        self._findings = iter(list(findings))

    def __call__(self, batcher: Batcher, outputs: Outputs) -> Findings | None:  # noqa: ARG002 (as `BatchMonitor`)
        """The findings of the next window."""
        return next(self._findings)


def _compared(record: Record, decisions: Sequence[Decisions], probabilities: NDArray[np.float32]) -> Replay:
    """Return the events that came again, and the largest difference between a probability and the recorded one."""
    difference = np.nan_to_num(np.abs(probabilities - record.arrays.probabilities)).max()
    event = record.event
    renderer = Renderer(Identity(event.agent, event.epoch, event.bundle), severities_of(record.header.contract))
    outcomes = [outcome for each in decisions for _, outcome in each.outcomes]
    events = tuple(renderer.event(outcome.name, change) for outcome in outcomes for change in outcome.changes)
    return Replay(events, event, float(difference))


def _engine(header: RecordHeader, event: EventDocument) -> AlarmEngine:
    """Return an alarm engine with the policy of the record.

    Raises:
        BadDataError: nothing can be decided again, or the policy is of another version.
    """
    if not header.decided:
        raise BadDataError("no window decided this event: none came, or a packet was refused; nothing to replay")
    if header.windows[0].follows:
        raise BadDataError("the oldest windows were left out of this message; replay the agent's own file")
    policy: Policy = _recorded(Policy, header.policy)
    observed = OBSERVED if any(note.observed or note.bearing_nats for note in header.windows) else ()
    return AlarmEngine(header.contract, event.bundle.sha256, lambda _sensor: policy, observed=observed)


def _findings(header: RecordHeader, note: WindowNote) -> Findings | None:
    """What the monitors found in a window, as it was recorded."""
    if not note.observed and note.bearing_nats is None:
        return None
    nats = np.full((1, len(OBSERVED)), NO_MONITOR, np.float32)
    for name, found in note.observed.items():
        nats[0, OBSERVED.index(name)] = NOT_EVALUATED if found.nats is None else found.nats
    labels = tuple((note.observed[name].label,) if name in note.observed else () for name in OBSERVED)
    bearing = None
    if note.bearing_nats is not None:
        bearing = np.array([[note.bearing_nats.get(name, 0.0) for name in header.contract.conditions]], np.float32)
    share = np.array([note.bearing_share], np.float32)
    return Findings(bearing, nats, np.zeros((1, len(OBSERVED)), np.int8), labels, share)


def _set_state(engine: AlarmEngine, header: RecordHeader, note: WindowNote) -> None:
    """Set the sensor's state from before a window that does not follow the one before it."""
    if note.follows:
        return
    engine.sensors.pop(header.sensor, None)
    if note.before is not None:
        engine.sensors[header.sensor] = _recorded(SensorState, note.before)


def _baseline_of(engine: AlarmEngine, sensor: str) -> BaselineFile | None:
    """The health baseline that calibrated the sensor's probabilities."""
    state = engine.sensors.cold_of(sensor)
    text = None if state is None or state.commission is None else state.commission.health
    return None if text is None else BaselineFile.of_text(text)


def _recorded(kind: type, value: object) -> Any:  # noqa: ANN401 (an instance of `kind`)
    try:
        return adapter(kind).validate_python(value)
    except ValueError as error:
        raise BadDataError(f"recorded by another version with other alarm rules: {error}"[:300]) from None


def _decision(event: EventDocument) -> tuple[object, ...]:
    return event.event_id, event.condition, event.state, event.active, event.since


def window_of(header: RecordHeader, note: WindowNote, samples: NDArray[np.float32]) -> Window:
    """One window of a record as it came from its sensor."""
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


def _reading(header: RecordHeader, note: WindowNote, n_samples: int) -> Reading:
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
