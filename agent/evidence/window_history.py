"""The last windows of one sensor: samples and figures."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_faults import FAULT_NAMES, NO_FAULT
from drsn.agent.decision.counters import counter_dtype, merged
from drsn.agent.evidence.quantise import quantise
from drsn.agent.monitoring.findings import NO_MONITOR, OBSERVED, observations

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_state import SensorState, Suppressor
    from drsn.agent.monitoring.findings import Findings, Observation


class WindowShape(NamedTuple):
    """Shape of a sensor's windows and of the network's outputs."""

    channels: int
    samples: int
    sample_rate_hz: float
    labels: int
    units: int
    """Length of alpha; 0: the network has none."""


class NoteForm(NamedTuple):
    """The record of a window, and what the codes in it stand for."""

    dtype: np.dtype[np.void]
    labels: tuple[str, ...]
    conditions: tuple[str, ...]
    suppressors: tuple[Suppressor | None, ...]
    own_conditions: tuple[str, ...] = ()
    """Those of the model; empty: there are no monitors."""
    observed_labels: tuple[tuple[str, ...], ...] = ((),) * len(OBSERVED)
    """As `Monitors.labels`."""


class BearingNats(NamedTuple):
    """What the bearing detector has added to the network's diagnosis of a window."""

    nats: dict[str, float]
    """Condition -> log-likelihood."""
    share: float
    """The part of it that a sum over windows takes."""


@dataclass(frozen=True, slots=True)
class WindowInfo:
    """Data of a window besides its arrays."""

    reading: Reading
    advance: int
    clipped: bool
    rate_error: float
    lossless: bool
    """The counts are the samples without an error."""
    condition: str
    label: str
    confidence: float
    suppressed_by: Suppressor | None
    decided_unix_ns: int
    before: SensorState | None
    """The sensor's alarm state before the window; None: there was none."""
    after: SensorState
    """The sensor's alarm state after the window."""
    bearing: BearingNats | None = None
    """None: no bearing, or no evidence."""
    observed: dict[str, Observation] = field(default_factory=dict)
    """Condition -> what its monitor found; a condition that no monitor evaluates is absent."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays of windows, oldest first."""

    counts: NDArray[np.int16]
    """int16[windows, channels, samples]."""
    scale: NDArray[np.float32]
    """float32[windows, channels]."""
    offset: NDArray[np.float32]
    """float32[windows, channels], in the unit."""
    probabilities: NDArray[np.float32]
    """float32[windows, labels]."""
    novelty: NDArray[np.float32]
    """float32[windows]."""
    alpha: NDArray[np.float32]
    """float32[windows, units]; 0 units if the network has no learned thresholds."""

    @classmethod
    def empty(cls, windows: int, shape: WindowShape) -> Arrays:
        """Allocate arrays for `windows` windows."""
        return cls(
            counts=np.zeros((windows, shape.channels, shape.samples), np.int16),
            scale=np.zeros((windows, shape.channels), np.float32),
            offset=np.zeros((windows, shape.channels), np.float32),
            probabilities=np.zeros((windows, shape.labels), np.float32),
            novelty=np.zeros(windows, np.float32),
            alpha=np.zeros((windows, shape.units), np.float32),
        )

    def named(self) -> dict[str, NDArray[Any]]:
        """Array by name, in the order of the fields."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def at(self, windows: list[int] | slice) -> Arrays:
        """Arrays of some windows; a list of indices copies, a slice does not."""
        return Arrays(**{name: array[windows] for name, array in self.named().items()})


@lru_cache
def note_dtype(labels: int, units: int, conditions: int, own: int = 0) -> np.dtype[np.void]:
    """The record of a window: what a batch has of it in columns, without its samples.

    Args:
        labels: of the model.
        units: length of alpha.
        conditions: of a sensor, for the counters of its alarm state before and after the window.
        own: conditions of the model, for the evidence of the bearing detector; 0: no monitors.
    """
    return np.dtype(
        [
            ("before", counter_dtype(conditions)),  # first, so that they are whole words of a record
            ("after", counter_dtype(conditions)),
            ("times", "i8", (3,)),  # as in WindowBatch
            ("decided_unix_ns", "i8"),
            ("advance", "i8"),  # samples
            ("rate_error", "f8"),
            ("count", "f8"),  # unit per count; NaN: the packet had no 16-bit counts
            ("rpm", "f8"),
            ("rms", "f8"),
            ("peak", "f8"),
            ("probabilities", "f4", (labels,)),
            ("novelty", "f4"),
            ("alpha", "f4", (units,)),
            ("confidence", "f4"),
            ("label", "i2"),
            ("condition", "i1"),
            ("suppressed", "i1"),
            ("fault", "i1"),
            ("fresh", "?"),
            ("clock_synced", "?"),
            ("clipped", "?"),
            ("bearing_nats", "f4", (own,)),
            ("bearing_share", "f4"),
            ("observed_nats", "f4", (len(OBSERVED),)),
            ("observed_label", "i1", (len(OBSERVED),)),
        ]
    )


def empty_notes(size: int, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Records of `note_dtype` without findings of a monitor: [size]."""
    notes = np.zeros(size, dtype)
    notes["bearing_share"], notes["observed_nats"] = 1, NO_MONITOR
    return notes


