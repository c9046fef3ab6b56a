"""The counters of a sensor's state as one record of fixed size, apart from what only a change of a condition touches.

Every window of every sensor changes the counters: votes, evidence, times, the gate. As arrays they cost a few
microseconds for a whole batch. The rest, the cold part, is a `SensorState` whose counters do not count; they are 0
unless the state is as an earlier run left it.

A record describes itself: its length gives the number of its conditions, and `place` says which condition of the cold
part each column belongs to. So it can be stored as bytes, and read under another bundle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.alarm_state import AnyFault, Condition, SensorState
from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.agent.decision.running_gate import Gate
from drsn.agent.decision.voting import MAX_WINDOWS, Votes

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = MAX_WINDOWS // 64
"""Words of 64 bits of a vote history."""

ABSENT = 0xFFFF
"""`place` of a condition that the sensor's state does not have."""

OF_ANY_FAULT = 0xFFFE
"""`place` of the column `ANY_FAULT`, which is no condition of the cold part."""

_VOTES_BYTES = MAX_WINDOWS // 8
_CONDITION_BYTES = _VOTES_BYTES + 3 * 8 + 2 * 2
_SENSOR_BYTES = 3 * 8 + 1
_WORD_BYTES = 8  # records are padded to whole words


@lru_cache
def counter_dtype(conditions: int) -> np.dtype[np.void]:
    """The record of a sensor with so many conditions.

    Fields: bits uint64[k, 4], the vote history, lowest word first; evidence float64[k]; held_ns, active_ns int64[k];
    settled_ns int64 and rpm float64 of the gate, NaN for no speed; period_s float64; cast uint16[k]; place uint16[k],
    the position of each column's condition in the cold part, `ABSENT` or `OF_ANY_FAULT`; running bool, of the gate.
    """
    k = (conditions,)
    each = [("bits", "u8", (*k, WORDS)), ("evidence", "f8", k), ("held_ns", "i8", k), ("active_ns", "i8", k)]
    alone = [("settled_ns", "i8"), ("rpm", "f8"), ("period_s", "f8")]
    last = [("cast", "u2", k), ("place", "u2", k), ("running", "?"), ("padding", f"V{_padding(conditions)}")]
    return np.dtype([*each, *alone, *last])


def period_offset(conditions: int) -> int:
    """Where `period_s` lies in a record, in bytes."""
    fields = counter_dtype(conditions).fields
    assert fields is not None, "a record has fields"
    return int(fields["period_s"][1])


def split(state: SensorState, conditions: Sequence[str]) -> tuple[SensorState, bytes]:
    """A state as its cold part and its record.

    Args:
        state: with any conditions; those that are not in `conditions` stay whole in the cold part.
        conditions: the names of the record's columns.
    """
    cold = {name: without_counters(c) if name in conditions else c for name, c in state.conditions.items()}
    any_fault = AnyFault() if ANY_FAULT in conditions else state.any_fault
    cold_state = replace(state, conditions=cold, gate=Gate(), period_s=0.0, any_fault=any_fault)
    return cold_state, packed(state, conditions)


def without_counters(condition: Condition) -> Condition:
    """The cold part of one condition; itself if its counters are 0."""
    if condition.votes == _NO_VOTES and not (condition.evidence or condition.held_ns or condition.active_ns):
        return condition
    return _with_counters(condition, _NO_VOTES, 0.0, 0, 0)


def packed(state: SensorState, conditions: Sequence[str]) -> bytes:
    """The record of a state, as bytes; its columns are `conditions`."""
    places = {ANY_FAULT: OF_ANY_FAULT, **{name: place for place, name in enumerate(state.conditions)}}
    counted = {**state.conditions, ANY_FAULT: _of_any_fault(state.any_fault)}
    columns = [counted.get(name, _EMPTY) for name in conditions]
    return Counters(
        [c.votes.bits for c in columns],
        [c.evidence for c in columns],
        [c.held_ns for c in columns],
        [c.active_ns for c in columns],
        [c.votes.cast for c in columns],
        [places.get(name, ABSENT) for name in conditions],
        state.gate,
        state.period_s,
    ).to_bytes()


