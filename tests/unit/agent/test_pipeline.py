from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from drsn.agent.alarms import Policy
from drsn.agent.diagnosis import UNKNOWN, Diagnosis, Reading
from drsn.agent.documents import BundleReference
from drsn.agent.pipeline import EVENT_NAMESPACE, Identity, Pipeline
from drsn.agent.votes import Quorum
from drsn.model.contract import Label

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

IDENTITY = Identity("tester", "e1", BundleReference(name="small", version="1", sha256="0" * 64))
AT_ONCE = Policy(Quorum(1, 1), Quorum(1, 1))
SLOW_TO_CLEAR = Policy(Quorum(1, 1), Quorum(8, 8))


def pipeline_of(contract: ModelContract, policy: Policy = AT_ONCE, **options: object) -> Pipeline:
    return Pipeline(contract, IDENTITY, lambda _sensor: policy, **options)


def diagnosis(condition: str, end_s: int = 1, *, fresh: bool = False) -> Diagnosis:
    reading = Reading("a", end_s * 10**9, 10**8, fresh, 1.0, 2.0, "g", clock_synced=True)
    return Diagnosis(reading, condition, f"{condition}_007", 0.9, {condition: 0.9}, {}, -1.0)


def test_the_alarm_of_a_sensor_names_every_standing_condition_and_repeats_the_most_urgent(contract):
    pipeline = pipeline_of(contract, SLOW_TO_CLEAR)
    for second, condition in enumerate((UNKNOWN, "ball", "inner_race"), start=1):
        pipeline.feed(diagnosis(condition, second), 0)
    alarm = pipeline.alarm("a")
    # inner_race is critical by its worst label, ball is major, and unknown is no machine condition.
    assert [document.condition for document in alarm.conditions] == ["inner_race", "ball", UNKNOWN]
    top = alarm.conditions[0]
    assert (alarm.condition, alarm.severity, alarm.event_id) == (top.condition, top.severity, top.event_id)
    assert alarm.severity == "critical"
    assert alarm.seq == 3


def test_of_equal_severity_the_older_comes_first(contract):
    labels = (contract.labels[0], Label(name="b", condition="b"), Label(name="a", condition="a"))
    pipeline = pipeline_of(contract.model_copy(update={"labels": labels}), SLOW_TO_CLEAR)
    for second, condition in enumerate(("a", "b"), start=1):
        pipeline.feed(diagnosis(condition, second), 0)
    assert [document.condition for document in pipeline.alarm("a").conditions] == ["a", "b"]


def test_event_ids_follow_from_agent_epoch_sensor_and_seq_alone(contract):
    events = [pipeline_of(contract).feed(diagnosis("ball"), now).events[0] for now in (1, 2)]
    assert events[0].event_id == events[1].event_id == str(uuid.uuid5(EVENT_NAMESPACE, "tester/e1/a/1"))


def test_since_is_the_time_of_the_deciding_window(contract):
    (event,) = pipeline_of(contract).feed(diagnosis("ball", end_s=5), 7_250_000_000).events
    assert (event.since, event.decided_at) == ("1970-01-01T00:00:05.000Z", "1970-01-01T00:00:07.250Z")


def test_a_condition_that_a_new_bundle_no_longer_knows_stays_until_votes_clear_it(contract):
    old = pipeline_of(contract)
    old.feed(diagnosis("ball"), 0)
    labels = (contract.labels[0], contract.labels[1])
    new = pipeline_of(contract.model_copy(update={"labels": labels}), sensors=old.sensors)
    assert new.alarm("a").condition == "ball"
    (event,) = new.feed(diagnosis("normal"), 0).events
    assert (event.condition, event.active) == ("ball", False)


def test_a_sensor_that_was_never_diagnosed_has_no_alarm(contract):
    with pytest.raises(KeyError):
        pipeline_of(contract).alarm("a")
