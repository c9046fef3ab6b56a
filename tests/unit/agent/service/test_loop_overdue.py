"""A packet that is never done: the connection is cut, and it and what waits behind it come again, in order."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from plant import NO_WAITS, RATE_HZ, whole

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.service.waits import Waits

OVERDUE_S = Waits.ack_age_s + 1


@pytest.mark.promise(
    "A packet that is not finished in time makes the agent close the connection; it and the packets behind it "
    "come again, in order.",
    where="service/chores",
    topic="packets",
)
def test_a_packet_that_is_never_done_makes_the_agent_connect_anew_and_the_rest_comes_again_in_order(start):
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    agent = plant.agent
    plant.say("a", "normal")
    plant.turn()
    plant.say("a", "inner_race")
    (stuck,) = agent.inbox.take(1, 0)
    agent.tracker.open(stuck, time.monotonic())  # and somebody forgets it
    for label in ("outer_race", "normal"):
        plant.say("a", label)
    plant.turn()
    assert whole(plant)["in_flight"] == 3, "what came after it can't be acknowledged"
    plant.clock.ahead_s += OVERDUE_S
    plant.turn(1)
    plant.turn()
    assert plant.ingest.epoch == 2
    assert not plant.ingest.in_flight
    assert plant.health().reconnects == 1
    assert whole(plant)["in_flight"] == 0
    told = [event["condition"] for event in plant.heard("drsn/v1/a/event") if event["active"]]
    assert told == ["outer_race", "inner_race", "outer_race"], "what was diagnosed behind it speaks once more, in order"
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_what_waits_behind_a_packet_that_is_never_done_does_not_overtake_it(start):
    """The inbox is full of what the old connection brought: read first, it would make a repeat of what is given up."""
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.say("a", "inner_race")
    (stuck,) = plant.agent.inbox.take(1, 0)
    plant.agent.tracker.open(stuck, time.monotonic())
    for label in ("normal", "ball", "normal"):
        plant.say("a", label)
    plant.loop.waits = replace(plant.loop.waits, messages_a_turn=0)
    plant.clock.ahead_s += OVERDUE_S
    plant.turn(1)
    plant.loop.waits = replace(plant.loop.waits, messages_a_turn=64)
    plant.turn()
    told = [event["condition"] for event in plant.heard("drsn/v1/a/event") if event["active"]]
    assert told == ["inner_race", "ball"]
    packets = whole(plant)
    assert (packets["received"], packets["processed"], packets["duplicate"]) == (4, 4, 0)
    assert not plant.ingest.in_flight


def test_what_a_commit_alone_has_kept_waiting_is_not_given_up(start):
    """The process was stopped for a minute: all of it is done by now."""
    plant = start(StubBroker(), waits=replace(NO_WAITS, group_s=3600.0, lull_s=3600.0))
    plant.say("a", "normal")
    plant.turn(1)
    assert whole(plant)["in_flight"] == 1
    plant.clock.ahead_s += OVERDUE_S
    plant.turn(1)
    assert (whole(plant)["processed"], plant.ingest.epoch) == (1, 1)


def test_what_never_comes_again_of_it_is_shed(start):
    plant = start(StubBroker())
    agent = plant.agent
    payload = frame.encode(Packet(np.ones((1, 64), np.float32), sample_rate_hz=RATE_HZ, seq=1, boot_id=2))
    plant.say("a", "normal")
    plant.broker.publish("plant/c/frame", payload, 0, {}, retain=False)
    for message in agent.inbox.take(2, 0):
        agent.tracker.open(message, time.monotonic())
    plant.clock.ahead_s += OVERDUE_S
    plant.turn(1)
    plant.turn()
    packets = whole(plant)
    assert (packets["received"], packets["processed"], packets["shed"]) == (2, 1, 1)


def test_a_window_that_waits_for_company_while_the_connection_is_cut_votes_once(start, monkeypatch):
    plant = start(StubBroker(), raise_after="2/2", clear_after="2/2")
    batch = plant.agent.pipeline.batcher
    for sensor in "bc":
        plant.say(sensor, "normal")
    plant.turn()  # a batch of two, so that the next window waits
    monkeypatch.setattr(batch, "_deadline_s", 600.0)
    plant.say("a", "inner_race")
    plant.turn(1)
    assert len(batch) == 1
    plant.clock.ahead_s += OVERDUE_S
    plant.turn(1)
    assert plant.ingest.epoch == 2, "its packet comes again"
    monkeypatch.setattr(batch, "_deadline_s", 0.0)
    plant.turn()
    assert plant.health().windows == 3
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_what_was_acknowledged_before_it_without_a_commit_leaves_no_gap(start):
    """A packet that completes no window is acknowledged; that it was read goes to the disk with the next vote."""
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    plant.say("a", "normal", windows=0.3)
    plant.turn()
    plant.say("a", "normal")
    (stuck,) = plant.agent.inbox.take(1, 0)
    plant.agent.tracker.open(stuck, time.monotonic())
    plant.clock.ahead_s += OVERDUE_S
    plant.turn(1)
    plant.turn()
    assert (whole(plant)["processed"], plant.health().gaps) == (3, 0)
