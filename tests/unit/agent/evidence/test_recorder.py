from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from witness import POLICY, FakeWriter, events_of, message, tell

from drsn.agent.backends.fake import tone_of
from drsn.agent.decision.alarm_engine import Outcome
from drsn.agent.decision.alarm_logic import fall_silent
from drsn.agent.decision.alarm_state import Change
from drsn.agent.evidence import recorder as module
from drsn.agent.evidence.quantise import samples_of
from drsn.agent.evidence.window_history import note_dtype

if TYPE_CHECKING:
    from witness import Story

    from drsn.agent.evidence.capture import Capture

LABELS = ("normal", "ball", "normal", "ball", "ball", "ball", "normal", "normal", "normal")
NOTE = note_dtype(labels=4, units=0, conditions=6, own=3).itemsize
PER_WINDOW = 4 * 256 + NOTE


def captured(story: Story) -> list[Capture]:
    """The captures since the last call."""
    story.writer.taken.clear()
    story.recorder.release()
    return list(story.writer.taken)


def silent(story: Story, *sensors: str) -> list[Capture]:
    """The captures of sensors that fall silent now: their windows in memory."""
    captured(story)
    for name in sensors:
        state, changes = fall_silent(story.line.engine.sensors[name], POLICY, 5, 5, clock_synced=True)
        story.recorder.capture_last([Outcome(name, None, state, tuple(changes))])
    return captured(story)


def test_an_event_takes_the_windows_up_to_the_one_that_decided_it(contract):
    story = tell(contract, *LABELS, max_batch=9)  # one batch: later windows are buffered when the event is made
    assert story.writer.taken == [], "not before the commit"
    raised, cleared = captured(story)
    assert [capture.event for capture in (raised, cleared)] == story.events
    assert [window.condition for window in raised.windows] == ["ball", "normal", "ball", "ball"]
    assert [window.condition for window in cleared.windows] == ["ball", "normal", "normal", "normal"]
    last = samples_of(raised.arrays.counts, raised.arrays.scale, raised.arrays.offset)[-1]
    np.testing.assert_allclose(last, 1.1 * tone_of(contract, "ball", contract.window, 12_000.0), atol=4e-5)
    assert raised.arrays.probabilities[:, 3].tolist() == pytest.approx([0.9, 1 / 30, 0.9, 0.9])


def test_a_copy_does_not_change_with_what_comes_later(contract):
    story = tell(contract, "ball", "ball", "ball")
    (capture,) = captured(story)
    before = capture.arrays.counts.copy()
    events_of([message(contract, "normal", seq) for seq in range(3, 9)], story.line)
    np.testing.assert_array_equal(capture.arrays.counts, before)
    assert len(capture.windows) == 3, "no more than had come"


def test_no_array_is_allocated_for_a_sensor_s_later_windows(contract, monkeypatch: pytest.MonkeyPatch):
    story = tell(contract, "normal", "normal", max_batch=1)
    monkeypatch.setattr(module.WindowHistory, "__init__", lambda *_: pytest.fail("another history"))
    before = story.recorder.nbytes
    assert events_of([message(contract, "normal", seq) for seq in range(2, 9)], story.line) == []
    assert story.recorder.nbytes == before


def test_nbytes_is_the_size_of_the_arrays(contract):
    assert tell(contract, "normal").recorder.nbytes == 4 * PER_WINDOW


def test_what_finds_no_room_is_counted(contract):
    story = tell(contract, *LABELS, writer=FakeWriter(max_captures=1))
    story.recorder.release()
    assert story.recorder.counts()["dropped"] == 1
    story.recorder.release()
    assert story.recorder.counts()["dropped"] == 1


def test_what_waits_for_a_commit_is_bounded(contract):
    story = tell(contract, *LABELS, waiting_bytes=8000)
    assert (len(captured(story)), story.recorder.dropped) == (1, 1)


