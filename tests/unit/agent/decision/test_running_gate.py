from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.running_gate import Gate, GateLimits, update_gate

SECOND = 1_000_000_000
BY_RMS = GateLimits(rms=1.0, settle_ns=0)
BY_RPM = GateLimits(rpm=600.0, settle_ns=0)
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
