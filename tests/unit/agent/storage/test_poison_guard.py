"""A packet that ends the process does so three times more after the first, and is then refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from plant import fails

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.storage.poison_guard import FILE, FILE_BYTES, MAX_SUSPECTS, PROBATION_PACKETS, PoisonGuard, digest
from drsn.model.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from plant import Plant

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.backends.backend import Outputs
    from drsn.agent.mqtt.message import Message


class KilledError(BaseException):
    """The process was killed; none of its handlers runs."""


def deadly(plant: Plant, sensor: str) -> None:
    """Handling a packet of this sensor ends the process."""
    receive = plant.agent.pipeline.intake.receive

    def handle(message: Message, in_flight: InFlight, on_window: Callable[[str, Window], None]) -> None:
        if sensor in message.topic:
            raise KilledError
        receive(message, in_flight, on_window)

    plant.agent.pipeline.intake.receive = handle


def deadly_for_the_network(plant: Plant, sensor: str) -> None:
    """Diagnosing a window of this sensor ends the process."""
    agent = plant.agent
    infer = agent.pipeline.backend.infer

    def diagnose(x: np.ndarray) -> Outputs:
        if sensor in agent.pipeline.batcher.batch.sensors:
            raise KilledError
        return infer(x)

    agent.pipeline.backend.infer = diagnose


@pytest.mark.parametrize("deadly", [deadly, deadly_for_the_network])
@pytest.mark.promise(
    "A packet that crashes the process again and again is refused (`poison`).",
    where="storage/poison_guard",
    topic="packets",
)
def test_a_packet_that_kills_the_process_is_refused_after_three_ends_with_it_in_hand(
    start: Callable[..., Plant], deadly: Callable[[Plant, str], None]
):
    broker = StubBroker()
    plant = start(broker)
    plant.say("good", "normal")
    plant.say("bad", "normal")
    plant.say("good", "normal")
    ends = 0
    while True:
        deadly(plant, "bad")
        try:
            plant.turn(8)
            break
        except KilledError:
            ends += 1
            assert ends <= 4, "a crash loop"
            plant.crash()
            plant = start(broker)
    assert ends == 4, "the first could have been caused by any packet, three are counted"
    health = plant.health()
    assert health.rejected == {"poison": 1}
    assert not plant.ingest.in_flight, "it is acknowledged, and those behind it"
    assert (health.packets["processed"], health.packets["duplicate"]) == (1, 0), "the first was done before"


def test_packets_are_handled_one_by_one_only_after_an_unclean_end(tmp_path: Path, make_message):
    first = PoisonGuard(tmp_path)
    assert first.probation == 0
    first.close_clean()
    assert PoisonGuard(tmp_path).probation == 0
    after = PoisonGuard(tmp_path)
    assert after.probation == PROBATION_PACKETS
    assert after.begin(make_message())
    after.finish()
    assert after.probation == PROBATION_PACKETS - 1
    assert (tmp_path / FILE).stat().st_size == FILE_BYTES


def test_a_packet_that_was_handled_is_no_suspect_any_more(tmp_path: Path, make_message):
    PoisonGuard(tmp_path)
    for _ in range(10):
        survivor = PoisonGuard(tmp_path)
        assert survivor.begin(make_message())
        survivor.finish()


def test_an_error_with_another_cause_is_not_counted_against_the_packet(start: Callable[..., Plant]):
    broker = StubBroker()
    import threading

    for number in range(6):
        plant = start(broker)
        if not number:
            plant.say("a", "normal")
        plant.agent.pipeline.backend.infer = fails(UnavailableError("the GPU fell off the bus"))
        refused = threading.Event()
        plant.agent.poison_guard.finish = refused.set  # else it would wait for packets for ever
        with pytest.raises(UnavailableError):
            plant.loop.run(refused)
        plant.crash()
    plant = start(broker)
    plant.turn(8)
    assert plant.health().rejected == {}
    assert plant.health().packets["processed"] == 1


def test_it_is_the_same_packet_whatever_connection_brings_it(make_message):
    one = digest(make_message(payload=b"x", properties={"seq": "1", "boot_id": "2"}))
    assert one == digest(make_message(payload=b"x", properties={"boot_id": "2", "seq": "1"}))
    others = {digest(make_message(payload=b"y")), digest(make_message(topic="t")), digest(make_message(payload=b"x"))}
    assert one not in others
    assert len(others) == 3


@pytest.mark.parametrize("content", [b"{", b"\xff" * 9, b'{"ends": 3, "clean": true}', b'{"clean": true}'])
def test_an_unreadable_file_is_an_unclean_end(content: bytes, tmp_path: Path, make_message):
    (tmp_path / FILE).write_bytes(content)
    found = PoisonGuard(tmp_path)
    assert found.probation == PROBATION_PACKETS
    assert found.begin(make_message())


def test_the_file_never_outgrows_its_size(tmp_path: Path, make_message):
    PoisonGuard(tmp_path)
    for number in range(100):
        PoisonGuard(tmp_path).begin(make_message(payload=b"%d" % number))
    assert (tmp_path / FILE).stat().st_size == FILE_BYTES
    assert len(json.loads((tmp_path / FILE).read_text())["ends"]) == MAX_SUSPECTS


def test_on_a_disk_that_gives_no_answer_it_is_not_waited_for(tmp_path: Path, make_message):
    """No packet is refused either, as where the file can't be written."""

    def late(_errand: object) -> None:
        raise StorageError("the disk has not answered for 5 s")

    one = PoisonGuard(tmp_path, late)
    assert [one.begin(make_message(payload=b"%d" % n)) for n in range(3)] == [True] * 3
    one.finish()
    one.close_clean()


def test_where_it_can_t_be_written_nothing_is_refused(tmp_path: Path, make_message):
    found = PoisonGuard(tmp_path / "missing")
    assert all(found.begin(make_message()) for _ in range(2))
    found.finish()
    found.close_clean()
