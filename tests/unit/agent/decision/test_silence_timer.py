from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_window_engine import OneSensorSilence

from drsn.agent.decision.silence_timer import SilenceTimer

A, B = 70, 3
"""Slots; the arrays must grow for one of them."""


class Listener:
    """A clock that is turned by hand, in steps of half a second."""

    def __init__(self, periods_s: dict[int, float] | None = None, after_s: float = 30.0) -> None:
        self.now_s = 1000.0
        self.silence = SilenceTimer(lambda _slot: after_s)
        for slot, period_s in (periods_s or {}).items():
            self.silence.begin(slot, period_s)
        self.silence.tick(self.now_s, connected=True)

    def wait(self, seconds: float, *, connected: bool = True) -> list[int]:
        fallen = []
        for _ in range(round(2 * seconds)):
            self.now_s += 0.5
            fallen += self.silence.tick(self.now_s, connected=connected)
        return fallen

    def restart(self) -> float:
        return self.silence.restart(A)

    def heard_every(self, period_s: float, times: int) -> list[int]:
        fallen = []
        for _ in range(times):
            fallen += self.wait(period_s)
            self.restart()
        return fallen


@pytest.mark.parametrize(("period_s", "least_s"), [(1, 30), (5, 30), (60, 180)])
def test_a_sensor_is_silent_after_thirty_seconds_or_three_of_its_periods(period_s: float, least_s: float):
    it = Listener()
    it.heard_every(period_s, 8)
    assert it.wait(least_s) == []
    assert it.wait(2) == [A]
    assert it.wait(1000) == [], "said once"


def test_one_that_is_heard_again_may_fall_silent_again():
    it = Listener()
    it.heard_every(1, 3)
    assert it.wait(40) == [A]
    it.restart()
    it.heard_every(1, 30)
    assert it.wait(40) == [A], "an outage of forty seconds is no period"


def test_from_one_window_nobody_knows_when_to_expect_the_next():
    it = Listener()
    it.restart()
    assert it.wait(10_000) == []


def test_while_the_broker_is_away_nobody_falls_silent():
    it = Listener()
    it.heard_every(1, 5)
    assert it.wait(25) == []
    assert it.wait(3600, connected=False) == []
    assert it.wait(4) == []
    assert it.wait(3) == [A]


def test_a_loop_that_stood_still_did_not_listen():
    it = Listener()
    it.heard_every(1, 5)
    it.now_s += 3600
    assert it.wait(25) == []


def test_a_sensor_of_an_earlier_run_is_expected_at_its_period():
    it = Listener({A: 20.0, B: 0.0})
    assert it.wait(60) == []
    assert it.wait(2) == [A], "the period of b is not known"


def test_never_is_never():
    it = Listener(after_s=0.0)
    it.heard_every(1, 5)
    assert it.wait(10_000) == []


def test_a_packet_of_many_windows_does_not_hide_the_pause_before_it():
    it = Listener()
    for _ in range(6):
        it.wait(60)
        for _ in range(100):
            it.restart()
    assert it.wait(179) == []
    assert it.wait(3) == [A]


@given(pauses_s=st.lists(st.integers(0, 9), min_size=2, max_size=30))
def test_a_sensor_that_never_pauses_for_long_never_falls_silent(pauses_s: list[int]):
    it = Listener()
    assert [name for pause_s in pauses_s for name in it.heard_every(pause_s, 1)] == []


PERIODS = st.floats(0.0, 100.0)
TURNS = st.lists(
    st.tuples(st.sets(st.integers(0, 99)), st.floats(0.0, 4.0), st.booleans(), st.integers(-900, 99)), max_size=30
)


@given(known=st.dictionaries(st.integers(0, 99), PERIODS), turns=TURNS, after_s=st.sampled_from([0.0, 1.0, 3.3]))
def test_many_timers_are_bit_for_bit_as_one(
    known: dict[int, float], turns: list[tuple[set[int], float, bool, int]], after_s: float
):
    """Against the timer of the reference, which has a dict."""
    one = OneSensorSilence({str(slot): period_s for slot, period_s in known.items()}, lambda _name: after_s)
    many, now_s = SilenceTimer(lambda _slot: after_s), 0.0
    started: set[int] = set()
    for slot, period_s in known.items():
        many.begin(slot, period_s)
    for slots, seconds, connected, forgotten in turns:
        alone = [slot for slot in slots if slot not in started or slot % 2]
        together = [slot for slot in slots if slot not in alone]
        assert [many.restart(slot) for slot in alone] == [one.restart(str(slot)) for slot in alone]
        periods_s = many.restart_all(np.array(together, np.intp)).tolist()
        assert periods_s == [one.restart(str(slot)) for slot in together]
        started |= slots
        now_s += seconds
        fallen = many.tick(now_s, connected=connected)
        assert fallen == sorted(map(int, one.tick(now_s, connected=connected)))
        started -= {*fallen, forgotten}
        if forgotten >= 0:
            many.forget(forgotten)
            one.forget(str(forgotten))
