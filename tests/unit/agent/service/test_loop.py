from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plant import NO_WAITS, RATE_HZ, STATUS, WINDOW, Deaf, fails

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.delivery.alarm_publisher import ALARMS_IN_FLIGHT
from drsn.agent.delivery.outbox import OutboxLimits
from drsn.agent.mqtt.stub import StubBroker


def test_windows_become_votes_votes_an_event_and_the_event_a_retained_alarm(start):
    plant = start(StubBroker())
    plant.turn(1)
    for _ in range(2):
        plant.say("fan.de", "inner_race")
    plant.turn()
    (event,) = plant.heard("drsn/v1/fan.de/event")
    assert (event["condition"], event["state"], event["votes"], event["of"]) == ("inner_race", "active_unacked", 2, 3)
    alarm = plant.retained("drsn/v1/fan.de/alarm")
    assert (alarm["state"], alarm["condition"], alarm["seq"]) == ("active_unacked", "inner_race", event["seq"])
    topics = [topic for topic, payload in plant.broker.log if b'"inner_race"' in payload and "result" not in topic]
    assert topics == ["drsn/v1/fan.de/event", "drsn/v1/fan.de/alarm"], "an event goes out before the state it led to"


def test_a_change_of_fault_is_two_events_the_clear_first(start):
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    for label in ("inner_race", "outer_race", "normal"):
        plant.say("a", label)
    plant.turn()
    told = [(event["condition"], event["active"]) for event in plant.heard("drsn/v1/a/event")]
    assert told == [("inner_race", True), ("inner_race", False), ("outer_race", True), ("outer_race", False)]
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_a_healthy_sensor_has_a_retained_normal_as_soon_as_it_was_diagnosed(start):
    plant = start(StubBroker())
    plant.say("a", "normal")
    plant.turn()
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"
    assert plant.heard("drsn/v1/a/event") == []


@pytest.mark.promise(
    "A packet of QoS 1 is acknowledged in order of receipt, after the windows that it completed are committed.",
    where="acquisition/ack_tracker, service/committer",
    topic="packets",
)
def test_a_packet_is_acknowledged_when_its_windows_are_committed_and_not_before(start):
    plant = start(StubBroker())
    plant.say("a", "inner_race", windows=2)
    plant.journal.commit = fails(RuntimeError("the power is cut"))
    with pytest.raises(RuntimeError):
        plant.turn()
    plant.crash()
    successor = start(plant.broker)
    successor.turn()
    assert successor.retained("drsn/v1/a/alarm")["condition"] == "inner_race", "it came again"


def test_a_partial_window_never_holds_an_acknowledgement(start):
    plant = start(StubBroker())
    for _ in range(200):  # more than may be in flight
        plant.say("a", "normal", windows=0.25)
        plant.turn(1)
    health = plant.health()
    assert health.packets["processed"] == 200
    assert health.windows == 50


@pytest.mark.promise(
    "A packet that was not acknowledged comes again and takes effect once. Its identity is (`boot_id`, `seq`), "
    "and the cursors are in the same transaction.",
    where="acquisition/continuity, storage/journal",
    topic="packets",
)
def test_a_successor_goes_on_with_states_votes_cursors_and_event_numbers(start):
    broker = StubBroker()
    first = start(broker)
    for _ in range(2):
        first.say("a", "inner_race")
    first.say("b", "outer_race")
    first.turn()
    before = first.retained("drsn/v1/a/alarm")
    first.crash()
    broker.retained.clear()  # brokers forget
    second = start(broker)
    second.seq = first.seq
    second.turn()
    again = second.retained("drsn/v1/a/alarm")
    assert again.pop("not_watched")["reason"] == "no_packet", "nothing came since the start"
    assert {**again, "not_watched": None} == before, "told again on connect"
    second.say("a", "inner_race", seq=2)  # comes again, as after a lost acknowledgement
    second.say("b", "outer_race")
    second.turn()
    assert second.health().packets["duplicate"] == 1
    assert second.retained("drsn/v1/b/alarm")["condition"] == "outer_race", "the vote before the crash counted"
    for _ in range(2):
        second.say("a", "normal")
    second.turn()
    assert [event["seq"] for event in second.heard("drsn/v1/a/event")] == [1, 2]


def test_events_of_an_outage_go_out_later_with_their_ids_behind_the_retained_state(start):
    broker = StubBroker()
    plant = start(broker, raise_after="1/1", clear_after="1/1")
    plant.say("a", "inner_race")
    plant.turn()
    plant.control.lose()
    broker.log.clear()
    for label in ("outer_race", "inner_race"):
        plant.say("a", label)
    plant.turn()
    assert plant.heard("drsn/v1/a/event") == []
    assert plant.health().unpublished_events == 4
    plant.control.start()
    plant.turn()
    events = plant.heard("drsn/v1/a/event")
    assert [event["seq"] for event in events] == [2, 3, 4, 5]
    assert plant.health().unpublished_events == 0
    topics = [topic for topic, _ in broker.log if topic.startswith("drsn/v1/a/") and "result" not in topic]
    assert topics[0] == "drsn/v1/a/alarm"


def test_an_event_that_the_broker_refuses_stays_in_the_journal_and_degrades_the_status(start):
    broker = StubBroker(denied=("drsn/v1/+/event",))
    plant = start(broker)
    for _ in range(2):
        plant.say("a", "inner_race")
    plant.turn()
    status = plant.retained(STATUS)
    assert status["state"] == "degraded"
    assert "Not authorized" in status["reasons"][0]
    assert plant.health().unpublished_events == 1
    assert plant.retained("drsn/v1/a/alarm")["condition"] == "inner_race", "the alarm goes out all the same"


