"""Trends on a running agent: what is kept over a stop, a kill and a disk that fails, and the answer to `trend`."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from plant import WINDOW

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.service.trend_keeper import FLUSH_S
from drsn.agent.storage.trend_table import read
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plant import Plant

IDS = itertools.count()


def trend(plant: Plant, sensor: str = "a") -> dict[str, Any]:
    asked = {"request_id": f"t{next(IDS)}", "by": "ana", "sensor": sensor}
    plant.broker.publish("drsn/v1/_agent/tester/cmd/trend", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(2)
    (reply,) = plant.heard(f"drsn/v1/_reply/{asked['request_id']}")
    return reply


def windows(plant: Plant) -> list[int]:
    return trend(plant)["trend"]["daily"]["windows"]


def rows(plant: Plant) -> int:
    return len(plant.journal.recovery.read(lambda database: database.query(lambda execute: read(execute, "a"))))


@pytest.fixture
def plant(start: Callable[..., Plant]) -> Plant:
    plant = start(StubBroker())
    plant.turn(2)
    plant.say("a", "normal", windows=8)
    plant.turn(3)
    return plant


def test_the_answer_has_what_is_in_memory_only(plant: Plant):
    reply = trend(plant)
    assert (reply["ok"], rows(plant)) == (True, 0)
    daily = reply["trend"]["daily"]
    assert daily["windows"] == reply["trend"]["hourly"]["windows"] == [8]
    assert daily["at"][0].endswith("T00:00:00.000Z")
    assert daily["rms"][0] > 0
    assert daily["peak"][0] >= daily["rms"][0]
    assert daily["healthy"][0] > 0.5
    assert (daily["velocity_rms_mm_s"], reply["trend"]["forecast"]) == ([None], None)


def test_nothing_is_written_before_a_quarter_of_an_hour_is_over(plant: Plant):
    plant.turn(3)
    assert rows(plant) == 0
    plant.agent.pipeline.intake.max_age_s = 0  # the messages have the real time
    plant.clock.ahead_s += FLUSH_S
    plant.turn(1)
    assert rows(plant) == 2
    plant.say("a", "normal", windows=4)
    plant.turn(3)
    assert sum(windows(plant)) == 12


def test_an_ordered_stop_keeps_all_and_a_kill_what_was_written(plant: Plant, start: Callable[..., Plant]):
    plant.agent.slow_writes.flush()
    plant.say("a", "normal", windows=4)
    plant.turn(3)
    plant.crash()
    second = start(plant.broker)
    second.seq = plant.seq
    second.turn(2)
    assert sum(windows(second)) == 8
    second.say("a", "normal", windows=4)
    second.turn(3)
    second.agent.slow_writes.flush()
    second.crash()
    third = start(plant.broker)
    third.turn(2)
    assert sum(windows(third)) == 12


def test_a_disk_that_fails_takes_nothing_away(plant: Plant, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise StorageError("disk full")

    with monkeypatch.context() as failing:
        failing.setattr(plant.journal.recovery, "_commit", full)
        plant.agent.slow_writes.flush()
        plant.agent.slow_writes.flush()
        assert plant.journal.problem is not None
        assert sum(windows(plant)) == 8
    plant.clock.ahead_s += 60
    plant.turn(2)
    assert plant.journal.problem is None
    plant.agent.slow_writes.flush()
    assert sum(windows(plant)) == 8
    assert rows(plant) == 2


def test_forget_removes_the_trend(plant: Plant):
    plant.agent.slow_writes.flush()
    plant.say("a", "normal", windows=4)
    plant.turn(3)
    asked = {"request_id": f"t{next(IDS)}", "by": "ana", "sensor": "a"}
    plant.broker.publish("drsn/v1/_agent/tester/cmd/forget", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(2)
    plant.agent.slow_writes.flush()
    assert rows(plant) == 0
    assert "no sensor 'a'" in trend(plant)["reason"]


def test_windows_of_a_machine_that_stands_do_not_count(start: Callable[..., Plant]):
    plant = start(StubBroker(), more={"gate": {"rms": 1e6}})
    plant.turn(2)
    plant.say("a", "normal", windows=8)
    plant.turn(3)
    assert windows(plant) == []
    assert WINDOW > 0
