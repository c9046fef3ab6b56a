"""At least once, in order, counted: what becomes of a packet whatever happens to the agent's neighbours."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plant import BUNDLE, NO_WAITS, RATE_HZ, STATUS, WINDOW, fails, whole

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.acquisition.inbox import Counts
from drsn.agent.acquisition.shard import shard_of
from drsn.agent.backends.fake import tone_of
from drsn.agent.delivery.outbox import OutboxLimits
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.schema.agent_state import StatusDocument
from drsn.agent.storage.database import Database
from drsn.agent.storage.journal import Journal
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plant import Plant

NS = 1_000_000_000


def say_old(plant: Plant, age_s: float, *, synced: bool = True, seq: int = 1, label: str = "inner_race") -> None:
    """A packet whose last sample is so old by its sensor's clock."""
    t0 = time.time_ns() - round((age_s + WINDOW / RATE_HZ) * NS)
    samples = tone_of(BUNDLE.contract, label, WINDOW, RATE_HZ)
    packet = Packet(samples, t0_unix_ns=t0, sample_rate_hz=RATE_HZ, seq=seq, boot_id=1, clock_synced=synced)
    plant.broker.publish("plant/a/frame", frame.encode(packet), 1, {}, retain=False)


@pytest.mark.parametrize(
    ("age_s", "synced", "ours", "stale"),
    [(601, True, True, 1), (599, True, True, 0), (601, False, True, 0), (601, True, False, 0), (-3600, True, True, 0)],
)
@pytest.mark.promise(
    "A packet older than `agent.max_age_s` is acknowledged and counted `stale`, not diagnosed.",
    where="acquisition/intake",
    topic="packets",
)
def test_a_packet_is_stale_by_its_sensor_s_clock_if_that_and_ours_are_right(start, age_s, synced, ours, stale):
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.agent.pipeline.intake.clock_synchronised = lambda _now_s: ours
    say_old(plant, age_s, synced=synced)
    plant.turn()
    packets = whole(plant)
    assert (packets["stale"], packets["processed"], plant.health().windows) == (stale, 1 - stale, 1 - stale)
    assert not plant.ingest.in_flight, "it is acknowledged"
    assert len(plant.heard("drsn/v1/a/event")) == 1 - stale


@pytest.mark.parametrize("right", [True, False])
def test_whether_our_clock_is_right_is_the_kernel_s_word(start, monkeypatch, right):
    monkeypatch.setattr("drsn.agent.acquisition.clock_sync.ClockSync.synchronised", lambda _self, _now_s: right)
    plant = start(StubBroker())
    say_old(plant, 601.0)
    plant.turn()
    assert whole(plant)["stale"] == right


def test_what_has_waited_here_too_long_is_stale_whatever_the_clocks_say(start, monkeypatch):
    plant = start(StubBroker())
    plant.agent.pipeline.intake.max_age_s = 0.05
    plant.say("a", "inner_race")
    time.sleep(0.1)
    plant.turn()
    assert (whole(plant)["stale"], plant.health().windows) == (1, 0)


def test_after_stale_packets_the_sensor_goes_on_with_a_gap_that_is_counted(start):
    plant = start(StubBroker())
    plant.agent.pipeline.intake.clock_synchronised = lambda _now_s: True
    for seq, age_s in ((1, 1.0), (2, 700.0), (3, 700.0), (4, 0.0)):
        say_old(plant, age_s, seq=seq)
    say_old(plant, 700.0, seq=1)  # comes again: what it was before counts
    plant.turn()
    packets = whole(plant)
    assert (packets["processed"], packets["stale"], packets["duplicate"]) == (2, 2, 1)
    assert plant.health().gaps == 1


def test_packets_of_one_commit_are_acknowledged_in_order_of_receipt(start, monkeypatch):
    plant = start(StubBroker())
    acknowledge, acked = plant.ingest._acknowledge, []
    monkeypatch.setattr(
        plant.ingest, "_acknowledge", lambda epoch, mids: [acked.extend(mids), acknowledge(epoch, mids)]
    )
    for sensor in "abcd":
        plant.say(sensor, "normal")
    plant.turn(1)
    assert len(acked) == plant.health().packets["processed"] == 4
    assert acked == sorted(acked)


def test_health_tells_of_the_inbox_at_one_moment(start, monkeypatch):
    """The network's thread goes on meanwhile: three numbers read one by one would not be of the same packets."""
    plant = start(StubBroker())
    monkeypatch.setattr(plant.agent.inbox, "counts", lambda: Counts(received=9, shed=4, waiting=5))
    packets = whole(plant)
    assert (packets["received"], packets["shed"], packets["in_flight"]) == (9, 4, 5)


