"""What a case's steps do, where our own cases do not show it; and that a case fails when it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.alarm_tests.report import lines_of
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.tools.alarm_tests.runner import CaseResult

RAISED = '[{ at_s = 6, condition = "ball", state = "active_unacked" }]'


def summary(result: CaseResult) -> list[tuple[float, str, str, str]]:
    return [(h.at_s, h.event.sensor, h.event.condition, h.event.state) for h in result.events]


def test_steps_of_several_sensors_follow_one_another(run):
    found = run('{ say = "ball_007 x3" }, { sensor = "b", say = "ball_007 x3" }, { say = "ball_007 x3" }', RAISED)
    assert summary(found) == [(9.0, "sensor", "ball", "active_unacked")]
    assert found.lasted_s == 9.0
    assert not found.passed, "it came three seconds late"


def test_overlapping_windows_come_faster(run):
    head = 'bundle = "shipped:cwru"\nhop_windows = 0.5'
    found = run('{ say = "ball_014 x6" }', RAISED, head=head)
    assert [each.at_s for each in found.events] == [pytest.approx(6 * 1024 / 12000)]


def test_a_window_that_is_a_little_strange_still_counts_by_the_sequential_rule(run):
    head = 'bundle = "shipped:cwru"\n[settings.alarms]\nrule = "sequential"'
    strange = 'label = "ball_014", windows = 40, confidence = 0.9999'
    found = [summary(run(f"{{ {strange}, {how} }}", head=head)) for how in ("novelty = 2.0", "abstains = true")]
    assert [{condition for _, _, condition, _ in events} for events in found] == [{"ball", "unknown"}, {"unknown"}]


def test_a_command_that_is_done_though_it_should_be_refused_fails_the_case(run):
    found = run('{ say = "ball_007 x6" }, { command = "ack", condition = "ball", expect_refused = "still there" }',
                    f'{RAISED[:-1]}, {{ condition = "ball", state = "active_acked" }}]')  # fmt: skip
    assert found.problems == ("step 2: ack was done, not refused: still there",)
    assert not found.passed


def test_a_command_that_is_refused_fails_the_case(run):
    reset = 'command = "reset", condition = "ball"'
    found = run(f'{{ say = "ball_007 x6" }}, {{ {reset} }}, {{ {reset}, expect_refused = "other" }}', RAISED)
    assert found.problems == (
        "step 2: reset was refused: reset: ball is still active",
        "step 3: reset was refused: reset: ball is still active, not: other",
    )


def test_events_can_be_asked_for(run):
    assert run('{ say = "ball_007 x6" }, { command = "events", from_seq = 1 }', RAISED).passed


def test_an_alarm_that_is_otherwise_fails_the_case_at_its_step(run):
    found = run('{ say = "normal", expect_alarm = { state = "active_unacked", conditions = ["ball"] } }',
                    more="expect_alarm = { seq = 3 }")  # fmt: skip
    assert found.problems == (
        'step 1: state is "normal", not "active_unacked"',
        'step 1: conditions is [], not ["ball"]',
        "at the end: seq is 0, not 3",
    )


def test_a_sensor_that_never_sent_has_no_alarm(run):
    found = run('{ nothing_s = 1, expect_alarm = { state = "normal" } }')
    assert found.problems == ("step 1: no window of sensor sensor came yet",)


def test_a_failed_case_shows_both_sides_in_order(run, write):
    from drsn.agent.tools.alarm_tests.case_file import read

    due = '[{ at_s = 2, condition = "ball", state = "active_unacked" }, { condition = "silent" }]'
    found = run('{ say = "ball_007 x6" }', due)
    path = write('{ say = "ball_007 x6" }', due)
    assert "\n".join(lines_of(read(path), found)).splitlines() == [
        "FAILED  cases.toml: one",
        '    ~ { at_s = 6, condition = "ball", state = "active_unacked", severity = "major" }',
        "        at_s is 6, not 2",
        '    - { condition = "silent" }',
    ]


def test_a_recording_that_is_missing_is_named_with_its_step(run):
    with pytest.raises(Exception, match=r"case 'one': step 1: recording: .*missing\.wav") as error:
        run('{ recording = "missing.wav" }', head='bundle = "shipped:synthetic"')
    assert error.value.exit_code == 74


def test_a_case_can_be_run_again_with_the_same_result(run):
    both = [run('{ say = "ball_007 x6, gap, normal x7" }, { restart = true }', RAISED) for _ in range(2)]
    assert both[0].events == both[1].events


def test_more_than_the_recording_has_is_an_error(run, tmp_path):
    import numpy as np

    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal(12_000).astype(np.float32))
    for part, field in (("for_s = 2", "for_s"), ("from_s = 1", "from_s")):
        with pytest.raises(ConfigurationError, match=f"step 1: {field}: a.npy is 1 s long"):
            run(f'{{ recording = "a.npy", sample_rate_hz = 12000, {part} }}', head='bundle = "shipped:synthetic"')
    with pytest.raises(ConfigurationError, match="step 1: recording: its packets are refused, wrong_rate"):
        run('{ recording = "a.npy", sample_rate_hz = 4000 }', head='bundle = "shipped:synthetic"')
