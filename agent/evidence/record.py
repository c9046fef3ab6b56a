"""The record of one event: a typed header, and the numbers of its windows."""

from __future__ import annotations

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
from drsn.agent.schema.evidence import Header, WindowNote
from drsn.model.conditioning import native_window
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.evidence.recorder import Snapshot
    from drsn.agent.evidence.window_history import Arrays, Fact
    from drsn.agent.schema.bearing import Geometry
    from drsn.model.contract import ModelContract

MAX_WINDOWS = 64
"""Of a record; the setting allows no more."""


@dataclass(frozen=True, slots=True)
class About:
    """What a record says of its sensor besides the windows."""

    contract: ModelContract
    policy: Policy
    ignored_faults: tuple[str, ...]
    bearing: Geometry | None


@dataclass(frozen=True, slots=True)
class Record:
    """The windows behind an event; header and arrays fit each other."""

    header: Header
    event: EventDocument
    arrays: Arrays

    @property
    def samples(self) -> NDArray[np.float32]:
        """float32[windows, channels, samples] in the unit, as they were sampled but for what quantising took."""
        return samples_of(self.arrays.counts, self.arrays.scale, self.arrays.offset)


def record_of(snapshot: Snapshot, about: About) -> Record:
    """Put a record together."""
    event, facts = snapshot.event, snapshot.facts
    notes = [
        _note(fact, event, follows=index > 0 and fact.before is facts[index - 1].after)
        for index, fact in enumerate(facts)
    ]
    header = Header(
        event=event.model_dump(mode="json"),
        decided=snapshot.decided,
        sensor=event.sensor,
        unit=facts[-1].reading.unit,
        sample_rate_hz=snapshot.sample_rate_hz,
        contract=about.contract,
        policy=adapter(Policy).dump_python(about.policy, mode="json"),
        ignored_faults=about.ignored_faults,
        bearing=about.bearing,
        windows=tuple(notes),
    )
    return Record(header, event, snapshot.arrays)


def checked(header: Header, arrays: Arrays) -> Record:
    """A record of parts that come from outside.

    Raises:
        BadDataError: a part is not what the others say it is.
    """
    try:
        event = EventDocument.model_validate(header.event)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadDataError(f"event.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    contract, windows = header.contract, len(header.windows)
    if windows > MAX_WINDOWS or header.sample_rate_hz > MAX_SAMPLE_RATE_HZ or event.sensor != header.sensor:
        raise BadDataError(f"{windows} windows at {header.sample_rate_hz:g} Hz of {header.sensor!r} can't be")
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
        raise BadDataError("scale or offset is not finite or beyond every sensor")
    return Record(header, event, arrays)


def abstains_above(record: Record) -> float | None:
    """The novelty above which the model abstained at this sensor: the contract's, and what commissioning allowed."""
    threshold = record.header.contract.abstention_threshold
    states = [note.before for note in record.header.windows if note.before is not None]
    if threshold is None or not states:
        return threshold
    try:
        commission = adapter(SensorState).validate_python(states[-1]).commission
    except ValueError:  # of another version: the contract's is all that can be said
        return threshold
    allowance: float = 0.0 if commission is None else commission.allowance(record.event.bundle.sha256)
    return threshold + allowance


@cache
def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Reads and writes a frozen dataclass of ours as JSON."""
    return TypeAdapter(kind)


def _note(fact: Fact, event: EventDocument, *, follows: bool) -> WindowNote:
    reading = fact.reading
    votes, evidence = _stand(fact, event)
    return WindowNote(
        t_end_unix_ns=reading.end_unix_ns,
        decided_unix_ns=fact.decided_unix_ns,
        advance=fact.advance,
        fresh=reading.fresh,
        clock_synced=reading.clock_synced,
        clipped=fact.clipped,
        rate_error=fact.rate_error,
        rpm=reading.rpm,
        lossless=fact.lossless,
        rms=reading.rms,
        peak=reading.peak,
        fault=reading.fault,
        condition=fact.condition,
        label=fact.label,
        confidence=fact.confidence,
        suppressed_by=fact.suppressed_by,
        votes=votes,
        evidence=evidence,
        follows=follows,
        before=None if follows or fact.before is None else adapter(SensorState).dump_python(fact.before, mode="json"),
    )


def _stand(fact: Fact, event: EventDocument) -> tuple[int, float | None]:
    """Votes and evidence for what the event decided, after the window; a decision empties both."""
    condition = fact.after.conditions.get(event.condition)
    if condition is None:
        return 0, None if event.evidence is None else 0.0
    if condition.seq == event.seq:
        return event.votes, event.evidence
    sequential = event.evidence is not None
    of = condition.votes.cast if sequential else event.of
    votes = condition.votes.votes_for(of) if event.active else condition.votes.votes_against(of)
    return votes, condition.evidence if sequential else None