def test_every_packet_is_counted_once_and_only_once(start):
    plant = start(StubBroker())
    for index in range(6):
        plant.say(f"s{index}", "normal")  # two more than max_sensors
    plant.say("s0", "normal", seq=1)
    plant.broker.publish("plant/s1/frame", b"nonsense", 1, {}, retain=False)
    plant.broker.publish("plant/s1/frame", b"", 0, {}, retain=False)
    plant.turn()
    health = plant.health()
    packets = dict(health.packets)
    assert packets.pop("received") == sum(packets.values()) == 9
    assert (packets["processed"], packets["duplicate"], packets["rejected"]) == (4, 1, 4)
    assert health.rejected == {"too_many_sensors": 2, "truncated": 1, "empty": 1}
    assert not plant.ingest.in_flight, "refused packets are acknowledged too"


def test_a_batch_is_shared_by_sensors_and_larger_packets_take_several(start):
    plant = start(StubBroker())
    for sensor in "abcd":
        plant.say(sensor, "normal")
    plant.turn(1)
    assert (plant.health().windows, plant.health().batches) == (4, 1)
    plant.say("a", "normal", windows=9)
    plant.turn()
    assert (plant.health().windows, plant.health().batches) == (13, 4)


def test_a_gap_is_counted_and_resets_the_votes(start):
    plant = start(StubBroker())
    plant.say("a", "inner_race", seq=1)
    plant.say("a", "inner_race", seq=5)
    plant.turn()
    assert plant.health().gaps == 1
    assert plant.retained("drsn/v1/a/alarm")["state"] == "normal"


def test_results_are_throttled_and_say_how_many_windows_they_stand_for(start):
    plant = start(StubBroker())
    for _ in range(4):
        plant.say("a", "outer_race")
    plant.turn()
    (result,) = plant.heard("drsn/v1/a/result")
    assert (result["condition"], result["windows"]) == ("outer_race", 1)
    assert result["rms"] == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_a_dead_sensor_is_a_sensor_fault_whatever_the_model_makes_of_its_rounding(start):
    plant = start(StubBroker())
    for seq, level in enumerate((0.0, 9.81, 9.81, 0.0), start=1):
        samples = np.full((1, WINDOW), level, np.float32)
        payload = frame.encode(Packet(samples, sample_rate_hz=RATE_HZ, seq=seq, boot_id=1))
        plant.broker.publish("plant/a/frame", payload, 1, {}, retain=False)
    plant.turn()
    alarm = plant.retained("drsn/v1/a/alarm")
    assert (alarm["condition"], alarm["label"], alarm["votes"]) == ("sensor_fault", "flat", 4)


def test_a_sensor_that_flaps_behind_a_slow_broker_is_told_by_its_latest_state_alone(start):
    waits = replace(NO_WAITS, outbox=OutboxLimits(burst=1000))
    plant = start(StubBroker(), waits=waits, raise_after="1/1", clear_after="1/1")
    plant.turn()
    held = plant.control.confirmations
    plant.control.confirmations = Deaf()
    for _ in range(50):
        for sensor in "abcd":
            plant.say(sensor, "inner_race")
            plant.say(sensor, "normal")
    plant.turn(60)
    alarms = [topic for topic, _ in plant.broker.log if topic.endswith("/alarm")]
    assert len(alarms) <= ALARMS_IN_FLIGHT
    plant.control.confirmations = held
    plant.control.lose()
    plant.control.start()
    plant.turn(200)
    assert {plant.retained(f"drsn/v1/{sensor}/alarm")["state"] for sensor in "abcd"} == {"normal"}
    assert plant.health().unpublished_events == 0


def test_what_a_new_configuration_no_longer_reads_is_unsubscribed(start, tmp_path):
    broker = StubBroker()
    first = start(broker)
    assert first.journal.abandoned(["other/+/frame"]) == ("plant/+/frame",)
    first.crash()
    second = start(broker)
    assert second.journal.abandoned(["plant/+/frame"]) == ("other/+/frame",)


def test_what_is_shed_is_logged_and_what_is_told_has_a_time(start, caplog):
    plant = start(StubBroker())
    plant.agent.inbox.capacity = 2
    payload = frame.encode(Packet(np.ones((1, 64), np.float32), sample_rate_hz=RATE_HZ, seq=1))
    for _ in range(5):
        plant.broker.publish("plant/a/frame", payload, 0, {}, retain=False)
    plant.turn()
    health = plant.health()
    assert health.packets["shed"] == 3
    assert [r.levelname for r in caplog.records if "packets dropped" in r.getMessage()] == ["ERROR"]
    assert health.at.endswith("Z")


def test_the_packet_that_fills_a_batch_is_committed_with_its_cursor(start):
    plant = start(StubBroker())
    for sensor in "abcd":
        plant.say(sensor, "normal", seq=7)
    plant.turn(1)
    assert {name: cursor.seq for name, cursor in plant.journal.load().cursors.items()} == dict.fromkeys("abcd", 7)
    assert not plant.ingest.in_flight


def test_a_notice_of_the_intake_is_logged_once_a_minute_with_its_traceback(start, monkeypatch, caplog):
    plant = start(StubBroker())
    monkeypatch.setattr(frame, "decode", fails(ZeroDivisionError("a defect")))
    for _ in range(3):
        plant.say("a", "normal")
    plant.turn()
    (record,) = [record for record in caplog.records if record.getMessage() == "codec failed"]
    assert record.levelname == "ERROR"
    assert "ZeroDivisionError" in caplog.text
    assert plant.health().rejected == {"internal": 3}