def test_health_tells_of_events_that_nobody_has(start, monkeypatch):
    plant = start(StubBroker())
    monkeypatch.setattr(Journal, "lost", 7)
    assert plant.health().lost_events == 7


def test_a_packet_of_another_shard_is_acknowledged_and_counted(start):
    own = [name for name in "abcd" if shard_of(name, 2) == 1]
    plant = start(StubBroker(), {"agent": {"shard": "1/2"}})
    for name in "abcd":
        plant.say(name, "inner_race", windows=3)
    plant.turn()
    packets = whole(plant)
    assert 0 < len(own) < 4
    assert (packets["other_shard"], packets["in_flight"], plant.agent.tracker.unacknowledged) == (4 - len(own), 0, 0)
    alarmed = [topic.split("/")[2] for topic in plant.broker.retained if topic.endswith("/alarm")]
    assert sorted(alarmed) == own
    assert plant.health().not_watched == ()


STEPS = ("window part again garbage qos0 stale stranger turn lose come overdue careful").split()  # noqa: SIM905 (read)


@given(st.lists(st.sampled_from(STEPS), min_size=5, max_size=40), st.sampled_from([None, "1/2", "2/2"]))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.promise(
    "At every moment `received = processed + shed + rejected + duplicate + stale + other_shard + in_flight`: one "
    "thread counts, and the inbox is counted under its lock.",
    where="acquisition/inbox, service/receiver",
    topic="packets",
)
def test_every_packet_is_somewhere_at_every_moment(start: Callable[..., Plant], steps: list[str], shard: str | None):
    """Also while the network runs, with packets taken from the inbox and others in the batch."""
    plant = start(StubBroker(), {"agent": {"shard": shard}})
    agent = plant.agent
    agent.pipeline.intake.clock_synchronised = lambda _now_s: True
    agent.inbox.capacity = 64
    infer = agent.pipeline.backend.infer

    def watched(x: np.ndarray) -> object:
        whole(plant)
        return infer(x)

    agent.pipeline.backend.infer = watched
    try:
        for number, step in enumerate(steps, 1):
            take(plant, step, number)
            whole(plant)
        take(plant, "come", 0)
        plant.turn(200)  # one by one, where an earlier example ended without order
        packets = whole(plant)
        assert packets["in_flight"] == 0
    finally:
        plant.crash()


def take(plant: Plant, step: str, number: int) -> None:  # noqa: C901, PLR0912 (a table of steps)
    if step == "window":
        plant.say("a", "inner_race", seq=number)
    elif step == "part":
        plant.say("b", "normal", windows=0.3, seq=number)
    elif step == "again":
        plant.say("a", "inner_race", seq=max(1, number - 3))
    elif step == "garbage":
        plant.broker.publish("plant/a/frame", b"nonsense", 1, {}, retain=False)
    elif step == "qos0":
        payload = frame.encode(Packet(np.ones((1, 64), np.float32), sample_rate_hz=RATE_HZ, seq=number, boot_id=2))
        for _ in range(70):
            plant.broker.publish("plant/c/frame", payload, 0, {}, retain=False)
    elif step == "stale":
        say_old(plant, 1000.0, seq=number)
    elif step == "stranger":
        plant.say(f"s{number}", "normal")
    elif step == "turn":
        plant.turn(1)
    elif step == "lose":
        plant.ingest.lose()
    elif step == "come" and not plant.ingest.connected:
        plant.turn(8)  # what comes again needs room: to wait for it, in this only thread, would be for ever
        plant.ingest.start()
    elif step == "overdue" and plant.ingest.connected:
        message = plant.agent.inbox.take(1, 0)
        for each in message:
            plant.agent.tracker.open(each, -1e9)
        plant.turn(1)
    elif step == "careful":
        plant.agent.poison_guard.probation = 3


@pytest.mark.promise(
    "Unknown senders cannot occupy all places of `agent.max_sensors`: a sensor that sends no whole window in "
    "time loses its place.",
    where="acquisition/sensor_quota",
    topic="packets",
)
def test_strangers_that_never_bring_a_window_give_their_places_back(start):
    plant = start(StubBroker())  # max_sensors = 4
    plant.say("a", "normal")
    for name in "xyz":
        plant.say(name, "normal", windows=0.2)
    plant.turn()
    plant.say("b", "normal")
    plant.turn()
    assert plant.health().rejected == {"too_many_sensors": 1}
    quota = plant.agent.pipeline.intake.registry.quota
    quota.trial_s = quota.evict_every_s = 0.0
    plant.say("b", "normal")
    plant.turn()
    assert plant.retained("drsn/v1/b/alarm")["state"] == "normal"
    assert "drsn/v1/x/alarm" not in plant.broker.retained
    assert plant.journal.load().cursors.keys() == {"a", "b"}, "strangers do not fill the database"
    assert plant.health().sensors == 2, "nor the memory"


