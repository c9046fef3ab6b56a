"""Fixtures of brokers that are not mosquitto: RabbitMQ (its MQTT plugin), aedes and amqtt, each in its own process.

Debian's `rabbitmq-server` begins no service for this: a node of its own runs in the test's folder. aedes needs
`npm ci` in tests/brokers; `make other-brokers` does both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import Broker, answers, free_port, poll, require

from drsn.agent.mqtt.stub import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
SCRIPTS = Path(__file__).parent / "brokers"
NODE = SCRIPTS / "node_modules" / ".bin" / "node"
"""aedes needs Node.js 20, and Debian 12 has 18: npm brings its own."""

CONFIGURATION = """
listeners.tcp = none
mqtt.listeners.tcp.default = 127.0.0.1:{port}
mqtt.allow_anonymous = true
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = {websocket_port}
distribution.listener.interface = 127.0.0.1
disk_free_limit.absolute = 10MB
"""

STARTS_WITHIN_S = 120.0
"""RabbitMQ takes ten seconds, and more beside other tests."""


@dataclass
class ProcessBroker(Broker):
    """A broker that one command runs, with a second port for WebSockets; its processes are one group."""

    websocket_port: int = field(default_factory=free_port)
    websocket_path: str = "/mqtt"
    protocol: str = "3.1.1"
    """The MQTT version that it accepts."""
    keeps_sessions = True
    """Sessions and retained messages outlive a SIGKILL."""
    keeps_order = True
    """On a new connection, packets that waited come before new ones."""
    name = ""

    def command(self) -> list[str]:
        """What runs it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def start(self) -> None:
        environment = {**os.environ, **self.environment()}
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env=environment, start_new_session=True
            )
        poll(self._answers_or_ended, STARTS_WITHIN_S, f"{self.name} listens")
        assert self.process.poll() is None, (self.directory / f"{self.name}.log").read_text()[-2000:]

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """The end of the test."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            self.process.wait(60)
            self.process = None

    def _answers_or_ended(self) -> bool:
        return self.process.poll() is not None or (self._answers() and answers(self.websocket_port))


@dataclass
class RabbitMq(ProcessBroker):
    """RabbitMQ with its plugins for MQTT: a node of its own in the test's folder."""

    websocket_path: str = "/ws"
    name = "rabbitmq"
    _ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    _names: subprocess.Popen | None = None
    """Erlang's name server; RabbitMQ would start one that outlives it."""

    def start(self) -> None:
        if self._names is None:
            command = ["epmd", "-port", str(self._ports[1]), "-address", "127.0.0.1"]
            self._names = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            poll(lambda: answers(self._ports[1]), what="the name server listens")
        super().start()

    def command(self) -> list[str]:
        return [str(RABBITMQ)]

    def environment(self) -> dict[str, str]:
        folder, (distribution, epmd) = self.directory / "rabbitmq", self._ports
        folder.mkdir(exist_ok=True)
        settings = CONFIGURATION.format(port=self.port, websocket_port=self.websocket_port)
        (folder / "rabbitmq.conf").write_text(settings)
        (folder / "enabled_plugins").write_text("[rabbitmq_mqtt,rabbitmq_web_mqtt].")
        return {
            "HOME": str(folder),  # of the cookie
            "RABBITMQ_NODENAME": f"drsn{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",  # no busy waiting
        }

    def close(self) -> None:
        super().close()
        if self._names is not None:
            self._names.terminate()
            self._names.wait(10)


@dataclass
class Aedes(ProcessBroker):
    """aedes, as its documentation runs it: everything in memory."""

    keeps_sessions = keeps_order = False
    name = "aedes"

    def command(self) -> list[str]:
        return [str(NODE), str(SCRIPTS / "aedes.mjs"), str(self.port), str(self.websocket_port)]


@dataclass
class Amqtt(ProcessBroker):
    """amqtt, with everything in memory. Version 0.12.1 gives a subscriber also what the one before it had asked for."""

    keeps_sessions = False
    name = "amqtt"

    def command(self) -> list[str]:
        return [sys.executable, str(SCRIPTS / "amqtt_broker.py"), str(self.port), str(self.websocket_port)]

    def retained(self, topic: str, count: int, timeout_s: int = 1) -> dict[str, dict]:
        found = super().retained(topic, count + 100, min(timeout_s, 1))
        return {name: document for name, document in found.items() if matches(topic, name)}


def missing_for(kind: type[ProcessBroker]) -> str:
    """What is not installed of what a broker needs; empty: nothing."""
    if kind is RabbitMq and not RABBITMQ.exists():
        return "rabbitmq-server"
    if kind is Aedes and not NODE.exists():
        return "`npm ci` in tests/brokers"
    return ""


def running(kind: type[ProcessBroker], folder: Path) -> Iterator[ProcessBroker]:
    """Run a broker; skip on a laptop without it; in CI it must be there."""
    require("mosquitto_sub")
    if missing := missing_for(kind):
        if os.environ.get("CI"):
            pytest.fail(f"CI must have {missing}")
        pytest.skip(f"needs {missing}: make other-brokers")
    broker = kind(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[ProcessBroker]:
    yield from running(RabbitMq, tmp_path)


@pytest.fixture
def aedes(tmp_path: Path) -> Iterator[ProcessBroker]:
    yield from running(Aedes, tmp_path)


@pytest.fixture
def amqtt(tmp_path: Path) -> Iterator[ProcessBroker]:
    yield from running(Amqtt, tmp_path)
