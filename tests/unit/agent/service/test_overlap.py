"""The network runs a batch while the next one is filled; what is decided is the same."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from plant import NO_WAITS
from witness import events_of, line_of, message

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.backends.fake import ToneBackend
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.service.overlap import Overlap
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    import numpy as np

    from drsn.agent.backends.backend import Outputs
    from drsn.agent.service.pipeline import Pipeline
    from drsn.model.contract import ModelContract

LABELS = ("normal", "ball", "ball", "ball", "normal", "normal", "normal", "ball")
BATCH = 2


class HeldBackend(ToneBackend):
    """A call ends when the test lets it end."""

    def __init__(self, contract: ModelContract) -> None:
        super().__init__(contract, BATCH)
        self.go = threading.Event()
        self.error: Exception | None = None

    def infer(self, x: np.ndarray) -> Outputs:
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        return super().infer(x)


def overlapped(contract: ModelContract, backend: ToneBackend) -> tuple[Pipeline, threading.Event]:
    line, done = line_of(contract, backend, BATCH), threading.Event()
    line.overlap = Overlap(backend, Batcher(contract, BATCH, 0.0), done.set)
    return line, done


def packets(contract: ModelContract, labels: tuple[str, ...] = LABELS) -> list[InFlight]:
    return [InFlight(message(contract, label, seq)) for seq, label in enumerate(labels)]


def test_the_events_are_those_without_an_overlap(contract: ModelContract):
    sent = [message(contract, label, seq) for seq, label in enumerate(LABELS * 5)]
    expected = events_of(sent, line_of(contract, ToneBackend(contract, BATCH), BATCH))
    line, _ = overlapped(contract, ToneBackend(contract, BATCH))
    assert len(expected) > 5
    assert events_of(sent, line) == expected
    assert line.metrics.windows == len(sent)
    assert line.empty


def test_the_next_batch_is_filled_while_the_network_runs(contract: ModelContract):
    backend = HeldBackend(contract)
    line, done = overlapped(contract, backend)
    first, second, third, fourth = packets(contract, LABELS[:4])
    assert line.process(first) + line.process(second) + line.process(third) == []
    assert (len(line.batcher), line.empty, line.overlap.done) == (1, False, False)
    assert not first.done, "its window is in the network"
    backend.go.set()
    assert done.wait(10)
    (decisions,) = line.process(fourth)
    assert [row for row, _ in decisions.outcomes] == [0], "the sensor is new"
    assert first.done
    assert second.done
    assert not third.done
    (_,) = line.flush()
    assert third.done
    assert line.empty


def test_a_call_that_has_ended_is_due_and_a_batch_that_is_not_full_waits_on(contract: ModelContract):
    line, done = overlapped(contract, ToneBackend(contract, BATCH))
    line.batcher, line.overlap = (
        Batcher(contract, BATCH, 60.0),
        Overlap(line.backend, Batcher(contract, 2, 60.0), done.set),
    )
    for packet in packets(contract, LABELS[:3]):
        line.process(packet)
    assert done.wait(10)
    assert line.wait_s(0.0) == 0
    assert len(line.tend(0.0)) == 1
    assert (len(line.batcher), line.tend(0.0)) == (1, [])


def test_a_failure_of_the_network_ends_the_process_as_before(contract: ModelContract):
    backend = HeldBackend(contract)
    line, done = overlapped(contract, backend)
    backend.error = UnavailableError("the runtime fails")
    backend.go.set()
    for packet in packets(contract, LABELS[:2]):
        line.process(packet)
    assert done.wait(10)
    with pytest.raises(UnavailableError, match="the runtime fails"):
        line.tend(0.0)


def test_packets_that_come_again_are_in_no_batch(contract: ModelContract):
    line, _ = overlapped(contract, ToneBackend(contract, BATCH))
    for packet in packets(contract, LABELS[:3]):
        line.process(packet)
    line.rewind({})
    assert line.empty
    assert line.engine.sensors == {}
    assert len(events_of([message(contract, "ball", seq) for seq in range(4)], line)) == 1


def test_an_agent_with_an_overlap_acknowledges_everything(start):
    plant = start(StubBroker(), waits=replace(NO_WAITS, overlap=True))
    for _ in range(3 * 32):
        plant.say("a", "normal")
    plant.turn(20)
    plant.loop.shutdown.drain()
    health = plant.health()
    assert (health.packets["processed"], health.windows, health.packets["in_flight"]) == (96, 96, 0)
    assert not plant.ingest.in_flight
