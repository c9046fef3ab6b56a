"""The counters of a sensor's state as one record of fixed size, apart from what only a change of a condition touches.

Every window of every sensor changes the counters: votes, evidence, times, the gate. As arrays they cost a few
microseconds for a whole batch. The rest, the cold part, is a `SensorState` whose counters are all 0.

A record describes itself: its length gives the number of its conditions, and `place` says which condition of the cold
part each column belongs to. So it can be stored as bytes, and read under another bundle.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.alarm_state import Condition, SensorState
from drsn.agent.decision.running_gate import Gate
from drsn.agent.decision.voting import MAX_WINDOWS, Votes

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = MAX_WINDOWS // 64
"""Words of 64 bits of a vote history."""

ABSENT = 0xFFFF
"""`place` of a condition that the sensor's state does not have."""

_VOTES_BYTES = MAX_WINDOWS // 8
_CONDITION_BYTES = _VOTES_BYTES + 3 * 8 + 2 * 2
_SENSOR_BYTES = 3 * 8 + 1
_WORD_BYTES = 8  # records are padded to whole words


@lru_cache
def counter_dtype(conditions: int) -> np.dtype[np.void]:
    """The record of a sensor with so many conditions.

    Fields: bits uint64[k, 4], the vote history, lowest word first; evidence float64[k]; held_ns, active_ns int64[k];
    settled_ns int64 and rpm float64 of the gate, NaN for no speed; period_s float64; cast uint16[k]; place uint16[k],
    the position of each column's condition in the cold part, or `ABSENT`; running bool, of the gate.
    """
    k = (conditions,)
    each = [("bits", "u8", (*k, WORDS)), ("evidence", "f8", k), ("held_ns", "i8", k), ("active_ns", "i8", k)]
    alone = [("settled_ns", "i8"), ("rpm", "f8"), ("period_s", "f8")]
    last = [("cast", "u2", k), ("place", "u2", k), ("running", "?"), ("padding", f"V{_padding(conditions)}")]
    return np.dtype([*each, *alone, *last])


def split(state: SensorState, conditions: Sequence[str]) -> tuple[SensorState, bytes]:
    """A state as its cold part and its record.

    Args:
        state: with any conditions; those that are not in `conditions` stay whole in the cold part.
        conditions: the names of the record's columns.
    """
    cold = {name: without_counters(c) if name in conditions else c for name, c in state.conditions.items()}
    return replace(state, conditions=cold, gate=Gate(), period_s=0.0), packed(state, conditions)


def without_counters(condition: Condition) -> Condition:
    """The cold part of one condition."""
    return replace(condition, votes=Votes(), evidence=0.0, held_ns=0, active_ns=0)


def packed(state: SensorState, conditions: Sequence[str]) -> bytes:
    """The record of a state, as bytes; its columns are `conditions`."""
    places = {name: place for place, name in enumerate(state.conditions)}
    columns = [state.conditions.get(name, _EMPTY) for name in conditions]
    return _layout(len(columns)).pack(
        b"".join([c.votes.bits.to_bytes(_VOTES_BYTES, "little") for c in columns]),
        *[c.evidence for c in columns],
        *[c.held_ns for c in columns],
        *[c.active_ns for c in columns],
        state.gate.settled_ns,
        math.nan if state.gate.rpm is None else state.gate.rpm,
        state.period_s,
        *[c.votes.cast for c in columns],
        *[places.get(name, ABSENT) for name in conditions],
        state.gate.running,
    )


def merged(cold: SensorState, record: np.void | bytes) -> SensorState:
    """The state of a cold part and a record of `counter_dtype`, or its bytes; equal to what `split` was given."""
    data = record if isinstance(record, bytes) else record.tobytes()
    k = (len(data) - _SENSOR_BYTES) // _CONDITION_BYTES
    votes, *values = _layout(k).unpack(data)
    evidence, held_ns, active_ns = values[:k], values[k : 2 * k], values[2 * k : 3 * k]
    settled_ns, rpm, period_s = values[3 * k : 3 * k + 3]
    casts, places = values[3 * k + 3 : 4 * k + 3], values[4 * k + 3 : 5 * k + 3]
    names, conditions = list(cold.conditions), dict(cold.conditions)
    for column, place in enumerate(places):
        bits = votes[column * _VOTES_BYTES : (column + 1) * _VOTES_BYTES]
        counters = (casts[column], evidence[column], held_ns[column], active_ns[column])
        if place == ABSENT or (not any(counters) and bits == _NO_VOTES):
            continue
        conditions[names[place]] = replace(
            conditions[names[place]],
            votes=Votes(int.from_bytes(bits, "little"), counters[0]),
            evidence=counters[1],
            held_ns=counters[2],
            active_ns=counters[3],
        )
    gate = Gate(running=values[-1], settled_ns=settled_ns, rpm=None if math.isnan(rpm) else rpm)
    return replace(cold, conditions=conditions, gate=gate, period_s=period_s)


@lru_cache
def _layout(k: int) -> Struct:
    """The bytes of a record of k conditions, as `counter_dtype` has them."""
    return Struct(f"={k * _VOTES_BYTES}s{k}d{2 * k}qqdd{2 * k}H?{_padding(k)}x")


def _padding(k: int) -> int:
    """Bytes that are missing to whole words."""
    return -(k * _CONDITION_BYTES + _SENSOR_BYTES) % _WORD_BYTES


_EMPTY = Condition()
_NO_VOTES = bytes(_VOTES_BYTES)