def test_a_sensor_that_falls_silent_leaves_its_last_windows(contract):
    story = tell(contract, "normal", "normal")
    after, changes = fall_silent(story.line.engine.sensors["press4"], POLICY, 5, 5, clock_synced=True)
    story.recorder.capture_last([Outcome("press4", None, after, tuple(changes))])
    (capture,) = captured(story)
    assert (capture.event.condition, capture.decided, len(capture.windows)) == ("silent", False, 2)


def test_what_a_person_commands_needs_no_evidence(contract):
    story = tell(contract, *LABELS[:6])
    captured(story)
    sensor = story.line.engine.sensors["press4"]
    by_ann = Change("silent", replace(sensor.conditions["silent"], by="ann"))
    story.recorder.capture_last([Outcome("press4", None, sensor, (by_ann, Change("ball", sensor.conditions["ball"])))])
    assert captured(story) == []


def test_a_sensor_never_heard_and_one_forgotten_leave_nothing(contract):
    story = tell(contract, *LABELS[:6])
    story.recorder.forget("press4")
    assert silent(story, "press4") == []


def test_another_rate_begins_another_history(contract):
    story = tell(contract, "normal", "normal", max_batch=1)
    faster = contract.model_copy(update={"window": 512, "sample_rate_hz": 24_000.0})
    sent = [message(faster, "normal", seq) for seq in (2, 3, 4)]
    assert events_of(sent, story.line) == []
    (capture,) = silent(story, "press4")
    assert (capture.arrays.counts.shape, len(capture.windows)) == ((3, 1, 512), 3)
    assert capture.sample_rate_hz == 24_000.0


def test_evidence_that_is_off_costs_nothing(contract):
    story = tell(contract, *LABELS, windows=0)
    assert (len(story.events), captured(story), story.recorder.nbytes) == (2, [], 0)


def alarms_of(contract, *sensors: str) -> list:
    """Three windows of balls of each sensor: an alarm."""
    return [message(contract, "ball", seq, sensor=sensor) for sensor in sensors for seq in range(3)]


def test_the_memory_of_all_windows_is_bounded_and_sensors_without_room_are_logged_and_counted(contract, caplog):
    story = tell(contract, "normal", max_bytes=2 * 4 * PER_WINDOW)
    events = events_of(alarms_of(contract, "fan", "pump", "saw"), story.line)
    assert len(events) == 3, "they are alarms all the same"
    assert story.recorder.nbytes == 2 * 4 * PER_WINDOW
    counts = story.recorder.counts()
    assert (counts["dropped"], counts["crowded_out"], counts["memory_bytes"]) == (2, 2, 2 * 4 * PER_WINDOW)
    assert [capture.event.sensor for capture in captured(story)] == ["fan"]
    remaining = silent(story, "press4", "fan", "pump", "saw")
    assert [capture.event.sensor for capture in remaining] == ["press4", "fan"]
    assert "no memory for the windows of a sensor" in caplog.text
    story.recorder.forget("press4")
    assert events_of([message(contract, "ball", 3, sensor="pump")], story.line) == []
    assert story.recorder.counts()["crowded_out"] == 1, "there is room again"


def test_a_faster_sensor_gives_its_room_to_a_slower_one(contract):
    story = tell(contract, max_bytes=4 * (4 * 1024 + NOTE) + 4 * PER_WINDOW)
    fast = contract.model_copy(update={"window": 1024, "sample_rate_hz": 48_000.0})
    events_of([message(fast, "normal", 0, sensor="fast")], story.line)
    assert len(silent(story, "fast")) == 1
    events_of(alarms_of(contract, "fan", "pump"), story.line)
    assert story.recorder.counts()["crowded_out"] == 1
    assert {capture.event.sensor for capture in captured(story)} == {"fan", "pump"}
    assert [capture.event.sensor for capture in silent(story, "fast", "fan", "pump")] == ["fan", "pump"]
