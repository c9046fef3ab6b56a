"""Runs the agent for a short time, until the first `result` of one of its sensors, or until the time is over."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.router import sensor_ids
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.topics import Topics
from drsn.agent.settings.inputs import inputs_of
from drsn.agent.settings.loader import load
from drsn.agent.tools.in_process_agent import running_agent
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from drsn.agent.mqtt.message import Message

STEP_S: Final = 0.25
HEALTH_EVERY_S: Final = 1.0


@dataclass
class FirstResult:
    """What came of the agent."""

    result: dict[str, Any] | None = None
    """The first result of a sensor."""
    not_watched: list[dict[str, Any]] = field(default_factory=list)
    """Sources that the agent does not watch: source, reason, remedy."""
    warnings: list[str] = field(default_factory=list)
    """Of the agent's status."""
    connected: bool = False
    """The agent was subscribed to its inputs."""
    seconds: float = 0.0


def first_result(config: Path, topics: Iterable[str], seconds: float, step: Callable[[float], None]) -> FirstResult:
    """Run the agent of a configuration.

    Args:
        config: its file.
        topics: on which sensors publish.
        seconds: to wait at most.
        step: called a few times a second with the seconds that have passed.

    Raises:
        DrsnError: the agent can't run.
    """
    configuration = load(config, [f"agent.health_every_s={HEALTH_EVERY_S}"])
    agent = configuration.settings.agent
    sensors = _sensors(configuration.settings, configuration.bundle_path, topics)
    seen = _Documents(Topics(agent.prefix, agent.id), sensors)
    options = ConnectionOptions(name="init", client_id=f"drsn-init-{os.getpid()}", filters=seen.filters)
    watcher = Connection(configuration.broker, options, on_message=seen.note)
    watcher.start()
    started_s = time.monotonic()
    try:
        with running_agent(configuration) as thread:
            while thread.is_alive() and not seen.complete and time.monotonic() < started_s + seconds:
                step(time.monotonic() - started_s)
                time.sleep(STEP_S)
            if not seen.complete:
                time.sleep(HEALTH_EVERY_S)
    finally:
        watcher.stop()
    with seen.lock:
        seen.found.seconds = time.monotonic() - started_s
        return seen.found if seen.complete else replace(seen.found, result=None)


def _sensors(settings: Any, bundle: Path, topics: Iterable[str]) -> set[str]:  # noqa: ANN401 (`Settings` at run time)
    """Ids of the sensors of some topics."""
    inputs = inputs_of(settings, open_bundle(bundle).contract)
    found: set[str] = set()
    for topic in topics:
        for entry in inputs:
            if (sensor := entry.pattern.sensor_of(topic)) is not None:
                found.update(sensor_ids(entry, sensor))
    return found


class _Documents:
    """The agent's documents; the thread of the connection notes them."""

    def __init__(self, topics: Topics, sensors: set[str]) -> None:
        self.lock = threading.Lock()
        self.found = FirstResult()
        self._windows = 0
        self._topics = topics
        self._results = {topics.result(sensor) for sensor in sensors}
        self.filters = (f"{topics.prefix}/+/result", topics.status, topics.health)

    @property
    def complete(self) -> bool:
        """Whether a result came, and the agent has diagnosed a window: another agent may publish the same topics."""
        return self.found.result is not None and self._windows > 0

    def note(self, message: Message) -> None:
        """Take one document; what an earlier run retained does not count."""
        message.ack()
        if message.retained:
            return
        try:
            document = json.loads(message.payload)
        except ValueError:
            return
        with self.lock:
            if message.topic == self._topics.status:
                self.found.connected |= document.get("ingest") == "connected"
                self.found.warnings = document.get("warnings") or []
            elif message.topic == self._topics.health:
                self.found.not_watched = document.get("not_watched") or []
                self._windows = document.get("windows") or 0
            elif message.topic in self._results and self.found.result is None:
                self.found.result = document
