from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from witness import POLICY, Desk, events_of, message, tell

from drsn.agent.backends.fake import tone_of
from drsn.agent.decision.alarm_engine import Outcome
from drsn.agent.decision.alarm_logic import fall_silent
from drsn.agent.decision.alarm_state import Change
from drsn.agent.evidence import batch_buffer as staging
from drsn.agent.evidence import recorder as module
from drsn.agent.evidence.quantise import samples_of

TOLD = ("normal", "ball", "normal", "ball", "ball", "ball", "normal", "normal", "normal")


def test_an_event_takes_the_windows_up_to_the_one_that_decided_it(contract):
    story = tell(contract, *TOLD, max_batch=9)  # one batch: later windows are at hand when the event is made
    assert story.desk.taken == [], "not before the commit"
    story.keeper.release()
    raised, cleared = story.desk.taken
    assert [snapshot.event for snapshot in (raised, cleared)] == story.events
    assert [fact.condition for fact in raised.facts] == ["ball", "normal", "ball", "ball"]
    assert [fact.condition for fact in cleared.facts] == ["ball", "normal", "normal", "normal"]
    last = samples_of(raised.arrays.counts, raised.arrays.scale, raised.arrays.offset)[-1]
    np.testing.assert_allclose(last, 1.1 * tone_of(contract, "ball", contract.window, 12_000.0), atol=4e-5)
    assert raised.arrays.probabilities[:, 3].tolist() == pytest.approx([0.9, 1 / 30, 0.9, 0.9])


def test_a_copy_does_not_change_with_what_comes_later(contract):
    story = tell(contract, "ball", "ball", "ball")
    (held,) = story.keeper._held
    before = held.arrays.counts.copy()
    events_of([message(contract, "normal", seq) for seq in range(3, 9)], story.line)
    np.testing.assert_array_equal(held.arrays.counts, before)
    assert len(held.facts) == 3, "no more than had come"


def test_no_array_is_allocated_for_a_sensor_s_later_windows(contract, monkeypatch: pytest.MonkeyPatch):
    story = tell(contract, "normal", "normal", max_batch=1)
    monkeypatch.setattr(module.WindowHistory, "__init__", lambda *_: pytest.fail("another trail"))
    before, staging = story.keeper.nbytes, story.keeper._staging
    flat, work = staging._flat, staging._work
    assert events_of([message(contract, "normal", seq) for seq in range(2, 9)], story.line) == []
    assert story.keeper.nbytes == before
    assert staging._flat is flat
    assert staging._work is work


def test_memory_is_what_it_says(contract):
    story = tell(contract, "normal")
    per_window = 2 * 256 + 4 + 4 + 4 * 4 + 4  # counts, scale, offset, four labels, novelty
    assert story.keeper.nbytes == 4 * per_window


def test_what_finds_no_room_is_counted(contract):
    story = tell(contract, *TOLD, desk=Desk(room=1))
    story.keeper.release()
    assert story.keeper.counts()["dropped"] == 1
    story.keeper.release()
    assert story.keeper.counts()["dropped"] == 1


def test_what_waits_for_a_commit_is_bounded(contract, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "WAITING_BYTES", 5000)
    story = tell(contract, *TOLD)
    assert (len(story.keeper._held), story.keeper.dropped) == (1, 1)


def test_a_sensor_that_falls_silent_leaves_its_last_windows(contract):
    story = tell(contract, "normal", "normal")
    pipeline, after = story.line.engine, story.line.engine.sensors["press4"]
    pipeline.sensors["press4"], changes = fall_silent(after, POLICY, 5)
    story.keeper.notice([Outcome("press4", None, pipeline.sensors["press4"], tuple(changes))])
    (held,) = story.keeper._held
    assert (held.event.condition, held.decided, len(held.facts)) == ("silent", False, 2)


def test_what_a_person_commands_needs_no_evidence(contract):
    story = tell(contract, *TOLD[:6])
    (held,) = story.keeper._held
    sensor = story.line.engine.sensors["press4"]
    by_ann = Change("silent", replace(sensor.conditions["silent"], by="ann"))
    story.keeper.notice([Outcome("press4", None, sensor, (by_ann, Change("ball", sensor.conditions["ball"])))])
    assert story.keeper._held == [held]


