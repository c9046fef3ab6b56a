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


@pytest.fixture
def stage(mosquitto, make_agent: Callable, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """`stage(name, sensors=10, rate_hz=3, block=8, more="", host=...)`: all is made, agent and sensors not started.

    `host` is where the agent finds its broker.
    """
    with ExitStack() as stack:

        def make(
            name: str, sensors: int = 10, rate_hz: float = 3.0, block: int = 8, more: str = "", host: str = "127.0.0.1"
        ) -> Scene:
            mosquitto.stop()
            mosquitto.extra = KEEPS.format(folder=tmp_path)
            mosquitto.start()
            crowd = Sensors(mosquitto.port, sensors, rate_hz, block)
            stack.callback(crowd.close)
            wire = Wire(mosquitto.port, crowd.mark, host)
            stack.callback(wire.close)
            subscriber = Subscriber(mosquitto.port)
            stack.callback(subscriber.close)
            agent = make_agent(wire.url, more=SETTINGS.format(block=block) + more)
            stack.callback(agent.end)
            return Scene(name, mosquitto, agent, wire, crowd, subscriber)

        yield make
