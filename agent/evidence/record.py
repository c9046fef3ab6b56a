"""The record of one event: a header, and the arrays of its windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from drsn.agent.acquisition.codecs.packet import MAX_AMPLITUDE, MAX_SAMPLE_RATE_HZ
from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.decision.policy import Policy
from drsn.agent.evidence.quantise import samples_of
from drsn.agent.schema.documents import EventDocument
from drsn.agent.schema.evidence import ObservationNote, RecordHeader, WindowNote
from drsn.model.conditioning import native_window
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.evidence.capture import Capture
    from drsn.agent.evidence.window_history import Arrays, WindowInfo
    from drsn.agent.schema.bearing import AnyBearing
    from drsn.agent.schema.evidence import WindowsHeader
    from drsn.model.contract import ModelContract

MAX_WINDOWS = 64
"""Windows of a record; the setting allows no more."""


@dataclass(frozen=True, slots=True)
class SensorSetup:
    """Configuration of a sensor, as its records have it."""

    contract: ModelContract
    policy: Policy
    ignored_faults: tuple[str, ...]
    bearing: AnyBearing | None


@dataclass(frozen=True, slots=True)
class Record:
    """The windows behind an event; the sizes of header and arrays agree."""

    header: RecordHeader
    event: EventDocument
    arrays: Arrays

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples, float32[windows, channels, samples] in the sensor's unit; exact but for the quantisation."""
        return samples_of(self.arrays.counts, self.arrays.scale, self.arrays.offset)


def record_of(capture: Capture, setup: SensorSetup) -> Record:
    """Make the record of a capture."""
    event, infos = capture.event, capture.windows
    notes = [
        _note(info, event, follows=index > 0 and info.before == infos[index - 1].after)
        for index, info in enumerate(infos)
    ]
    header = RecordHeader(
        event=event.model_dump(mode="json"),
        decided=capture.decided,
        sensor=event.sensor,
        unit=infos[-1].reading.unit,
        sample_rate_hz=capture.sample_rate_hz,
        contract=setup.contract,
        policy=adapter(Policy).dump_python(setup.policy, mode="json"),
        ignored_faults=setup.ignored_faults,
        bearing=setup.bearing,
        windows=tuple(notes),
    )
    return Record(header, event, capture.arrays)


def checked(header: RecordHeader, arrays: Arrays) -> Record:
    """Make a record of parts from an untrusted source.

    Raises:
        BadDataError: the parts do not agree, or a value is out of range.
    """
    try:
        event = EventDocument.model_validate(header.event)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadDataError(f"event.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if event.sensor != header.sensor:
        raise BadDataError(f"the event is of {event.sensor[:64]!r}, but the windows are of {header.sensor[:64]!r}")
    check_sizes(header, len(header.windows), arrays)
    return Record(header, event, arrays)


def check_sizes(header: WindowsHeader, windows: int, arrays: Arrays) -> None:
    """Compare the arrays of windows from an untrusted source with their header.

    Raises:
        BadDataError: they do not agree, or a value is out of range.
    """
    contract = header.contract
    if windows > MAX_WINDOWS or header.sample_rate_hz > MAX_SAMPLE_RATE_HZ:
        raise BadDataError(f"{windows} windows at {header.sample_rate_hz:g} Hz of {header.sensor!r} are not possible")
    native = native_window(contract.window, header.sample_rate_hz, contract.sample_rate_hz)
    due = {
        "counts": (windows, contract.channels, native),
        "scale": (windows, contract.channels),
        "offset": (windows, contract.channels),
        "probabilities": (windows, len(contract.labels)),
        "novelty": (windows,),
        "alpha": (windows, arrays.alpha.shape[-1]),
    }
    for name, array in arrays.named().items():
        if array.shape != due[name]:
            raise BadDataError(f"{name} is {list(array.shape)}, not {list(due[name])}")
    limits = np.concatenate([np.abs(arrays.scale).ravel() * 32_768, np.abs(arrays.offset).ravel()])
    if not (limits <= 2 * MAX_AMPLITUDE).all():
        raise BadDataError("scale or offset is not finite or too large")


def abstains_above(record: Record) -> float | None:
    """The novelty above which the model abstained: the contract's threshold plus the allowance of the baseline."""
    threshold = record.header.contract.abstention_threshold
    states = [note.before for note in record.header.windows if note.before is not None]
    if threshold is None or not states:
        return threshold
    try:
        commission = adapter(SensorState).validate_python(states[-1]).commission
    except ValueError:  # state of another version: its allowance is unknown
        return threshold
    allowance: float = 0.0 if commission is None else commission.allowance(record.event.bundle.sha256)
    return threshold + allowance


@cache
def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """The JSON reader and writer of a frozen dataclass."""
    return TypeAdapter(kind)


def facts_of(info: WindowInfo) -> dict[str, Any]:
    """The fields of `WindowFacts` of one window."""
    reading = info.reading
    return {
        "t_end_unix_ns": reading.end_unix_ns,
        "decided_unix_ns": info.decided_unix_ns,
        "advance": info.advance,
        "fresh": reading.fresh,
        "clock_synced": reading.clock_synced,
        "clipped": info.clipped,
        "rate_error": info.rate_error,
        "rpm": reading.rpm,
        "lossless": info.lossless,
        "rms": reading.rms,
        "peak": reading.peak,
        "fault": reading.fault,
        "condition": info.condition,
        "label": info.label,
        "confidence": info.confidence,
        "suppressed_by": info.suppressed_by,
        "bearing_nats": None if info.bearing is None else info.bearing.nats,
        "bearing_share": 1.0 if info.bearing is None else info.bearing.share,
        "observed": {
            name: ObservationNote(nats=None if math.isnan(found.nats) else found.nats, label=found.label)
            for name, found in info.observed.items()
        },
    }


def _note(info: WindowInfo, event: EventDocument, *, follows: bool) -> WindowNote:
    votes, evidence = _votes_and_evidence(info, event)
    return WindowNote(
        **facts_of(info),
        votes=votes,
        evidence=evidence,
        follows=follows,
        before=None if follows or info.before is None else adapter(SensorState).dump_python(info.before, mode="json"),
    )


def _votes_and_evidence(info: WindowInfo, event: EventDocument) -> tuple[int, float | None]:
    """Votes and evidence for the event's decision after the window; a decision resets both."""
    condition = info.after.conditions.get(event.condition)
    if condition is None:
        return 0, None if event.evidence is None else 0.0
    if condition.seq == event.seq:
        return event.votes, event.evidence
    sequential = event.evidence is not None
    of = condition.votes.cast if sequential else event.of
    votes = condition.votes.votes_for(of) if event.active else condition.votes.votes_against(of)
    return votes, condition.evidence if sequential else None
