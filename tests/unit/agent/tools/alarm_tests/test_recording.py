from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from drsn.agent.tools.alarm_tests.runner import Verdict

CONVEYOR = Path(__file__).parents[4] / "alarm_cases" / "conveyor.wav"
HEAD = 'bundle = "shipped:synthetic"'


def recorded(more: str) -> str:
    return f'{{ recording = "{CONVEYOR}"{more} }}'


def conditions(verdict: Verdict) -> list[str]:
    return [each.event.condition for each in verdict.happened]


def test_a_part_of_it_alone_may_be_played(verdict):
    assert conditions(verdict(recorded(", for_s = 2"), head=HEAD)) == []
    assert conditions(verdict(recorded(", from_s = 4"), head=HEAD)) == ["outer_race"]


def test_noise_is_the_same_each_time(verdict):
    both = [verdict(recorded(", from_s = 4, snr_db = 0, seed = 3"), head=HEAD) for _ in range(2)]
    assert both[0].happened == both[1].happened
    clean = verdict(recorded(", from_s = 4"), head=HEAD)
    assert clean.happened[0].event.confidence != both[0].happened[0].event.confidence


def test_it_goes_through_the_sensors_own_checks_and_the_gate(verdict):
    gated = f"{HEAD}\n[settings.gate]\nrms = 100.0"
    assert conditions(verdict(recorded(""), head=gated)) == []
    gated = f"{HEAD}\n[settings.gate]\nrpm = 1000"
    assert conditions(verdict(recorded(""), head=gated)) == []
    assert conditions(verdict(recorded(", rpm = 1329"), head=gated)) == ["outer_race"]


def test_a_second_recording_begins_anew_as_a_sensor_does_that_was_restarted(verdict):
    found = verdict(f"{recorded(', from_s = 4, for_s = 0.9')}, {recorded(', from_s = 4, for_s = 0.9')}", head=HEAD)
    assert conditions(found) == []
    assert found.lasted_s == pytest.approx(2 * 0.853, abs=0.2)


def test_it_goes_on_after_a_restart(verdict):
    found = verdict(f"{recorded(', from_s = 4')}, {{ restart = true }}, {recorded(', for_s = 2')}", head=HEAD)
    assert [each.event.active for each in found.happened] == [True, False]