def test_a_sensor_never_heard_and_one_forgotten_leave_nothing(contract):
    story = tell(contract, *TOLD[:6])
    story.keeper.release()
    state = story.line.engine.sensors["press4"]
    story.keeper.forget("press4")
    story.keeper.notice([Outcome("press4", None, state, (Change("silent", state.conditions["silent"]),))])
    assert story.keeper._held == []


def test_another_rate_begins_another_trail(contract):
    story = tell(contract, "normal", "normal", max_batch=1)
    faster = contract.model_copy(update={"window": 512, "sample_rate_hz": 24_000.0})
    sent = [message(faster, "normal", seq) for seq in (2, 3, 4)]
    assert events_of(sent, story.line) == []
    facts, arrays = story.keeper._trails["press4"].copy()
    assert arrays.counts.shape == (3, 1, 512)
    assert len(facts) == 3
    assert story.keeper._trails["press4"].shape.sample_rate_hz == 24_000.0


def test_evidence_that_is_off_costs_nothing(contract):
    story = tell(contract, *TOLD, windows=0)
    story.keeper.release()
    assert len(story.events) == 2
    assert story.desk.taken == []
    assert story.keeper.nbytes == 0


PER_WINDOW = 2 * 256 + 4 + 4 + 4 * 4 + 4


def told_by(contract, *sensors: str) -> list:
    """Three windows of balls, of each: an alarm."""
    return [message(contract, "ball", seq, sensor=sensor) for sensor in sensors for seq in range(3)]


def test_the_memory_of_all_windows_is_bounded_and_who_finds_no_room_is_said_and_counted(contract, caplog):
    story = tell(contract, "normal", most_bytes=2 * 4 * PER_WINDOW)
    events = events_of(told_by(contract, "fan", "pump", "saw"), story.line)
    assert len(events) == 3, "they are alarms all the same"
    assert sorted(story.keeper._trails) == ["fan", "press4"]
    assert story.keeper.nbytes == 2 * 4 * PER_WINDOW
    assert [snapshot.event.sensor for snapshot in story.keeper._held] == ["fan"]
    counts = story.keeper.counts()
    assert (counts["dropped"], counts["crowded_out"], counts["memory_bytes"]) == (2, 2, 2 * 4 * PER_WINDOW)
    assert "no memory for the windows of a sensor" in caplog.text
    story.keeper.forget("press4")
    assert events_of([message(contract, "ball", 3, sensor="pump")], story.line) == []
    assert story.keeper.counts()["crowded_out"] == 1, "there is room again"


def test_a_faster_sensor_gives_its_room_to_a_slower_one(contract):
    story = tell(contract, most_bytes=5 * 4 * PER_WINDOW)
    fast = contract.model_copy(update={"window": 1024, "sample_rate_hz": 48_000.0})
    events_of([message(fast, "normal", 0, sensor="fast")], story.line)
    assert list(story.keeper._trails) == ["fast"]
    events_of(told_by(contract, "fan", "pump"), story.line)
    assert sorted(story.keeper._trails) == ["fan", "pump"]
    assert story.keeper.counts()["crowded_out"] == 1
    assert {snapshot.event.sensor for snapshot in story.keeper._held} == {"fan", "pump"}


def test_the_memory_of_a_batch_is_bounded(contract, monkeypatch: pytest.MonkeyPatch):
    """32 windows at 1 MHz have 11 MB, and `inference.max_batch` may be 1,024."""
    monkeypatch.setattr(staging, "STAGED_BYTES", 2 * 256 * 4)
    story = tell(contract, *8 * ["normal"], max_batch=3)
    fast = contract.model_copy(update={"window": 2048, "sample_rate_hz": 96_000.0})
    sent = [message(fast, "ball", seq, sensor="fast") for seq in range(3)]
    assert len(events_of(sent, story.line)) == 1
    assert story.keeper._staging._flat.nbytes <= 2 * 256 * 4
    assert list(story.keeper._trails) == ["press4"]
    assert (story.keeper.dropped, story.keeper.counts()["crowded_out"]) == (1, 1)
    events_of([message(contract, "normal", seq) for seq in (8, 9)], story.line)
    facts, _ = story.keeper._trails["press4"].copy()
    assert len(facts) == 4


def test_a_window_that_waits_for_its_diagnosis_holds_no_ring(contract):
    story = tell(contract, "normal")
    assert not hasattr(story.keeper._staging.rows[0], "window")
