from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_state import AnyFault, Condition, SensorState, State
from drsn.agent.decision.counters import ABSENT, counter_dtype, merged, packed, split
from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.agent.decision.running_gate import Gate
from drsn.agent.decision.voting import Votes

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("inner_race", "ball", ANY_FAULT, "unknown", "sensor_fault", "silent")
CONDITIONS_OF_COLUMNS = [name for name in COLUMNS if name != ANY_FAULT]
TIMES_NS = st.integers(0, 2**62)
FLOATS = st.floats(allow_nan=False)
CONDITIONS = st.builds(
    Condition,
    state=st.sampled_from(State),
    votes=st.builds(Votes, st.integers(0, 2**256 - 1), st.integers(0, 256)),
    evidence=FLOATS,
    held_ns=TIMES_NS,
    active_ns=TIMES_NS,
    seq=st.integers(0, 9),
    label=st.sampled_from(["", "ball_007"]),
    shelved_until_unix_ns=TIMES_NS,
)
STATES = st.builds(
    SensorState,
    st.dictionaries(st.sampled_from([*CONDITIONS_OF_COLUMNS, "cage", "looseness"]), CONDITIONS),
    seq=st.integers(0, 9),
    gate=st.builds(Gate, st.booleans(), TIMES_NS, st.none() | FLOATS),
    period_s=FLOATS,
    any_fault=st.builds(AnyFault, st.builds(Votes, st.integers(0, 2**256 - 1), st.integers(0, 256)), FLOATS, TIMES_NS),
)


@given(state=STATES, columns=st.permutations(COLUMNS))
def test_what_is_split_is_merged_again(state: SensorState, columns: Sequence[str]):
    """Whatever the order of the conditions, and whichever are too many or missing."""
    cold, record = split(state, columns)
    for again in (merged(cold, record), merged(cold, np.frombuffer(record, counter_dtype(len(columns)))[0])):
        assert again == state
        assert list(again.conditions) == list(state.conditions)
        assert type(again.gate.running) is bool


@given(state=STATES)
def test_the_cold_part_does_not_change_with_the_counters(state: SensorState):
    cold, _ = split(state, COLUMNS)
    empty = split(SensorState({name: Condition() for name in state.conditions}), COLUMNS)[1]
    assert split(merged(cold, empty), COLUMNS) == (cold, empty)
    assert split(cold, COLUMNS)[0] == cold


@pytest.mark.parametrize("k", range(1, 20))
def test_the_fields_of_the_array_are_those_of_the_bytes(k: int):
    columns = [f"c{column}" for column in range(k)]
    conditions = {
        name: Condition(votes=Votes(3 << 64 | at, at + 1), evidence=at / 3, held_ns=at + 7, active_ns=at + 9)
        for at, name in enumerate(columns[:-1])
    }
    state = SensorState(conditions, gate=Gate(running=True, settled_ns=5, rpm=None), period_s=0.25)
    (record,) = np.frombuffer(packed(state, columns), counter_dtype(k))
    assert counter_dtype(k).itemsize % 8 == 0
    for at in range(k - 1):
        assert (record["bits"][at].tolist(), record["cast"][at]) == ([at, 3, 0, 0], at + 1)
        assert (record["evidence"][at], record["held_ns"][at], record["active_ns"][at]) == (at / 3, at + 7, at + 9)
    assert record["place"].tolist() == [*range(k - 1), ABSENT]
    assert (record["running"], record["settled_ns"], record["period_s"]) == (True, 5, 0.25)
    assert math.isnan(record["rpm"])
