"""A packet that kills the process does so three times more after the first, and is then refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from plant import fails

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.storage import poison_guard as module
from drsn.agent.storage.poison_guard import FILE, SIZE, PoisonGuard, digest
from drsn.model.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from plant import Plant

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.backends.backend import Outputs
    from drsn.agent.mqtt.message import Message


class KilledError(BaseException):
    """The process is gone; nothing in it can see that coming."""


def deadly(plant: Plant, sensor: str) -> None:
    """Handling a packet of this sensor ends the process."""
    windows = plant.runner._parts.intake.windows

    def handle(message: Message, receipt: InFlight) -> Iterator[tuple[str, Window]]:
        if sensor in message.topic:
            raise KilledError
        return windows(message, receipt)

    plant.runner._parts.intake.windows = handle


def deadly_for_the_network(plant: Plant, sensor: str) -> None:
    """Diagnosing a window of this sensor ends the process."""
    parts = plant.runner._parts
    infer = parts.backend.infer

    def diagnose(x: np.ndarray) -> Outputs:
        if any(sensor == reading.sensor for reading in parts.batch.readings):
            raise KilledError
        return infer(x)

    parts.backend.infer = diagnose


@pytest.mark.parametrize("deadly", [deadly, deadly_for_the_network])
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
    assert ends == 4, "one that could have been of any packet, and three with this one in hand"
    health = plant.runner.health()
    assert health.rejected == {"poison": 1}
    assert not plant.ingest._session.flying, "it is acknowledged, and those behind it"
    assert (health.packets["processed"], health.packets["duplicate"]) == (1, 0), "the first was done before"


def test_packets_are_handled_one_by_one_only_after_an_unclean_end(tmp_path: Path, make_message):
    first = PoisonGuard(tmp_path)
    assert first.careful == 0
    first.end()
    assert PoisonGuard(tmp_path).careful == 0
    after = PoisonGuard(tmp_path)
    assert after.careful == module.CAREFUL
    assert after.take(make_message())
    after.done()
    assert after.careful == module.CAREFUL - 1
    assert (tmp_path / FILE).stat().st_size == SIZE


def test_a_packet_that_was_handled_is_no_suspect_any_more(tmp_path: Path, make_message):
    PoisonGuard(tmp_path)
    for _ in range(10):
        survivor = PoisonGuard(tmp_path)
        assert survivor.take(make_message())
        survivor.done()


def test_an_end_that_the_agent_knows_a_reason_for_is_no_packet_s_fault(start: Callable[..., Plant]):
    broker = StubBroker()
    import threading

    for number in range(6):
        plant = start(broker)
        if not number:
            plant.say("a", "normal")
        plant.runner._parts.backend.infer = fails(UnavailableError("the GPU fell off the bus"))
        refused = threading.Event()
        plant.runner._parts.in_hand.done = refused.set  # else it would wait for packets for ever
        with pytest.raises(UnavailableError):
            plant.runner.run(refused)
        plant.crash()
    plant = start(broker)
    plant.turn(8)
    assert plant.runner.health().rejected == {}
    assert plant.runner.health().packets["processed"] == 1


def test_it_is_the_same_packet_whatever_connection_brings_it(make_message):
    one = digest(make_message(payload=b"x", properties={"seq": "1", "boot_id": "2"}))
    assert one == digest(make_message(payload=b"x", properties={"boot_id": "2", "seq": "1"}))
    others = {digest(make_message(payload=b"y")), digest(make_message(topic="t")), digest(make_message(payload=b"x"))}
    assert one not in others
    assert len(others) == 3


@pytest.mark.parametrize("content", [b"{", b"\xff" * 9, b'{"ends": 3, "clean": true}', b'{"clean": true}'])
def test_a_file_that_nobody_can_read_is_an_unclean_end(content: bytes, tmp_path: Path, make_message):
    (tmp_path / FILE).write_bytes(content)
    found = PoisonGuard(tmp_path)
    assert found.careful == module.CAREFUL
    assert found.take(make_message())


def test_the_file_never_outgrows_its_size(tmp_path: Path, make_message):
    PoisonGuard(tmp_path)
    for number in range(100):
        PoisonGuard(tmp_path).take(make_message(payload=b"%d" % number))
    assert (tmp_path / FILE).stat().st_size == SIZE
    assert len(PoisonGuard(tmp_path)._ends) == module.SUSPECTS


def test_on_a_disk_that_gives_no_answer_it_is_not_waited_for(tmp_path: Path, make_message):
    """Nothing is refused either: what is in hand goes on, as it does where the file can't be written."""

    def late(_errand: object) -> None:
        raise StorageError("the disk has not answered for 5 s")

    one = PoisonGuard(tmp_path, late)
    assert [one.take(make_message(payload=b"%d" % n)) for n in range(3)] == [True] * 3
    one.done()
    one.end()


def test_where_it_can_t_be_written_nothing_is_refused(tmp_path: Path, make_message):
    found = PoisonGuard(tmp_path / "missing")
    assert all(found.take(make_message()) for _ in range(2))
    found.done()
    found.end()