def test_a_known_sensor_has_its_place_after_a_restart_whoever_comes_first(start):
    broker = StubBroker()
    first = start(broker)
    for name in "abcd":
        first.say(name, "normal")
    first.turn()
    first.crash()
    second = start(broker)
    second.say("stranger", "normal")
    second.seq = first.seq
    for name in "abcd":
        second.say(name, "normal")
    second.turn(8)  # one by one, after the crash
    assert second.health().rejected == {"too_many_sensors": 1}
    assert whole(second)["processed"] == 4
    assert "drsn/v1/stranger/alarm" not in broker.retained, "it is the stranger who finds no place"


@pytest.mark.promise(
    "**Alarms come before durability.** On a full or read-only disk the agent goes on in memory: it publishes, "
    "acknowledges, and its status is `degraded` with `store: …`. When the disk is back, it writes everything.",
    where="storage/journal",
    topic="alarms",
)
def test_a_full_disk_stops_no_alarm_and_no_acknowledgement(start, monkeypatch):
    """Degraded meanwhile, and online again with all of it on the disk."""
    broker = StubBroker()
    plant = start(broker, raise_after="1/1", clear_after="1/1")
    plant.say("a", "inner_race")
    plant.turn()
    with monkeypatch.context() as full_disk:
        full_disk.setattr(Database, "commit", fails(StorageError("database or disk is full")))
        for _ in range(20):
            for label in ("outer_race", "normal"):
                plant.say("a", label)
            plant.turn()
        plant.say("a", "ball")
        plant.turn()
        status = plant.retained(STATUS)
        assert status["state"] == "degraded"
        assert status["reasons"][0].startswith("store: ")
        assert plant.retained("drsn/v1/a/alarm")["condition"] == "ball"
        assert not plant.ingest.in_flight
    plant.journal.tend(math.inf)
    plant.turn()
    assert plant.retained(STATUS)["state"] == "online"
    seqs = [event["seq"] for event in plant.heard("drsn/v1/a/event")]
    plant.crash()
    second = start(broker, raise_after="1/1", clear_after="1/1")
    second.seq = plant.seq
    second.turn()
    second.say("a", "normal")
    second.turn()
    assert second.health().gaps == 0
    seqs += [event["seq"] for event in second.heard("drsn/v1/a/event")][len(seqs) :]
    assert seqs == list(range(1, len(seqs) + 1)), "none lost, none doubled"


def test_a_damaged_database_is_set_aside_and_the_status_says_so(start, tmp_path):
    (tmp_path / "agent.sqlite3").write_bytes(b"no database " * 999)
    plant = start(StubBroker())
    plant.turn(1)
    status = plant.retained(STATUS)
    assert status["state"] == "degraded"
    assert "renamed to agent.sqlite3.set-aside-" in status["reasons"][0]


@pytest.mark.promise(
    "After an outage the retained alarms go out first, then the events, at a limited rate.",
    where="delivery/delivery, delivery/outbox",
    topic="alarms",
)
def test_a_backlog_of_events_goes_out_at_a_limited_rate_behind_the_retained_state(start):
    broker, waits = StubBroker(), replace(NO_WAITS, outbox=OutboxLimits(burst=5, per_s=0.0))
    plant = start(broker, waits=waits, raise_after="1/1", clear_after="1/1")
    plant.turn(1)
    plant.control.lose()
    for _ in range(10):
        for label in ("outer_race", "normal"):
            plant.say("a", label)
        plant.turn()
    broker.log.clear()
    plant.control.start()
    plant.turn(20)
    topics = [topic for topic, _ in broker.log if topic.startswith("drsn/v1/a/") and "result" not in topic]
    assert topics[0] == "drsn/v1/a/alarm"
    assert topics.count("drsn/v1/a/event") == 5


def test_every_retained_state_is_told_before_the_first_event_of_a_backlog(start):
    broker = StubBroker()
    plant = start(broker, waits=replace(NO_WAITS, alarms_in_flight=1), raise_after="1/1", clear_after="1/1")
    plant.turn(1)
    plant.control.lose()
    for sensor in "abcd":
        plant.say(sensor, "inner_race")
    plant.turn()
    broker.log.clear()
    plant.control.start()
    plant.turn(20)
    topics = [topic.rpartition("/")[2] for topic, _ in broker.log if topic.endswith(("/alarm", "/event"))]
    assert topics == ["alarm"] * 4 + ["event"] * 4


def test_status_documents_are_what_admission_reads():
    assert {"state", "epoch"} <= StatusDocument.model_fields.keys()
