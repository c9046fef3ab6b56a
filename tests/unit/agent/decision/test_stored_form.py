"""The JSON of alarm states and policies is a file format: existing databases and evidence records have it."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic import TypeAdapter

from drsn.agent.decision.alarm_state import AnyFault, Condition, SensorState
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum, Votes
from drsn.agent.monitoring.findings import OBSERVED

CONDITION = {
    "state": "normal", "votes": {"bits": 0, "cast": 0}, "evidence": 0.0, "held_ns": 0, "suppressed_by": None, "seq": 0,
    "since_unix_ns": 0, "decided_unix_ns": 0, "label": "", "window_label": "", "confidence": 0.0, "count": 0, "of": 0,
    "weight": None, "clock_synced": False, "severity": None, "active_ns": 0, "told": [], "acked_by": None,
    "shelved_until_unix_ns": 0, "out_of_service": False, "by": None, "comment": None, "orphaned": False,
    "false_alarm_seq": 0,
}  # fmt: skip
LEARNT = {
    "windows": 350, "novelty": -1.0, "novelty_spread": 0.1, "rms": 1.5, "rms_spread": 0.2, "normal_share": 0.99,
    "allowance": 0.4,
}  # fmt: skip
SENSOR = {
    "conditions": {"ball": CONDITION},
    "seq": 3,
    "gate": {"running": False, "settled_ns": 0, "rpm": None},
    "period_s": 0.17,
    "commission": {
        "learnt": LEARNT, "bundle_sha256": "00", "gate_rms": 0.1, "at_unix_ns": 5, "by": "ana", "comment": None,
        "states": 1, "health": "{}", "despite": [],
    },
    "any_fault": {"votes": {"bits": 5, "cast": 8}, "evidence": 0.0, "held_ns": 0},
}  # fmt: skip
RULE = {
    "rise": {"votes": 6, "of": 8}, "fall": {"votes": 7, "of": 8}, "threshold_nats": None, "on_delay_ns": 0,
    "off_delay_ns": 0,
}  # fmt: skip
POLICY = {
    "machine": RULE,
    "unknown": RULE,
    "sensor_fault": {**RULE, "rise": {"votes": 4, "of": 8}, "fall": {"votes": 8, "of": 8}},
    "limits": {"rms": None, "rpm": None, "hysteresis": 0.8, "settle_ns": 2_000_000_000, "rpm_change": 0.01},
    "silent_after_s": 30.0,
    "require_ack": False,
    "latch": False,
    "urgency": {"of": {}, "sure_from": 0.9, "escalate_after_ns": 86_400_000_000_000},
    "changed": {**RULE, "threshold_nats": 21.3},
    "vibration_level": {**RULE, "on_delay_ns": 10_000_000_000, "off_delay_ns": 10_000_000_000},
}


def written(value: object) -> str:
    return TypeAdapter(type(value)).dump_json(value).decode()


def test_an_alarm_state_is_written_and_read_as_ever():
    baseline = Baseline(BaselineStatistics(**LEARNT), "00", 0.1, 5, "ana", states=1, health="{}")
    sensor = SensorState(
        {"ball": Condition()}, seq=3, period_s=0.17, commission=baseline, any_fault=AnyFault(Votes(5, 8))
    )
    assert written(sensor) == json.dumps(SENSOR, separators=(",", ":"))
    assert TypeAdapter(SensorState).validate_python(SENSOR) == sensor
    before = {name: value for name, value in SENSOR.items() if name != "any_fault"}
    assert TypeAdapter(SensorState).validate_python(before) == replace(sensor, any_fault=AnyFault())


def test_a_baseline_of_an_earlier_version_is_read_without_a_health_baseline():
    earlier = {key: value for key, value in SENSOR["commission"].items() if key not in ("states", "health")}
    sensor = TypeAdapter(SensorState).validate_python({**SENSOR, "commission": earlier})
    assert (sensor.commission.states, sensor.commission.health) == (0, None)


def test_a_policy_is_written_and_read_as_ever():
    policy = Policy.votes(Quorum(6, 8), Quorum(7, 8))
    assert written(policy) == json.dumps(POLICY, separators=(",", ":"))
    assert TypeAdapter(Policy).validate_python(POLICY) == policy


def test_a_policy_without_the_rules_of_monitors_is_read():
    before = {name: value for name, value in POLICY.items() if name not in OBSERVED}
    assert TypeAdapter(Policy).validate_python(before) == Policy.votes(Quorum(6, 8), Quorum(7, 8))
