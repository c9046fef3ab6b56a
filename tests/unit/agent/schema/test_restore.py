"""What a retained alarm shows of a sensor is read back from it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from witness import renderer_of

from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.schema.restore import MAX_CONDITIONS, MAX_REASON, alarm_of, state_of
from drsn.model.contract import Label, ModelContract, Severity
from drsn.model.errors import BadDataError

CONTRACT = ModelContract(
    labels=(Label(name="normal", condition="normal", healthy=True), Label(name="ball", condition="ball")),
    window=256,
    sample_rate_hz=12_000,
    bandwidth_hz=5_300,
)
MS = st.integers(0, 4_000_000_000_000).map(lambda ms: ms * 1_000_000)
CONDITIONS = st.builds(
    Condition,
    state=st.sampled_from([state for state in State if state is not State.NORMAL]),
    suppressed_by=st.sampled_from([None, "gate", "sensor_fault"]),
    since_unix_ns=MS,
    decided_unix_ns=MS,
    label=st.text(max_size=9),
    window_label=st.text(max_size=9),
    confidence=st.floats(0, 1),
    count=st.integers(0, 99),
    of=st.integers(0, 99),
    weight=st.none() | st.floats(0, 99).map(lambda nats: round(nats, 3)),
    clock_synced=st.booleans(),
    severity=st.sampled_from(Severity),
    acked_by=st.none() | st.text(max_size=9),
    by=st.none() | st.text(max_size=9),
    comment=st.none() | st.text(max_size=9),
)


@given(st.dictionaries(st.sampled_from(["ball", "cage", "silent"]), CONDITIONS))
def test_states_severities_times_and_who_acknowledged_are_read_back(conditions: dict[str, Condition]):
    document = renderer_of(CONTRACT).alarm("a", SensorState(conditions, seq=7))
    assert state_of(alarm_of(document.model_dump_json().encode())).conditions == conditions


def test_out_of_service_is_taken_over_and_a_shelving_is_not():
    standing = Condition(State.ACTIVE_UNACKED, severity=Severity.MAJOR)
    shelved = replace(standing, shelved_until_unix_ns=10**18, suppressed_by="shelved")
    out = replace(Condition(), out_of_service=True, suppressed_by="out_of_service")
    document = renderer_of(CONTRACT).alarm("a", SensorState({"ball": shelved, "cage": out}))
    found = state_of(alarm_of(document.model_dump_json().encode())).conditions
    assert (found["ball"], found["cage"].operator_suppression) == (standing, "out_of_service")


SOUND = json.loads(
    renderer_of(CONTRACT).alarm("a", SensorState({"ball": Condition(State.ACTIVE_UNACKED)})).model_dump_json()
)
ONE = SOUND["conditions"][0]


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        SOUND | {"conditions": [ONE | {"state": "x" * 1000}]},
        SOUND | {"conditions": [ONE, ONE]},
        SOUND | {"conditions": [ONE | {"condition": str(n)} for n in range(MAX_CONDITIONS + 1)]},
        SOUND | {"conditions": [ONE | {"condition": "a\x1b[2J"}]},
        SOUND | {"conditions": [ONE | {"since": "never"}]},
        SOUND | {"conditions": [ONE | {"since": "9999-99-99"}]},
    ],
)
def test_what_no_agent_wrote_is_refused_with_a_short_reason(document: object):
    with pytest.raises(BadDataError) as refused:
        state_of(alarm_of(json.dumps(document).encode()))
    assert len(str(refused.value)) <= MAX_REASON + 20
