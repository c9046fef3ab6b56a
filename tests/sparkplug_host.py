"""A SCADA host of a test: it keeps what an edge node publishes, and reads it with Eclipse Tahu's own decoder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from servers import poll

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.mqtt.message import Message

CODEC = Path(__file__).parent / "sparkplug"
NODE = "spBv1.0/plant/{}/gw"


def require_codec() -> None:
    """Skip on a laptop without it; in CI it must be there."""
    if not (CODEC / "node_modules").is_dir() or shutil.which("node") is None:
        assert not os.environ.get("CI"), "CI runs `make other-brokers` first"
        pytest.skip("needs Node.js and its package: make other-brokers")


def codec(direction: str, lines: Iterable[str]) -> list[str]:
    command = ["node", str(CODEC / "codec.mjs"), direction]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


@dataclass
class Read:
    """One message as the decoder reads it."""

    kind: str
    device: str | None
    seq: int | None
    metrics: dict[str, Any]
    historical: bool
    qos: int
    retained: bool


@dataclass
class Host:
    """Subscribes to everything of Sparkplug; publishes states and commands."""

    port: int
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        options = ConnectionOptions(name="host", client_id="host", filters=("spBv1.0/plant/#",))
        address = BrokerAddress("127.0.0.1", self.port)
        self.connection = Connection(address, options, on_message=self._take)
        self.connection.start()
        poll(lambda: self.connection.connected, what="the host")
        time.sleep(0.2)  # the subscription is on its way

    def _take(self, message: Message) -> None:
        message.ack()
        self.messages.append(message)

    def of(self, kind: str) -> list[Message]:
        return [each for each in tuple(self.messages) if each.topic.split("/")[2] == kind]

    def wait(self, kind: str, count: int = 1, timeout_s: float = 20.0) -> None:
        poll(lambda: len(self.of(kind)) >= count, timeout_s, f"{count} of {kind} in {self.kinds()}")

    def kinds(self) -> list[str]:
        return [each.topic.split("/", 2)[2] for each in tuple(self.messages)]

    def read(self) -> list[Read]:
        """All messages of the edge node so far."""
        kept = [m for m in tuple(self.messages) if m.topic.split("/")[2] not in ("NCMD", "DCMD")]
        found = []
        for message, line in zip(kept, codec("decode", [m.payload.hex() for m in kept]), strict=True):
            levels, document = message.topic.split("/"), json.loads(line)
            metrics = document.get("metrics", [])
            found.append(
                Read(
                    kind=levels[2],
                    device=levels[4] if len(levels) > 4 else None,
                    seq=document.get("seq"),
                    metrics={m["name"]: m.get("value") for m in metrics},
                    historical=any(m.get("isHistorical") for m in metrics),
                    qos=message.qos,
                    retained=message.retained,
                )
            )
        return found

    def last(self, kind: str, device: str | None = None) -> Read:
        return [each for each in self.read() if (each.kind, each.device) == (kind, device)][-1]

    def shown(self, device: str) -> dict[str, Any]:
        """The present values of a device, as a host holds them."""
        values: dict[str, Any] = {}
        for each in self.read():
            if each.device == device and each.kind in ("DBIRTH", "DDATA") and not each.historical:
                values.update(each.metrics)
        return values

    def command(self, device: str | None, name: str, kind: str, value: object) -> None:
        topic = NODE.format("NCMD") if device is None else f"{NODE.format('DCMD')}/{device}"
        payload = {"timestamp": 1, "metrics": [{"name": name, "type": kind, "value": value}]}
        (line,) = codec("encode", [json.dumps(payload)])
        self.connection.publish(topic, bytes.fromhex(line), qos=0)

    def state(self, name: str, payload: bytes, *, version_3: bool = True) -> None:
        self.connection.publish(f"{'spBv1.0/' if version_3 else ''}STATE/{name}", payload, qos=1, retain=True)


@dataclass
class EdgeProcess:
    """A real `drsn-sparkplug` process."""

    broker: str
    directory: Path
    process: subprocess.Popen | None = None

    def start(self, *options: str) -> None:
        words = ["--broker", self.broker, "--group", "plant", "--node", "gw", "--state-dir", str(self.directory / "sp")]
        command = [sys.executable, "-m", "drsn.agent.tools.sparkplug_edge.cli", *words, *options]
        with (self.directory / "sparkplug.log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def text(self) -> str:
        return (self.directory / "sparkplug.log").read_text()
