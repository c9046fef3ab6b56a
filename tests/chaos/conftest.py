"""`stage(...)`: a scenario's scene, cleared away at the end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from chaos.scene import SETTINGS, Scene
from chaos.sensors import Sensors
from chaos.subscriber import Subscriber
from chaos.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from other_brokers import ProcessBroker
    from servers import Mosquitto

KEEPS = """
persistence true
persistence_location {folder}/
autosave_interval 60
user root
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All but the oracle's own tests run for long: `make chaos`."""
    for item in items:
        if item.path.parent.name == "chaos" and item.path.name != "test_oracle.py":
            item.add_marker("chaos")


def lasting_mosquitto(request: pytest.FixtureRequest, folder: Path) -> Mosquitto:
    """mosquitto, which keeps what it has across a restart."""
    broker = request.getfixturevalue("mosquitto")
    broker.stop()
    broker.extra = KEEPS.format(folder=folder)
    broker.start()
    return broker


@pytest.fixture
def stage(request: pytest.FixtureRequest, make_agent: Callable, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """`stage(name, sensors=10, rate_hz=3, block=8, more="", …)`: all is made, agent and sensors not started.

    `host` is where the agent finds its `broker`, which is mosquitto where none is given.
    """
    with ExitStack() as stack:

        def make(
            name: str,
            sensors: int = 10,
            rate_hz: float = 3.0,
            block: int = 8,
            more: str = "",
            host: str = "127.0.0.1",
            broker: ProcessBroker | None = None,
        ) -> Scene:
            at, protocol = (broker, broker.protocol) if broker else (lasting_mosquitto(request, tmp_path), "5")
            crowd = Sensors(at.port, sensors, rate_hz, block, protocol)
            stack.callback(crowd.close)
            wire = Wire(at.port, crowd.mark, host)
            stack.callback(wire.close)
            subscriber = Subscriber(at.port, protocol)
            stack.callback(subscriber.close)
            agent = make_agent(wire.url, more=SETTINGS.format(block=block) + more)
            stack.callback(agent.end)
            return Scene(name, at, agent, wire, crowd, subscriber)

        yield make
