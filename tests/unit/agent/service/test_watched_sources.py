"""The law: every source of packets is watched, or named as not watched in status, health, log and retained alarm."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from plant import BUNDLE, RATE_HZ, STATUS, WINDOW, Plant

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.backends.fake import tone_of
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.service.watched_sources import LINES

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = f"plant/{66 * 'm'}/frame"
"""Its id would have 66 characters."""


ALARM = "drsn/v1/a/alarm"
HEALTH = "drsn/v1/_agent/tester/health"


def send(plant: Plant, topic: str, payload: bytes) -> None:
    plant.broker.publish(topic, payload, 1, {}, retain=False)


def framed(samples: int = WINDOW, rate_hz: float = RATE_HZ, **fields: Any) -> bytes:  # noqa: ANN401 (of a packet)
    return frame.encode(Packet(np.ones((1, samples), np.float32), sample_rate_hz=rate_hz, **{"seq": 1, **fields}))


def after(plant: Plant, seconds: float) -> None:
    """Time passes, in steps that count."""
    while seconds > 0:
        plant.clock.ahead_s += min(1.5, seconds)
        seconds -= 1.5
        plant.turn(1)


def reasons(plant: Plant) -> dict[str, str]:
    return {each.source: each.reason for each in plant.health().not_watched}


def test_each_kind_of_source_that_is_not_watched_is_named(start: Callable[..., Plant]) -> None:
    plant = start(StubBroker())
    plant.turn()
    assert plant.retained(STATUS)["warnings"] == []
    plant.say("a", "normal")
    send(plant, LONG, framed())
    send(plant, "plant/slow/frame", framed(rate_hz=100.0))
    send(plant, "plant/torn/frame", b"no frame")
    for name in ("short", "third", "fourth"):
        send(plant, f"plant/{name}/frame", framed(60))
        plant.turn()
    send(plant, "plant/fifth/frame", framed())
    after(plant, 3)
    assert reasons(plant) == {
        LONG: "illegal_id",
        "slow": "wrong_rate",
        "torn": "undecodable",
        "short": "first_window",
        "third": "first_window",
        "fourth": "first_window",
        "fifth": "max_sensors",
    }
    status = plant.retained(STATUS)
    assert (status["state"], status["not_watched"]) == ("online", 7)
    (warning,) = status["warnings"]
    assert warning.startswith("7 sources are not watched: " + LONG + " (illegal_id), slow (wrong_rate)")
    assert plant.retained(ALARM)["state"] == "normal", "the one that is watched"
    after(plant, 45)
    assert len(plant.retained(HEALTH)["not_watched"]) == 8, "now `a` sends no more"


def test_the_alarm_of_a_sensor_that_is_not_watched_is_never_normal(start: Callable[..., Plant]) -> None:
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    assert (plant.retained(ALARM)["state"], plant.retained(ALARM)["not_watched"]) == ("normal", None)
    for _ in range(3):
        send(plant, "plant/a/frame", b"no frame")
    after(plant, 3)
    alarm = plant.retained(ALARM)
    assert (alarm["state"], alarm["conditions"]) == ("not_watched", [])
    assert alarm["not_watched"]["reason"] == "undecodable"
    plant.say("a", "normal")
    after(plant, 3)
    assert (plant.retained(ALARM)["state"], plant.retained(ALARM)["not_watched"]) == ("normal", None)


def test_a_condition_that_stands_stays_while_the_sensor_is_not_watched(start: Callable[..., Plant]) -> None:
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.say("a", "inner_race")
    plant.turn()
    for _ in range(3):
        send(plant, "plant/a/frame", b"no frame")
    after(plant, 3)
    alarm = plant.retained(ALARM)
    assert (alarm["state"], alarm["condition"]) == ("active_unacked", "inner_race")
    assert alarm["not_watched"]["reason"] == "undecodable"


def test_a_successor_does_not_call_normal_what_it_has_not_seen(start: Callable[..., Plant]) -> None:
    broker = StubBroker()
    first = start(broker)
    first.say("a", "normal")
    first.turn()
    first.crash()
    second = start(broker)
    second.seq = first.seq
    second.turn()
    assert second.retained(ALARM)["state"] == "not_watched"
    second.say("a", "normal")
    after(second, 3)
    assert second.retained(ALARM)["state"] == "normal"


def test_a_sensor_that_is_forgotten_is_no_source(start: Callable[..., Plant]) -> None:
    plant = start(StubBroker())
    plant.say("a", "normal")
    after(plant, 40)
    assert reasons(plant) == {"a": "no_packet"}
    plant.agent.dispatcher.context.forget_sensor("a")
    assert reasons(plant) == {}
    assert plant.agent.status.document().warnings == ()


def test_the_log_names_each_source_once_and_its_lines_are_bounded(
    start: Callable[..., Plant], caplog: pytest.LogCaptureFixture
) -> None:
    plant = start(StubBroker())
    plant.turn()
    with caplog.at_level(logging.INFO, "drsn.agent.service.watched_sources"):
        for _ in range(3):
            for number in range(LINES + 5):
                send(plant, LONG.replace("m", str(number), 1), framed())
            after(plant, 2)
    lines = [record for record in caplog.records if record.name == "drsn.agent.service.watched_sources"]
    assert [record.getMessage() for record in lines] == ["source is not watched"] * LINES + [
        "more sources have changed: the health document names them"
    ]
    named = {record.drsn_fields["source"] for record in lines[:-1]}
    assert named == {LONG.replace("m", str(number), 1) for number in range(LINES)}
    assert plant.agent.status.document().not_watched == LINES + 5


@pytest.mark.promise(
    "`since` is never in the future or long past: where a sensor's clock is wrong it is the agent's time.",
    where="acquisition/plausible_time, acquisition/intake",
    topic="alarms",
)
@pytest.mark.parametrize("off_s", [-50 * 365 * 86_400, 3600])
def test_an_alarm_of_a_sensor_whose_clock_is_wrong_has_the_time_of_the_agent(
    start: Callable[..., Plant], caplog: pytest.LogCaptureFixture, off_s: int
) -> None:
    """`clock_synced` is then of the agent's clock, which is right here."""
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.turn()
    intake = plant.agent.pipeline.intake
    intake.clock_synchronised, intake.max_age_s = (lambda _now_s: True), 0.0  # else the packets are too old
    before_ns = plant.clock.unix_ns()
    for seq in range(3):
        t0_unix_ns = before_ns + off_s * 10**9 + seq * round(WINDOW / RATE_HZ * 1e9)
        samples = tone_of(BUNDLE.contract, "inner_race", WINDOW, RATE_HZ)
        packet = Packet(samples, sample_rate_hz=RATE_HZ, seq=seq, t0_unix_ns=t0_unix_ns, clock_synced=True)
        send(plant, "plant/a/frame", frame.encode(packet))
        after(plant, 6)
    alarm = plant.retained(ALARM)
    assert (alarm["condition"], alarm["clock_synced"]) == ("inner_race", True)
    assert abs(datetime.fromisoformat(alarm["since"].replace("Z", "+00:00")).timestamp() - before_ns / 1e9) < 30
    assert plant.health().wrong_clocks == 1
    warnings = [record for record in caplog.records if "t0 is in the future" in record.getMessage()]
    assert [record.drsn_fields["sensor"] for record in warnings] == ["a"]


