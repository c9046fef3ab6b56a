from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.silence_timer import SilenceTimer


class Listener:
    """A clock that is turned by hand, in steps of half a second."""

    def __init__(self, periods_s: dict[str, float] | None = None, after_s: float = 30.0) -> None:
        self.now_s = 1000.0
        self.silence = SilenceTimer(periods_s or {}, lambda _sensor: after_s)
        self.silence.tick(self.now_s, connected=True)

    def wait(self, seconds: float, *, connected: bool = True) -> list[str]:
        fallen = []
        for _ in range(round(2 * seconds)):
            self.now_s += 0.5
            fallen += self.silence.tick(self.now_s, connected=connected)
        return fallen

    def heard_every(self, period_s: float, times: int) -> list[str]:
        fallen = []
        for _ in range(times):
            fallen += self.wait(period_s)
            self.silence.restart("a")
        return fallen


@pytest.mark.parametrize(("period_s", "least_s"), [(1, 30), (5, 30), (60, 180)])
def test_a_sensor_is_silent_after_thirty_seconds_or_three_of_its_periods(period_s: float, least_s: float):
    it = Listener()
    it.heard_every(period_s, 8)
    assert it.wait(least_s) == []
    assert it.wait(2) == ["a"]
    assert it.wait(1000) == [], "said once"


def test_one_that_is_heard_again_may_fall_silent_again():
    it = Listener()
    it.heard_every(1, 3)
    assert it.wait(40) == ["a"]
    it.silence.restart("a")
    it.heard_every(1, 30)
    assert it.wait(40) == ["a"], "an outage of forty seconds is no period"


def test_from_one_window_nobody_knows_when_to_expect_the_next():
    it = Listener()
    it.silence.restart("a")
    assert it.wait(10_000) == []


def test_while_the_broker_is_away_nobody_falls_silent():
    it = Listener()
    it.heard_every(1, 5)
    assert it.wait(25) == []
    assert it.wait(3600, connected=False) == []
    assert it.wait(4) == []
    assert it.wait(3) == ["a"]


def test_a_loop_that_stood_still_did_not_listen():
    it = Listener()
    it.heard_every(1, 5)
    it.now_s += 3600
    assert it.wait(25) == []


def test_a_sensor_of_an_earlier_run_is_expected_at_its_period():
    it = Listener({"a": 20.0, "b": 0.0})
    assert it.wait(60) == []
    assert it.wait(2) == ["a"], "and of b nobody knows a period"


def test_never_is_never():
    it = Listener(after_s=0.0)
    it.heard_every(1, 5)
    assert it.wait(10_000) == []


def test_a_packet_of_many_windows_does_not_hide_the_pause_before_it():
    it = Listener()
    for _ in range(6):
        it.wait(60)
        for _ in range(100):
            it.silence.restart("a")
    assert it.wait(179) == []
    assert it.wait(3) == ["a"]


@given(pauses_s=st.lists(st.integers(0, 9), min_size=2, max_size=30))
def test_a_sensor_that_never_pauses_for_long_never_falls_silent(pauses_s: list[int]):
    it = Listener()
    assert [name for pause_s in pauses_s for name in it.heard_every(pause_s, 1)] == []
