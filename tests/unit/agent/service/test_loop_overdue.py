"""A packet that is never done: the connection is cut, and it and what waits behind it come again, in order."""

from __future__ import annotations

import time

import numpy as np
from plant import RATE_HZ, whole

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.stub import StubBroker


def test_a_packet_that_is_never_done_makes_the_agent_connect_anew_and_the_rest_comes_again_in_order(start, monkeypatch):
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    parts = plant.runner._parts
    plant.say("a", "normal")
    plant.turn()
    plant.say("a", "inner_race")
    (stuck,) = parts.inbox.take(1, 0)
    parts.receipts.open(stuck, time.monotonic())  # and somebody forgets it
    for label in ("outer_race", "normal"):
        plant.say("a", label)
    plant.turn()
    assert whole(plant)["in_flight"] == 3, "what came after it can't be acknowledged"
    monkeypatch.setattr("drsn.agent.service.loop.ACK_AGE_S", -1.0)
    plant.turn(1)
    monkeypatch.undo()
    monkeypatch.setattr("drsn.agent.service.loop.IDLE_WAIT_S", 0.0)
    plant.turn()
    assert plant.ingest.epoch == 2
    assert not plant.ingest._session.flying
    assert plant.runner.health().reconnects == 1
    assert whole(plant)["in_flight"] == 0
    told = [event["condition"] for event in plant.heard("drsn/v1/a/event") if event["active"]]
    assert told == ["outer_race", "inner_race", "outer_race"], "what was diagnosed behind it speaks once more, in order"
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_what_waits_behind_a_packet_that_is_never_done_does_not_overtake_it(start, monkeypatch):
    """The inbox is full of what the old connection brought: read first, it would make a repeat of what is given up."""
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.say("a", "inner_race")
    (stuck,) = plant.runner._parts.inbox.take(1, 0)
    plant.runner._parts.receipts.open(stuck, time.monotonic())
    for label in ("normal", "ball", "normal"):
        plant.say("a", label)
    monkeypatch.setattr("drsn.agent.service.loop.TAKE", 0)
    with monkeypatch.context() as overdue:
        overdue.setattr("drsn.agent.service.loop.ACK_AGE_S", -1.0)
        plant.turn(1)
    monkeypatch.setattr("drsn.agent.service.loop.TAKE", 64)
    plant.turn()
    told = [event["condition"] for event in plant.heard("drsn/v1/a/event") if event["active"]]
    assert told == ["inner_race", "ball"]
    packets = whole(plant)
    assert (packets["received"], packets["processed"], packets["duplicate"]) == (4, 4, 0)
    assert not plant.ingest._session.flying


def test_what_a_commit_alone_has_kept_waiting_is_not_given_up(start, monkeypatch):
    """The process was stopped for a minute: all of it is done by now."""
    plant = start(StubBroker())
    plant.runner._parts.group.group_s = plant.runner._parts.group.lull_s = 60.0
    plant.say("a", "normal")
    plant.turn(1)
    assert whole(plant)["in_flight"] == 1
    with monkeypatch.context() as overdue:
        overdue.setattr("drsn.agent.service.loop.ACK_AGE_S", -1.0)
        plant.turn(1)
    assert (whole(plant)["processed"], plant.ingest.epoch) == (1, 1)


def test_what_never_comes_again_of_it_is_shed(start, monkeypatch):
    plant = start(StubBroker())
    parts = plant.runner._parts
    payload = frame.encode(Packet(np.ones((1, 64), np.float32), sample_rate_hz=RATE_HZ, seq=1, boot_id=2))
    plant.say("a", "normal")
    plant.broker.publish("plant/c/frame", payload, 0, {}, retain=False)
    for message in parts.inbox.take(2, 0):
        parts.receipts.open(message, time.monotonic())
    with monkeypatch.context() as overdue:
        overdue.setattr("drsn.agent.service.loop.ACK_AGE_S", -1.0)
        plant.turn(1)
    plant.turn()
    packets = whole(plant)
    assert (packets["received"], packets["processed"], packets["shed"]) == (2, 1, 1)


def test_a_window_that_waits_for_company_while_the_connection_is_cut_votes_once(start, monkeypatch):
    plant = start(StubBroker(), raise_after="2/2", clear_after="2/2")
    batch = plant.runner._parts.batch
    monkeypatch.setattr(batch, "_deadline_s", 60.0)
    plant.say("a", "inner_race")
    plant.turn(1)
    assert len(batch) == 1
    with monkeypatch.context() as overdue:
        overdue.setattr("drsn.agent.service.loop.ACK_AGE_S", -1.0)
        plant.turn(1)
    assert plant.ingest.epoch == 2, "its packet comes again"
    monkeypatch.setattr(batch, "_deadline_s", 0.0)
    plant.turn()
    assert plant.runner.health().windows == 1
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_what_was_acknowledged_before_it_without_a_commit_leaves_no_gap(start, monkeypatch):
    """A packet that completes no window is acknowledged; that it was read goes to the disk with the next vote."""
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    plant.say("a", "normal", windows=0.3)
    plant.turn()
    plant.say("a", "normal")
    (stuck,) = plant.runner._parts.inbox.take(1, 0)
    plant.runner._parts.receipts.open(stuck, time.monotonic())
    with monkeypatch.context() as overdue:
        overdue.setattr("drsn.agent.service.loop.ACK_AGE_S", -1.0)
        plant.turn(1)
    plant.turn()
    assert (whole(plant)["processed"], plant.runner.health().gaps) == (3, 0)