def with_findings(notes: NDArray[np.void], findings: Findings | None, form: NoteForm) -> NoteForm:
    """Write what the monitors found into the notes of a batch; return the form, with the labels of the monitors."""
    if findings is None:
        return form
    notes["observed_nats"], notes["observed_label"] = findings.observed_nats, findings.observed_label
    if findings.bearing_nats is not None:
        notes["bearing_nats"] = findings.bearing_nats
        notes["bearing_share"] = 1 if findings.bearing_share is None else findings.bearing_share
    return form if form.observed_labels == findings.labels else form._replace(observed_labels=findings.labels)


def history_bytes(windows: int, shape: WindowShape, note: np.dtype[np.void]) -> int:
    """Bytes of the arrays of `windows` windows."""
    return windows * (4 * shape.channels * shape.samples + note.itemsize)


KeptWindow: TypeAlias = tuple[NDArray[np.float32], bytes, tuple["SensorState | None", "SensorState"], "str | None"]
"""One window of a history: its samples, float32[channels, samples], which nothing changes; its record of `note_dtype`;
the cold parts of the sensor's alarm state before (None: there was none) and after it; the unit of the samples."""


class WindowHistory:
    """The last windows of a sensor as they were sampled; when it is full, a new window replaces the oldest.

    Args:
        windows: that it holds.
        shape: of each.
        note: the record of a window (`note_dtype`).
    """

    def __init__(self, windows: int, shape: WindowShape, note: np.dtype[np.void]) -> None:
        self.shape = shape
        self.nbytes = history_bytes(windows, shape, note)
        """Memory of its windows once it is full."""
        self.windows: deque[KeptWindow] = deque(maxlen=windows)
        """The oldest first."""

    def copy(self, sensor: str, form: NoteForm, *, newest: bool = False) -> HistoryCopy:
        """Copy its windows, oldest first.

        Args:
            sensor: its id.
            form: of the notes.
            newest: only the newest window.
        """
        windows = [self.windows[-1]] if newest else self.windows
        samples, notes, states, units = map(list, zip(*windows, strict=True))
        records = np.frombuffer(b"".join(notes), form.dtype)
        return HistoryCopy(sensor, self.shape, form, np.stack(samples), records, states, units)


@dataclass(frozen=True)
class HistoryCopy:
    """The windows of a sensor, copied as they are. To unpack them takes a hundred times as long, and can wait."""

    sensor: str
    shape: WindowShape
    form: NoteForm
    samples: NDArray[np.float32]
    """float32[windows, channels, samples], oldest first."""
    notes: NDArray[np.void]
    states: list[tuple[SensorState | None, SensorState]]
    """Cold parts of the alarm states before and after each window."""
    units: list[str | None]

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.samples.nbytes + self.notes.nbytes

    def unpack(self) -> tuple[tuple[WindowInfo, ...], Arrays]:
        """The windows as objects, and their arrays with the samples quantised to 16-bit counts."""
        notes, arrays = self.notes, Arrays.empty(len(self.notes), self.shape)
        for name in ("probabilities", "novelty", "alpha"):
            getattr(arrays, name)[...] = notes[name]
        infos = []
        for row, (note, samples) in enumerate(zip(notes, self.samples, strict=True)):
            count = float(note["count"])
            lossless = quantise(
                samples,
                None if math.isnan(count) else count,
                arrays.counts[row],
                arrays.scale[row],
                arrays.offset[row],
            )
            reading = _reading(self.sensor, note, self.units[row])
            infos.append(_info(note, reading, self.states[row], self.form, lossless))
        return tuple(infos), arrays


def _reading(sensor: str, note: np.void, unit: str | None) -> Reading:
    end_unix_ns, duration_ns, advance_ns = note["times"].tolist()
    rpm, fault = float(note["rpm"]), int(note["fault"])
    return Reading(
        sensor=sensor,
        end_unix_ns=end_unix_ns,
        duration_ns=duration_ns,
        fresh=bool(note["fresh"]),
        rms=float(note["rms"]),
        peak=float(note["peak"]),
        unit=unit,
        clock_synced=bool(note["clock_synced"]),
        advance_ns=advance_ns,
        rpm=None if math.isnan(rpm) else rpm,
        fault=None if fault == NO_FAULT else FAULT_NAMES[fault],
    )


def _info(
    note: np.void,
    reading: Reading,
    states: tuple[SensorState | None, SensorState],
    form: NoteForm,
    lossless: bool,  # noqa: FBT001 (a value)
) -> WindowInfo:
    before, after = states
    return WindowInfo(
        reading=reading,
        advance=int(note["advance"]),
        clipped=bool(note["clipped"]),
        rate_error=float(note["rate_error"]),
        lossless=lossless,
        condition=form.conditions[note["condition"]],
        label=form.labels[note["label"]] if reading.fault is None else reading.fault,
        confidence=float(note["confidence"]) if reading.fault is None else 1.0,
        suppressed_by=form.suppressors[note["suppressed"]],
        decided_unix_ns=int(note["decided_unix_ns"]),
        before=None if before is None else merged(before, note["before"]),
        after=merged(after, note["after"]),
        bearing=_bearing(note, form),
        observed=observations(note["observed_nats"].tolist(), note["observed_label"].tolist(), form.observed_labels),
    )


def _bearing(note: np.void, form: NoteForm) -> BearingNats | None:
    nats = note["bearing_nats"].tolist()
    if not any(nats):
        return None
    return BearingNats(dict(zip(form.own_conditions, nats, strict=True)), float(note["bearing_share"]))
