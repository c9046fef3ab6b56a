"""Sensors that break, fall silent or belong to a machine that stands, as the broker hears of them."""

from __future__ import annotations

import numpy as np
import pytest
from plant import RATE_HZ, WINDOW

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.stub import StubBroker


def send(plant, samples, seq: int, **said: object) -> None:
    packet = Packet(
        np.asarray(samples, np.float32)[np.newaxis], seq=seq, boot_id=1, **{"sample_rate_hz": RATE_HZ, **said}
    )
    plant.broker.publish("plant/a/frame", frame.encode(packet), 1, {}, retain=False)


def told(plant) -> list[tuple[str, str, str, str | None]]:
    events = plant.heard("drsn/v1/a/event")
    return [(event["condition"], event["label"], event["state"], event["suppressed_by"]) for event in events]


@pytest.mark.parametrize(
    ("fault", "samples", "said"),
    [
        ("non_finite", np.full(WINDOW, np.nan), {}),
        ("wrong_rate", np.zeros(WINDOW), {"sample_rate_hz": 1000.0}),
        ("flat", np.zeros(WINDOW), {}),
        ("clipping", np.random.default_rng(0).standard_normal(WINDOW), {"clipped": True}),
    ],
)
def test_a_broken_sensor_is_told_of_and_its_alarm_suppressed(start, fault: str, samples, said: dict[str, object]):
    plant = start(StubBroker())
    for _ in range(2):
        plant.say("a", "inner_race")
    plant.turn()
    for seq in range(3, 9):
        send(plant, samples, seq, **said)
    plant.turn(6)
    assert told(plant) == [
        ("inner_race", "inner_race", "active_unacked", None),
        ("sensor_fault", fault, "active_unacked", None),
        ("inner_race", "inner_race", "active_unacked", "sensor_fault"),
    ]
    alarm = plant.retained("drsn/v1/a/alarm")
    assert (alarm["condition"], alarm["suppressed_by"]) == ("inner_race", "sensor_fault")
    assert [condition["condition"] for condition in alarm["conditions"]] == ["inner_race", "sensor_fault"]
    assert plant.health().packets["in_flight"] == 0


@pytest.mark.parametrize("fault", ["non_finite", "wrong_rate"])
def test_a_fault_that_is_none_there_is_none_also_when_the_packet_is_refused(start, fault: str):
    plant = start(StubBroker(), {"sensor_faults": {"ignore": [fault]}})
    plant.say("a", "normal")
    plant.turn()
    samples = np.full(WINDOW, np.nan) if fault == "non_finite" else np.random.default_rng(0).standard_normal(WINDOW)
    for seq in range(2, 8):
        send(plant, samples, seq, **({"sample_rate_hz": 1000.0} if fault == "wrong_rate" else {}))
    plant.turn(6)
    assert told(plant) == []


def test_a_sensor_fault_survives_a_restart(start):
    broker = StubBroker()
    plant = start(broker)
    plant.say("a", "normal")
    plant.turn()
    for seq in range(2, 6):
        send(plant, np.zeros(WINDOW), seq)
    plant.turn()
    plant.crash()
    successor = start(broker)
    successor.seq = {"a": 5}
    for _ in range(8):
        successor.say("a", "normal")
    successor.turn(16)  # one by one, after the crash
    assert [(name, state) for name, _, state, _ in told(successor)] == [
        ("sensor_fault", "active_unacked"),
        ("sensor_fault", "normal"),
    ]


def test_a_sensor_from_which_nothing_comes_is_silent_until_it_is_heard(start):
    plant = start(StubBroker(), silent_after_s=5)
    plant.turn()
    for _ in range(3):
        plant.say("a", "normal")
        plant.turn(1)
        plant.clock.ahead_s += 0.2
    for _ in range(4):
        assert told(plant) == []
        plant.clock.ahead_s += 1.2
        plant.turn()
    plant.clock.ahead_s += 1.2
    plant.turn()
    assert told(plant) == [("silent", "silent", "active_unacked", None)]
    assert plant.retained("drsn/v1/a/alarm")["condition"] == "silent"
    plant.say("a", "normal")
    plant.turn()
    assert told(plant)[1:] == [("silent", "silent", "normal", None)]


def test_evidence_adds_up_over_a_restart(start):
    broker = StubBroker()
    for windows in (4, 4, 4):  # nine, for a window of the tone backend brings 2.6 nats
        plant = start(broker, rule="sequential")
        seq = plant.journal.load().cursors.get("a")
        plant.seq = {"a": seq.seq if seq else 0}
        for _ in range(windows):
            plant.say("a", "inner_race")
        plant.turn()
        plant.crash()
    (event,) = plant.heard("drsn/v1/a/event")
    assert (event["condition"], event["evidence"]) == ("inner_race", pytest.approx(22.72, abs=0.01))
    assert event["votes"] == event["of"] > 8