def merged(cold: SensorState, record: np.void | bytes) -> SensorState:
    """The state of a cold part and a record of `counter_dtype`, or its bytes; equal to what `split` was given."""
    c = Counters.from_bytes(record if isinstance(record, bytes) else record.tobytes())
    names, conditions, any_fault = list(cold.conditions), dict(cold.conditions), cold.any_fault
    for place, *counters in zip(c.place, c.bits, c.cast, c.evidence, c.held_ns, c.active_ns, strict=True):
        if place == OF_ANY_FAULT:
            any_fault = AnyFault(Votes(*counters[:2]), *counters[2:4])
        elif place != ABSENT:
            name, (bits, cast, *others) = names[place], counters
            condition = without_counters(conditions[name])
            conditions[name] = _with_counters(condition, Votes(bits, cast), *others) if any(counters) else condition
    return replace(cold, conditions=conditions, gate=c.gate, period_s=c.period_s, any_fault=any_fault)


@dataclass(slots=True)
class Counters:
    """A record as Python numbers, one list entry a column; the fields are those of `counter_dtype`."""

    bits: list[int]
    evidence: list[float]
    held_ns: list[int]
    active_ns: list[int]
    cast: list[int]
    place: list[int]
    gate: Gate
    period_s: float

    @classmethod
    def from_bytes(cls, data: bytes) -> Counters:
        """Read a record."""
        k = (len(data) - _SENSOR_BYTES) // _CONDITION_BYTES
        votes, *values = _layout(k).unpack(data)
        settled_ns, rpm, period_s = values[3 * k : 3 * k + 3]
        return cls(
            [int.from_bytes(votes[at : at + _VOTES_BYTES], "little") for at in range(0, len(votes), _VOTES_BYTES)],
            values[:k],
            values[k : 2 * k],
            values[2 * k : 3 * k],
            values[3 * k + 3 : 4 * k + 3],
            values[4 * k + 3 : 5 * k + 3],
            Gate(values[-1], settled_ns, None if math.isnan(rpm) else rpm),
            period_s,
        )

    def to_bytes(self) -> bytes:
        """Write the record."""
        gate = self.gate
        return _layout(len(self.bits)).pack(
            b"".join([bits.to_bytes(_VOTES_BYTES, "little") for bits in self.bits]),
            *self.evidence,
            *self.held_ns,
            *self.active_ns,
            gate.settled_ns,
            math.nan if gate.rpm is None else gate.rpm,
            self.period_s,
            *self.cast,
            *self.place,
            gate.running,
        )


@lru_cache
def _layout(k: int) -> Struct:
    """The bytes of a record of k conditions, as `counter_dtype` has them."""
    return Struct(f"={k * _VOTES_BYTES}s{k}d{2 * k}qqdd{2 * k}H?{_padding(k)}x")


def _padding(k: int) -> int:
    """Bytes that are missing to whole words."""
    return -(k * _CONDITION_BYTES + _SENSOR_BYTES) % _WORD_BYTES


def _of_any_fault(counted: AnyFault) -> Condition:
    return Condition(votes=counted.votes, evidence=counted.evidence, held_ns=counted.held_ns)


def _with_counters(condition: Condition, votes: Votes, evidence: float, held_ns: int, active_ns: int) -> Condition:
    """As `dataclasses.replace`, in a third of the time."""
    values = list(_ALL_FIELDS(condition))
    values[_VOTES], values[_EVIDENCE], values[_HELD_NS], values[_ACTIVE_NS] = votes, evidence, held_ns, active_ns
    return Condition(*values)


_EMPTY = Condition()
_NO_VOTES = Votes()
_FIELDS = [field.name for field in fields(Condition)]
_ALL_FIELDS = attrgetter(*_FIELDS)
_VOTES, _EVIDENCE, _HELD_NS, _ACTIVE_NS = map(_FIELDS.index, ("votes", "evidence", "held_ns", "active_ns"))
