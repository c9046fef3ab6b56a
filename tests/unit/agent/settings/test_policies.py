from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.decision.cusum import threshold_nats
from drsn.agent.decision.policy import VIBRATION_LEVEL_RULE
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import Quorum
from drsn.agent.monitoring.vibration_level import LevelSetup
from drsn.agent.monitoring.vibration_zones import LIMITS_MM_S
from drsn.agent.settings.policies import bearing_of, ignored_faults, level_of, policy_of, rpm_of
from drsn.agent.settings.sections import Settings

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000


def settings(tmp_path: Path, **sections: object) -> Settings:
    agent = {"id": "tester", "bundle": "shipped:synthetic", "state_dir": tmp_path}
    return Settings(agent=agent, inputs=[{"topic": "p/{s}", "sensor": "{s}"}], **sections)


def test_the_first_sensor_section_that_matches_decides_and_the_rest_comes_from_the_sections(tmp_path, contract):
    overrides = [
        {"match": "press4-*", "alarms": {"raise_after": "4/6"}, "gate": {"rms": 0.5}},
        {"match": "press*", "alarms": {"raise_after": "1/1", "clear_after": "2/2", "silent_after_s": 0}},
    ]
    made = settings(tmp_path, sensors=overrides, alarms={"clear_after": "5/5", "on_delay_s": 2}, gate={"settle_s": 1})
    policy = policy_of(made, contract)
    assert policy("press4-de").machine == AlarmRule(Quorum(4, 6), Quorum(5, 5), None, 2 * SECOND, 0)
    assert policy("press4-de").limits == GateLimits(rms=0.5, settle_ns=SECOND)
    assert (policy("press5-de").machine.fall, policy("press5-de").silent_after_s) == (Quorum(2, 2), 0)
    assert (policy("fan").machine.rise, policy("fan").limits.given) == (Quorum(6, 8), False)


def test_without_sections_it_is_votes_without_a_gate(tmp_path, contract):
    policy = policy_of(settings(tmp_path), contract)("a")
    assert policy.machine == policy.unknown == AlarmRule(Quorum(6, 8), Quorum(7, 8))
    assert (policy.limits.given, policy.silent_after_s) == (False, 30)
    assert policy.sensor_fault == AlarmRule(Quorum(4, 8), Quorum(8, 8))


def test_the_sequential_rule_is_of_the_machine_alone(tmp_path, contract):
    overrides = [{"match": "press*", "alarms": {"rule": "sequential", "false_alarms_per_sensor_year": 2}}]
    policy = policy_of(settings(tmp_path, sensors=overrides), contract)
    window_s = contract.window / contract.sample_rate_hz
    assert policy("press").machine.threshold_nats == pytest.approx(threshold_nats(2, window_s, 2))
    assert policy("press").unknown.threshold_nats is None
    assert policy("press").sensor_fault.threshold_nats is None
    assert policy("fan").machine.threshold_nats is None


@pytest.mark.parametrize("rule", ["votes", "sequential"])
def test_a_change_is_weighed_under_either_rule(tmp_path, contract, rule):
    overrides = [{"match": "press*", "alarms": {"false_alarms_per_sensor_year": 2, "on_delay_s": 3}}]
    policy = policy_of(settings(tmp_path, sensors=overrides, alarms={"rule": rule}), contract)
    window_s = contract.window / contract.sample_rate_hz
    assert policy("press").changed.threshold_nats == pytest.approx(threshold_nats(2, window_s, 1))
    assert policy("press").changed.on_delay_ns == 3_000_000_000
    assert policy("fan").changed.threshold_nats == pytest.approx(threshold_nats(0.1, window_s, 1))


def test_the_level_is_decided_by_votes_with_delays_of_its_own(tmp_path, contract):
    overrides = [{"match": "press*", "vibration_level": {"raise_after": "2/3", "off_delay_s": 0}}]
    made = settings(tmp_path, sensors=overrides, alarms={"rule": "sequential"}, vibration_level={"on_delay_s": 5})
    policy = policy_of(made, contract)
    assert policy("press").vibration_level == AlarmRule(Quorum(2, 3), Quorum(7, 8), None, 5_000_000_000, 0)
    assert policy("fan").vibration_level == replace(VIBRATION_LEVEL_RULE, on_delay_ns=5_000_000_000)
    assert policy_of(settings(tmp_path), contract)("a").vibration_level == VIBRATION_LEVEL_RULE


def test_faults_are_ignored_where_the_settings_say_so(tmp_path, contract):
    overrides = [{"match": "press*", "sensor_faults": {"ignore": ["flat", "stuck"], "clear_after": "3/3"}}]
    made = settings(tmp_path, sensors=overrides, sensor_faults={"ignore": ["offset"]})
    ignored = ignored_faults(made)
    assert (ignored("press"), ignored("fan")) == ({"flat", "stuck"}, {"offset"})
    assert policy_of(made, contract)("press").sensor_fault == AlarmRule(Quorum(4, 8), Quorum(3, 3))


def test_own_limits_come_before_those_of_the_machine_group(tmp_path):
    sensors = [
        {"match": "a", "machine_group": "large_flexible", "level_from_hz": 2},
        {"match": "b", "machine_group": "large_flexible", "level_limits_mm_s": [1, 2, 3]},
        {"match": "c", "machine_group": "large_flexible", "vibration_level": {"raise_from": "zone_d"}},
        {"match": "d"},
    ]
    level = level_of(settings(tmp_path, sensors=sensors, vibration_level={"raise_from": "zone_b"}))
    group = LIMITS_MM_S["large_flexible"]
    assert level("a") == LevelSetup(group, 2.0, "zone_b")
    assert level("b") == LevelSetup((1.0, 2.0, 3.0), 10.0, "zone_b")
    assert level("c") == LevelSetup(group, 10.0, "zone_d")
    assert level("d") is level("e") is None


def test_bearing_and_speed_of_a_sensor(tmp_path):
    overrides = [{"match": "fan.*", "bearing": "6205 ZZ", "rpm": 1480}]
    made = settings(tmp_path, sensors=overrides)
    assert (bearing_of(made)("fan.de").balls, rpm_of(made)("fan.de")) == (9, 1480)
    assert (bearing_of(made)("pump.de"), rpm_of(made)("pump.de")) == (None, None)
