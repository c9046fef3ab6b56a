"""Builders of what the core passes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
from witness import record_of_balls

from drsn.agent.acquisition.codecs import Packet
from drsn.agent.acquisition.reading import Reading
from drsn.agent.mqtt.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from drsn.agent.evidence.record import Record
    from drsn.model.contract import ModelContract


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command run in this process sets up the root logger for good."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


# Of the session, so that property tests may use them.
@pytest.fixture(scope="session")
def make_packet() -> Callable[..., Packet]:
    """`make_packet(512, start=256, seq=1)`: the ramp 256, 257, … 767, the same in each channel."""

    def make(n_samples: int = 256, *, start: int = 0, channels: int = 1, **said: object) -> Packet:
        ramp = np.arange(start, start + n_samples, dtype=np.float32)
        return Packet(np.tile(ramp, (channels, 1)), **said)

    return make


@pytest.fixture(scope="session")
def make_message() -> Callable[..., Message]:
    """A message of a sensor, at QoS 1."""

    def make(
        topic: str = "plant/press4/raw",
        payload: bytes = b"x",
        *,
        qos: int = 1,
        retained: bool = False,
        properties: Mapping[str, str] | None = None,
        epoch: int = 0,
    ) -> Message:
        return Message(topic, payload, qos, retained, 0.0, 1_000_000_000, properties or {}, epoch=epoch)

    return make


@pytest.fixture(scope="session")
def make_reading() -> Callable[..., Reading]:
    """What the agent knows of a window that ended at `end_unix_ns`."""

    def make(end_unix_ns: int = 0, **said: object) -> Reading:
        usual = {"duration_ns": 1, "advance_ns": 1, "fresh": False, "rms": 1.0, "peak": 2.0, "unit": "g"}
        return Reading("press4", end_unix_ns, **{**usual, "clock_synced": True, **said})

    return make


@pytest.fixture
def record(contract: ModelContract) -> Record:
    """The evidence record of an alarm about the balls, with the four windows behind it."""
    return record_of_balls(contract)
