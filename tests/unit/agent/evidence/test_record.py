from __future__ import annotations

from dataclasses import replace

import pytest
from witness import sensor_setup, tell

from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.voting import Quorum
from drsn.agent.evidence.record import adapter, record_of


def test_a_record_has_the_votes_after_each_window(record):
    notes = record.header.windows
    assert [note.condition for note in notes] == ["ball", "normal", "ball", "ball"]
    assert [note.votes for note in notes] == [1, 1, 2, 3]
    assert (record.event.votes, record.event.of) == (3, 4)
    assert [note.follows for note in notes] == [False, True, True, True]
    assert notes[0].before is not None
    assert record.header.bearing is not None
    assert record.header.unit == "g"
    assert notes[-1].rpm == 1750.0


def test_samples_of_a_16_bit_sensor_are_kept_as_they_were(record):
    assert all(note.lossless for note in record.header.windows)
    assert (record.arrays.offset == 0).all()


def test_the_first_window_of_a_sensor_follows_nothing(contract):
    story = tell(contract, "ball", "ball", "ball")
    story.recorder.release()
    first = record_of(story.writer.taken[0], sensor_setup(contract)).header.windows[0]
    assert (first.follows, first.before) == (False, None)


@pytest.mark.parametrize("threshold", [None, 22.4])
def test_a_policy_survives_the_file(threshold):
    policy = Policy.votes(Quorum(3, 4), Quorum(3, 4))
    policy = replace(policy, machine=AlarmRule(Quorum(1, 1), Quorum(2, 2), threshold, 5, 6))
    kind = adapter(Policy)
    assert kind.validate_python(kind.dump_python(policy, mode="json")) == policy