def test_a_sensor_that_sends_a_window_a_minute_is_watched_in_between(start: Callable[..., Plant]) -> None:
    plant = start(StubBroker())
    plant.agent.pipeline.intake.max_age_s = 0.0  # the broker's clock is not put forward
    for _ in range(12):  # the period is learned from pauses
        plant.say("a", "normal")
        after(plant, 60)
    plant.say("a", "normal")
    after(plant, 100)
    assert reasons(plant) == {}
    after(plant, 100)
    assert reasons(plant) == {"a": "no_packet"}


def test_one_percent_of_small_packets_lost_is_an_alarm_or_not_watched(start: Callable[..., Plant]) -> None:
    """Every hundredth packet of 60 samples is lost, for 12 s, and each window shows a fault: never `normal`."""
    plant = start(StubBroker(), raise_after="6/8", clear_after="7/8")
    samples = tone_of(BUNDLE.contract, "inner_race", 60 * 2400, RATE_HZ)
    for seq in range(1, 2400):
        if seq % 100:
            packet = Packet(samples[:, seq * 60 : (seq + 1) * 60], sample_rate_hz=RATE_HZ, seq=seq)
            send(plant, "plant/a/frame", frame.encode(packet))
        if seq % 200 == 0:
            plant.turn(10)
            after(plant, 1.0)
    plant.turn(10)
    after(plant, 2)
    assert plant.health().windows > 40
    alarm = plant.retained(ALARM)
    assert alarm["state"] == "active_unacked" or alarm["not_watched"]["reason"] == "gaps"


def test_the_log_has_no_line_of_a_sensor_that_begins_and_one_of_each_that_is_watched_again(
    start: Callable[..., Plant], caplog: pytest.LogCaptureFixture
) -> None:
    plant = start(StubBroker())
    plant.turn()
    with caplog.at_level(logging.INFO, "drsn.agent.service.watched_sources"):
        plant.say("a", "normal", windows=0.5)
        after(plant, 2)
        assert reasons(plant) == {"a": "first_window"}
        plant.say("a", "normal", windows=0.5)
        after(plant, 2)
        for _ in range(3):
            send(plant, "plant/a/frame", b"no frame")
        after(plant, 3)
        plant.say("a", "normal")
        after(plant, 3)
    lines = [each.getMessage() for each in caplog.records if each.name == "drsn.agent.service.watched_sources"]
    assert lines == ["source is not watched", "source is watched"]
