"""Commissioning: which windows count, what ends it, and its progress reports."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from feature_monitor import FeatureMonitor
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.commissioning import PROGRESS_S, Commissioning, CommissioningRequest, Progress
from drsn.agent.decision.diagnosis import SENSOR_FAULT, SILENT, UNKNOWN, Diagnosis
from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import Quorum
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.monitoring.baseline_model import LEAST_WINDOWS
from drsn.model.contract import Label, ModelContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.reading import Reading

NEW = SensorState.new(["ball", UNKNOWN, SENSOR_FAULT, SILENT])
SETTLE_NS = 2 * 10**9
ANA = CommissioningRequest("r1", "ana", "after overhaul", gate=True)
SECOND = 10**9


@pytest.fixture
def window(make_reading: Callable[..., Reading]) -> Callable[..., Diagnosis]:
    """A second of signal, half of it new if windows overlap."""

    def make(novelty: float = 1.0, condition: str = "normal", **said: object) -> Diagnosis:
        reading = make_reading(**{"duration_ns": SECOND, "advance_ns": SECOND, "rms": 0.4, **said})
        return Diagnosis(reading, UNKNOWN, condition, 0.9, {condition: 0.9}, {}, novelty)

    return make


LABELS = (Label(name="normal", condition="normal", healthy=True), Label(name="ball", condition="ball"))
CONTRACT = ModelContract(labels=LABELS, window=2048, sample_rate_hz=12_000, bandwidth_hz=5_300)


def commissioning(**options: float) -> Commissioning:
    return Commissioning("0" * 64, 0.0, FeatureMonitor(CONTRACT), **options)


def begun(request: CommissioningRequest = ANA, **options: float) -> Commissioning:
    one = commissioning(**options)
    one.begin("a", NEW, request, SETTLE_NS)
    assert one.tick({"a": NEW}, 0.0, 0) == []
    return one


def test_a_minute_of_windows_is_learnt_with_the_gate_that_was_asked_for(window: Callable):
    one = begun()
    for _ in range(60):
        assert one.tick({"a": NEW}, 1.0, 0) == []
        one.add_window("a", window(), None)
    ((name, sensor),) = one.tick({"a": NEW}, 2.0, 77)
    commission = sensor.commission
    assert (name, commission.learnt.allowance, commission.learnt.windows) == ("a", 1.0, 60)
    assert (commission.by, commission.comment, commission.at_unix_ns) == ("ana", "after overhaul", 77)
    assert commission.gate_rms == pytest.approx(0.1)
    assert (sensor.gate.running, sensor.gate.settled_ns) == (True, SETTLE_NS)
    assert one.take_progress() == [Progress("r1", "a")]
    assert one.tick({"a": sensor}, 3.0, 78) == []


def test_overlapping_windows_count_by_what_is_new_in_them(window: Callable):
    one = begun()
    for _ in range(120):
        one.add_window("a", window(advance_ns=SECOND // 2), None)
    ((_, sensor),) = one.tick({"a": NEW}, 2.0, 0)
    assert sensor.commission.learnt.windows == 60


def test_windows_that_say_nothing_of_a_running_machine_are_left_out_and_counted(window: Callable):
    one = begun()
    one.add_window("a", window(), None)
    for _ in range(2):
        one.add_window("a", window(fault="clipping"), "sensor_fault")
    one.add_window("a", window(), "gate")
    one.add_window("b", window(), None)
    one.tick({"a": NEW}, PROGRESS_S, 0)
    assert one.take_progress()[-1].pending == "1 of 60 s; 2 windows left out: clipping; 1 windows left out: gate"


def test_it_gives_up_by_the_monotonic_clock(window: Callable):
    one = begun(give_up_after_s=100.0)
    one.add_window("a", window(), None)
    one.tick({"a": NEW}, 99.0, 0)
    assert one.take_progress()[-1].pending == "1 of 60 s"
    assert one.tick({"a": NEW}, 100.0, 0) == []
    assert one.take_progress()[-1].reason == "given up after 100 s: 1 of 60 s"
    one.begin("a", NEW, ANA, SETTLE_NS)


def test_what_can_not_be_learnt_is_said_and_nothing_changes(window: Callable):
    one = begun()
    for at in range(60):
        one.monitor.rpm = 600.0 * 1.3 ** (at // 4)  # a state lasts four windows
        one.add_window("a", window(), None)
    assert one.tick({"a": NEW}, 1.0, 0) == []
    assert "not steady: 60 of 60 windows are in no operating state" in one.take_progress()[-1].reason


def test_what_the_model_says_of_a_healthy_machine_is_no_obstacle_and_is_learnt(window: Callable):
    one = begun()
    one.monitor.log_odds = 7.0
    for _ in range(60):
        one.add_window("a", window(novelty=900.0, condition="ball"), None)
    ((_, sensor),) = one.tick({"a": NEW}, 1.0, 0)
    assert sensor.commission.learnt.normal_share == 0
    assert sensor.commission.learnt.allowance == 900.0
    assert BaselineFile.of_text(sensor.commission.health).baseline.fault_nats == {"ball": 7.0}


def test_days_of_windows_are_thinned_out_evenly(window: Callable):
    one = begun(replace(ANA, seconds=9_000.0))
    for _ in range(9_000):
        one.add_window("a", window(), None)
    ((_, sensor),) = one.tick({"a": NEW}, 1.0, 0)
    assert 4_096 <= sensor.commission.learnt.windows < 4_600


def test_windows_without_the_speed_that_others_have_are_left_out(window: Callable):
    one = begun()
    one.monitor.rpm = 1_500.0
    for _ in range(60):
        one.add_window("a", window(), None)
    one.monitor.rpm = math.nan
    one.add_window("a", window(), None)
    ((_, sensor),) = one.tick({"a": NEW}, 1.0, 0)
    assert (sensor.commission.states, sensor.commission.learnt.windows) == (1, 60)


def learnt_file(window: Callable, rpm: float = math.nan) -> BaselineFile:
    one = begun()
    one.monitor.rpm = rpm
    for _ in range(60):
        one.add_window("a", window(), None)
    ((_, sensor),) = one.tick({"a": NEW}, 1.0, 0)
    return BaselineFile.of_text(sensor.commission.health)


def test_the_baseline_of_a_twin_is_used_if_its_first_minute_fits(window: Callable):
    file = learnt_file(window)
    one = begun(replace(ANA, imported=file))
    for _ in range(60):
        one.add_window("a", window(), None)
    ((_, sensor),) = one.tick({"a": NEW}, 1.0, 0)
    assert sensor.commission.health == file.to_text()
    assert sensor.commission.learnt.windows == 60


@pytest.mark.parametrize(
    ("shift", "rpm", "reason"),
    [
        (1.0, math.nan, "60 of 60 windows lie in none of its operating states|higher after"),
        (0.0, 1_500.0, "this machine has a speed, the baseline has none"),
    ],
)
def test_the_baseline_of_another_machine_is_refused(window: Callable, shift: float, rpm: float, reason: str):
    one = begun(replace(ANA, imported=learnt_file(window)))
    one.monitor.shift, one.monitor.rpm = shift, rpm
    for _ in range(60):
        one.add_window("a", window(), None)
    assert one.tick({"a": NEW}, 1.0, 0) == []
    assert re.search(reason, one.take_progress()[-1].reason)


def test_a_baseline_of_another_signal_is_refused_at_once(window: Callable):
    file = learnt_file(window)
    file = replace(file, signal=replace(file.signal, window=4096))
    with pytest.raises(RefusedError, match="the baseline is of 4096 samples"):
        commissioning().begin("a", NEW, replace(ANA, imported=file), SETTLE_NS)


def test_a_stored_baseline_is_used_or_the_reason_is_given(window: Callable):
    one, file = commissioning(), learnt_file(window)
    baseline = Baseline(BaselineStatistics(60, 0.0, 1.0, 1.0, 0.1, 1.0, 0.0), "0" * 64, None, 1, "ana")
    assert one.use("a", replace(NEW, commission=baseline)) is None, "an earlier version learnt no health baseline"
    assert not one.monitor.concerns("a")
    assert one.use("a", replace(NEW, commission=replace(baseline, health=file.to_text()))) is None
    assert one.monitor.concerns("a")
    assert "not a baseline" in one.use("a", replace(NEW, commission=replace(baseline, health="{}")))
    other = replace(file, signal=replace(file.signal, window=64))
    assert "another signal" in one.use("a", replace(NEW, commission=replace(baseline, health=other.to_text())))
    assert not one.monitor.concerns("a")


def standing(name: str, state: State) -> SensorState:
    return replace(NEW, conditions={**NEW.conditions, name: Condition(state=state, label="dropout")})


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("ball", State.ACTIVE_UNACKED, "ball stands"),
        ("ball", State.ACTIVE_ACKED, "ball stands"),
        ("ball", State.LATCHED_ACKED, "gone but latched"),
        (SENSOR_FAULT, State.ACTIVE_UNACKED, "at fault .dropout."),
        ("ball", State.CLEARED_UNACKED, None),
        (UNKNOWN, State.ACTIVE_UNACKED, None),
        (SILENT, State.ACTIVE_UNACKED, None),
    ],
)
def test_no_broken_machine_and_no_broken_sensor_is_learnt(name: str, state: State, reason: str | None):
    sensor = standing(name, state)
    if reason is None:
        commissioning().begin("a", sensor, ANA, SETTLE_NS)
        return
    with pytest.raises(RefusedError, match=reason):
        commissioning().begin("a", sensor, ANA, SETTLE_NS)
    one = begun()
    one.tick({"a": sensor}, 1.0, 0)
    assert one.take_progress()[-1].reason is not None, "nor one that breaks meanwhile"


def test_one_at_a_time_and_an_end_on_demand():
    one = begun()
    with pytest.raises(RefusedError, match="for ana"):
        one.begin("a", NEW, CommissioningRequest("r2", "ben"), SETTLE_NS)
    assert one.cancel("a", "ben")
    assert not one.cancel("a", "ben")
    assert one.take_progress() == [Progress("r1", "a", reason="ended by ben")]


@given(
    steps=st.lists(st.tuples(st.floats(0, 50), st.integers(0, 30), st.sampled_from([None, "gate"])), max_size=30),
    seconds=st.floats(1, 90),
)
def test_every_commissioning_ends_with_one_last_word(make_reading: Callable, steps: list, seconds: float):
    one, now_s = commissioning(seconds=seconds), 0.0
    one.begin("a", NEW, ANA, SETTLE_NS)
    reading = make_reading(duration_ns=SECOND, advance_ns=SECOND)
    shown = Diagnosis(reading, UNKNOWN, "normal", 0.9, {"normal": 0.9}, {}, 1.0)
    done = []
    for pause_s, windows, suppressed_by in [*steps, (301.0, 0, None), (301.0, 0, None)]:
        for _ in range(windows):
            one.add_window("a", shown, suppressed_by)
        now_s += pause_s
        done += one.tick({"a": NEW}, now_s, 0)
    progress = one.take_progress()
    last = [each for each in progress if each.pending is None]
    assert len(last) == 1
    assert progress[-1] is last[0]
    assert len(done) == (last[0].reason is None)
    assert all(sensor.commission.learnt.windows >= max(LEAST_WINDOWS, seconds - 1) for _, sensor in done)


def test_what_was_learnt_is_all_in_the_state_so_that_a_replay_of_evidence_decides_the_same(contract, window: Callable):
    policy = Policy.votes(Quorum(1, 1), Quorum(1, 1))
    live = AlarmEngine(contract, "0" * 64, lambda _sensor: policy, commissioning=commissioning())
    live.feed(window(), 0)
    name = window().reading.sensor
    live.begin_commissioning(name, ANA)
    for _ in range(60):
        live.feed(window(), 0)
    before = live.sensors[name]
    (outcome,) = live.tick(1.0, 1, connected=True)
    assert (outcome.sensor.commission.by, outcome.changes, before.commission) == ("ana", (), None)
    replay = AlarmEngine(contract, "0" * 64, lambda _sensor: policy, {name: live.sensors[name]})
    for each in (window(), window(condition="ball"), window(novelty=2.0), window(rms=0.05), window()):
        assert replay.feed(each, 5) == live.feed(each, 5)
    assert live.feed(window(), 0).diagnosis.condition == "normal"
    assert live.feed(window(rms=0.05), 0).suppressed_by == "gate"
    with pytest.raises(RefusedError, match="cannot commission"):
        replay.begin_commissioning(name, ANA)


def test_the_gate_of_the_settings_comes_first(contract, window: Callable):
    policy = replace(Policy.votes(Quorum(1, 1), Quorum(1, 1)), limits=GateLimits(rms=0.3))
    engine = AlarmEngine(contract, "0" * 64, lambda _sensor: policy, commissioning=commissioning())
    engine.feed(window(), 0)
    with pytest.raises(RefusedError, match=r"RMS of 0\.3, which has priority"):
        engine.begin_commissioning(window().reading.sensor, ANA)
