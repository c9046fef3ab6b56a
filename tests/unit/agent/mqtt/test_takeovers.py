"""Thrown out again and again, and only in a short time."""

from __future__ import annotations

from drsn.agent.mqtt.takeovers import FIGHT, WITHIN_S, Takeovers


def test_so_often_within_the_time_is_a_fight():
    takeovers = Takeovers()
    step_s = WITHIN_S / FIGHT
    assert [takeovers.fight(index * step_s) for index in range(FIGHT)] == [False] * (FIGHT - 1) + [True]


def test_one_now_and_then_is_none():
    takeovers = Takeovers()
    step_s = WITHIN_S / (FIGHT - 1)
    assert not any(takeovers.fight(index * step_s) for index in range(100))
