from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from drsn.agent.tools.alarm_tests.runner import CaseResult

CONVEYOR = Path(__file__).parents[4] / "alarm_cases" / "conveyor.wav"
HEAD = 'bundle = "shipped:synthetic"'


def recorded(more: str) -> str:
    return f'{{ recording = "{CONVEYOR}"{more} }}'


def conditions(result: CaseResult) -> list[str]:
    return [each.event.condition for each in result.events]


def test_a_part_of_it_alone_may_be_played(run):
    assert conditions(run(recorded(", for_s = 2"), head=HEAD)) == []
    assert conditions(run(recorded(", from_s = 4"), head=HEAD)) == ["outer_race"]


def test_noise_is_the_same_each_time(run):
    both = [run(recorded(", from_s = 4, snr_db = 0, seed = 3"), head=HEAD) for _ in range(2)]
    assert both[0].events == both[1].events
    clean = run(recorded(", from_s = 4"), head=HEAD)
    assert clean.events[0].event.confidence != both[0].events[0].event.confidence


def test_it_goes_through_the_sensors_own_checks_and_the_gate(run):
    gated = f"{HEAD}\n[settings.gate]\nrms = 100.0"
    assert conditions(run(recorded(""), head=gated)) == []
    gated = f"{HEAD}\n[settings.gate]\nrpm = 1000"
    assert conditions(run(recorded(""), head=gated)) == []
    assert conditions(run(recorded(", rpm = 1329"), head=gated)) == ["outer_race"]


def test_a_second_recording_begins_anew_as_a_sensor_does_that_was_restarted(run):
    found = run(f"{recorded(', from_s = 4, for_s = 0.9')}, {recorded(', from_s = 4, for_s = 0.9')}", head=HEAD)
    assert conditions(found) == []
    assert found.lasted_s == pytest.approx(2 * 0.853, abs=0.2)


def test_it_goes_on_after_a_restart(run):
    found = run(f"{recorded(', from_s = 4')}, {{ restart = true }}, {recorded(', for_s = 2')}", head=HEAD)
    assert [each.event.active for each in found.events] == [True, False]
