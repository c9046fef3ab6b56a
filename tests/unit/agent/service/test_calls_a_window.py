"""A guard without a clock: how many calls, of Python and of C, one more window of a full batch costs.

The hot path works on columns. A loop over windows that comes back makes a call or more for each window, and is found
here. If the number falls, lower the bound.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from witness import FakeWriter, line_of, message, renderer_of

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.backends.fake import ToneBackend
from drsn.agent.evidence.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.service.pipeline import Pipeline
    from drsn.model.contract import ModelContract

SMALL, LARGE = 16, 64
ROUNDS = 10
"""Batches before the one that is measured: every sensor is known, its route, history and timers too, and the first
packets of its count are over (fingerprints.FIRST_PACKETS)."""

RECEIVE_CALLS = 52
"""Message -> row of the batch: route, decode, continuity, copy. Measured: 51, for a sensor whose packets are whole
windows and follow each other."""

DECIDE_CALLS = 4.5
"""Row -> decided, and kept as evidence, with its samples, record and states. Measured: 4."""


def calls(act: Callable[[], object]) -> int:
    """How many functions this calls."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def warm(contract: ModelContract, size: int) -> tuple[Pipeline, Callable[[int], list[InFlight]]]:
    """A pipeline that has seen `ROUNDS` full batches of distinct sensors, and what makes the packets of the next."""
    backend = ToneBackend(contract, size)
    line = line_of(contract, backend, size, Recorder(4, FakeWriter(), renderer_of(contract).event), max_sensors=LARGE)

    def packets(seq: int) -> list[InFlight]:
        return [InFlight(message(contract, "normal", seq, "f32", f"s{n}")) for n in range(size)]

    for seq in range(ROUNDS):
        for packet in packets(seq):
            line.process(packet)
    assert line.metrics.windows == ROUNDS * size
    outputs = backend.infer(line.batcher._x[:size])  # of any windows: the network is not what is counted
    backend.infer = lambda _x: outputs
    return line, packets


def counted(contract: ModelContract, size: int) -> tuple[int, int]:
    """Calls of receiving all but the last packet of a batch, and of deciding about the whole batch."""
    line, packets = warm(contract, size)
    *first, last = packets(ROUNDS)
    received = calls(lambda: [line.process(packet) for packet in first])
    line.batcher.add("s0", window_of(line, last), last, 0.0)
    decided = calls(line.flush)
    return received, decided


def window_of(line: Pipeline, packet: InFlight) -> Window:
    """The window that a packet completes."""
    found: list[Window] = []
    line.intake.receive(packet.message, packet, lambda _sensor, window: found.append(window))
    return found[0]


def test_one_more_window_of_a_batch_costs_few_calls(contract: ModelContract):
    small, large = counted(contract, SMALL), counted(contract, LARGE)
    received, decided = ((more - less) / (LARGE - SMALL) for less, more in zip(small, large, strict=True))
    assert 0 < received <= RECEIVE_CALLS
    assert 0 < decided <= DECIDE_CALLS
