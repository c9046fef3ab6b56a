from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.running_gate import Gate, GateLimits, update_gate, update_gates

SECOND = 1_000_000_000
BY_RMS = GateLimits(rms=1.0, settle_ns=0)
BY_RPM = GateLimits(rpm=600.0, settle_ns=0)
GATE_DTYPE = np.dtype([("running", "?"), ("settled_ns", "i8"), ("rpm", "f8")])
LIMITS_DTYPE = np.dtype(
    [("rms", "f8"), ("rpm", "f8"), ("hysteresis", "f8"), ("settle_ns", "i8"), ("rpm_change", "f8"), ("given", "?")]
)
LEVELS = st.lists(st.floats(0, 3), max_size=40)


def passed(limits: GateLimits, windows: list[tuple[float, float | None]], advance_ns: int = SECOND) -> list[bool]:
    """Which of the windows, given as RMS and rpm, may be judged."""
    gate, told = Gate(), []
    for rms, rpm in windows:
        gate = update_gate(gate, limits, rms, rpm, advance_ns)
        told.append(gate.is_open(limits))
    return told


@given(levels=LEVELS)
def test_without_limits_every_window_is_judged(levels: list[float]):
    assert all(passed(GateLimits(), [(level, None) for level in levels]))


@given(levels=LEVELS)
def test_between_the_two_levels_nothing_changes(levels: list[float]):
    told, before = passed(BY_RMS, [(level, None) for level in levels]), False
    for level, now in zip(levels, told, strict=True):
        assert now == (True if level >= 1.0 else False if level < 0.8 else before)
        before = now


@given(levels=LEVELS, settle=st.integers(0, 5))
def test_a_window_is_judged_only_after_so_much_steady_signal(levels: list[float], settle: int):
    limits = GateLimits(rms=1.0, hysteresis=1.0, settle_ns=settle * SECOND)
    run = 0
    for level, now in zip(levels, passed(limits, [(level, None) for level in levels]), strict=True):
        run = run + 1 if level >= 1.0 else 0
        assert now == (run > settle)


def test_a_run_up_is_not_judged_and_begins_the_wait_anew():
    limits = GateLimits(rpm=600.0, settle_ns=2 * SECOND)
    speeds = [0, 300, 700, 900, 1500, 1500, 1501, 1500, 1500, 1400, 1400, 1400, 1400]
    told = passed(limits, [(1.0, float(rpm)) for rpm in speeds])
    assert told == [False] * 6 + [True] * 3 + [False] * 2 + [True] * 2


def test_a_packet_without_a_speed_keeps_a_gate_by_speed_closed():
    assert passed(BY_RPM, [(1.0, 700.0), (1.0, None), (1.0, 700.0)]) == [True, False, True]


@pytest.mark.parametrize(("rms", "rpm"), [(2.0, 100.0), (0.1, 1500.0)])
def test_with_both_limits_both_must_be_met(rms: float, rpm: float):
    limits = GateLimits(rms=1.0, rpm=600.0, settle_ns=0)
    assert passed(limits, [(rms, rpm), (2.0, 1500.0)]) == [False, True]


LIMITS = st.builds(
    GateLimits,
    rms=st.sampled_from([None, 1.0]),
    rpm=st.sampled_from([None, 600.0]),
    settle_ns=st.sampled_from([0, 3 * SECOND]),
)
RPM = st.sampled_from([None, 590.0, 600.0, 605.0, 700.0, math.nan])
SHOWN = st.tuples(st.sampled_from([0.0, 0.8, 1.0, math.nan]), RPM, st.booleans())


@given(limits=st.lists(LIMITS, min_size=3, max_size=3), windows=st.lists(st.tuples(SHOWN, SHOWN, SHOWN), max_size=20))
def test_many_gates_are_as_one(limits: list[GateLimits], windows: list[tuple[tuple[float, float | None, bool], ...]]):
    one = [Gate(), Gate(running=True, settled_ns=SECOND, rpm=700.0), Gate(rpm=600.0)]
    many = np.array([(g.running, g.settled_ns, g.rpm or math.nan) for g in one], GATE_DTYPE)
    numbers = [[math.nan if value is None else value for value in (each.rms, each.rpm)] for each in limits]
    rest = [(each.hysteresis, each.settle_ns, each.rpm_change, each.given) for each in limits]
    given_limits = np.array([(*two, *more) for two, more in zip(numbers, rest, strict=True)], LIMITS_DTYPE)
    for shown in windows:
        rms, rpm, applies = zip(*shown, strict=True)
        rpm = [None if value is None or math.isnan(value) else value for value in rpm]
        one = [
            update_gate(gate, each, level, speed, SECOND) if does else gate
            for gate, each, level, speed, does in zip(one, limits, rms, rpm, applies, strict=True)
        ]
        speeds = np.array([math.nan if value is None else value for value in rpm])
        is_open = update_gates(
            many, given_limits, np.array(rms), speeds, np.full(3, SECOND), np.array(applies, np.bool_)
        )
        assert is_open.tolist() == [gate.is_open(each) for gate, each in zip(one, limits, strict=True)]
        found = [Gate(r, s, None if math.isnan(speed) else speed) for r, s, speed in many.tolist()]
        assert found == one
