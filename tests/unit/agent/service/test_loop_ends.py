from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from plant import NO_WAITS, STATUS, Deaf, fails

from drsn.agent.mqtt.stub import StubBroker
from drsn.model.errors import UnavailableError


def test_an_ordered_stop_finishes_what_was_received_and_says_stopped(start):
    plant = start(StubBroker())
    for _ in range(3):
        plant.say("a", "inner_race")
    stop = threading.Event()
    stop.set()
    plant.loop.run(stop)
    assert plant.retained("drsn/v1/a/alarm")["condition"] == "inner_race"
    assert plant.retained(STATUS)["state"] == "stopped"
    assert not plant.ingest.connected
    assert not plant.control.connected


def test_a_dead_agent_is_offline(start):
    plant = start(StubBroker())
    plant.turn(1)
    assert plant.retained(STATUS)["state"] == "online"
    plant.crash()
    assert plant.retained(STATUS)["state"] == "offline"


@pytest.mark.parametrize("part", ["store", "network"])
def test_an_agent_that_ends_by_an_error_writes_nothing_more_and_is_offline(start, part: str):
    """What was decided and not committed comes again, and nobody takes the standing alarms for watched."""
    broker = StubBroker()
    first = start(broker)
    commits: list[object] = []
    if part == "store":
        first.journal.commit = lambda *_: commits.append(_) or fails(RuntimeError("a bug"))()
    else:
        first.agent.pipeline.backend.infer = fails(UnavailableError("runtime"))
    for _ in range(2):
        first.say("a", "inner_race")
    with pytest.raises((RuntimeError, UnavailableError)):
        first.loop.run(threading.Event())
    assert len(commits) == (part == "store")
    assert first.retained(STATUS)["state"] == "offline"
    first.alive = False
    first.journal.close()
    second = start(broker)
    second.turn()
    assert second.retained("drsn/v1/a/alarm")["condition"] == "inner_race"
    assert second.health().packets["duplicate"] == 0


def test_when_the_broker_does_not_take_the_goodbye_its_will_says_offline(start):
    plant = start(StubBroker(), waits=replace(NO_WAITS, farewell_s=0.05))
    plant.turn(1)
    plant.control.confirmations = Deaf()
    stop = threading.Event()
    stop.set()
    plant.loop.run(stop)
    assert plant.heard(STATUS)[-1]["state"] == "offline"


def test_the_watchdog_is_not_fed_when_a_connection_has_nobody_left(start, monkeypatch):
    fed: list[str] = []
    monkeypatch.setattr("drsn.agent.service.systemd.notify", fed.append)
    monkeypatch.setattr("drsn.agent.service.systemd.watchdog_interval_s", lambda: 0.0)
    plant = start(StubBroker())
    plant.turn(1)
    assert "WATCHDOG=1" in fed
    plant.ingest.alive = False
    fed.clear()
    plant.turn(2)
    assert fed == []


def test_an_ordered_stop_begins_no_command(start):
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    payload = b'{"request_id": "r1", "by": "ana", "sensor": "a"}'
    plant.broker.publish("drsn/v1/_agent/tester/cmd/forget", payload, 1, {}, retain=False)
    stop = threading.Event()
    stop.set()
    plant.loop.run(stop)
    assert plant.heard("drsn/v1/_reply/r1") == []
    assert "a" in plant.agent.pipeline.engine.sensors


def test_the_end_by_an_error_is_logged_with_the_totals(start, caplog):
    plant = start(StubBroker())
    plant.agent.pipeline.backend.infer = fails(UnavailableError("runtime"))
    plant.say("a", "inner_race")
    with pytest.raises(UnavailableError):
        plant.loop.run(threading.Event())
    (record,) = [r for r in caplog.records if r.getMessage().startswith("stopped by an error")]
    assert (record.levelname, record.drsn_fields["windows"]) == ("ERROR", 0)
