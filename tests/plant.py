"""A plant in one thread: a broker in memory, sensors that publish tones, an agent that is turned by hand."""

from __future__ import annotations

import json
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.backends.fake import ToneBackend, tone_of
from drsn.agent.backends.selection import Chosen
from drsn.agent.bundles import shipped
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.bootstrap import assemble
from drsn.agent.service.clock import Clock
from drsn.agent.service.waits import Waits
from drsn.agent.settings.loader import Configuration
from drsn.agent.settings.sections import Settings
from drsn.agent.storage.journal import Journal
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.mqtt.connection_options import ConnectionOptions
    from drsn.agent.schema.agent_state import HealthDocument
    from drsn.agent.service.bootstrap import Agent
    from drsn.agent.service.loop import Loop
    from drsn.model.bundle import Bundle

BUNDLE = open_bundle(shipped("synthetic"))
WINDOW, RATE_HZ = BUNDLE.contract.window, BUNDLE.contract.sample_rate_hz
NO_WAITS = Waits(idle_wait_s=0.0, quiet_s=0.0, group_s=0.0, overlap=False)
STATUS = "drsn/v1/_agent/tester/status"


def lose(folder: Path) -> None:
    """Take what a folder holds away at once: the evidence writer of an agent that has crashed may still be at work."""
    folder.rename(Path(tempfile.mkdtemp(dir=folder.parent)) / "lost")
    folder.mkdir()


@dataclass
class PlantClock:
    """The clocks of the process, which a test may put forward."""

    ahead_s: float = 0.0

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s

    def unix_ns(self) -> int:
        return time.time_ns() + round(self.ahead_s * 1e9)


@dataclass
class Plant:
    """A broker in memory, sensors that publish tones, and an agent that is turned by hand."""

    broker: StubBroker
    agent: Agent
    loop: Loop
    journal: Journal
    control: StubConnection
    ingest: StubConnection
    clock: PlantClock
    seq: dict[str, int] = field(default_factory=dict)
    alive: bool = True

    def say(self, sensor: str, label: str, windows: float = 1, seq: int | None = None) -> None:
        """A sensor publishes a packet of so many windows that the backend will call `label`."""
        seq = self.seq.get(sensor, 0) + 1 if seq is None else seq
        self.seq[sensor] = seq
        samples = tone_of(BUNDLE.contract, label, int(windows * WINDOW), RATE_HZ)
        payload = frame.encode(Packet(samples, sample_rate_hz=RATE_HZ, seq=seq, boot_id=1))
        self.broker.publish(f"plant/{sensor}/frame", payload, 1, {}, retain=False)

    def crash(self) -> None:
        """The process is gone: both connections die, and the store's lock with it."""
        if self.alive:
            self.alive = False
            self.ingest.lose()
            self.control.lose()
            self.journal.close()

    def turn(self, turns: int = 3) -> None:
        for _ in range(turns):
            self.loop.turn()

    def health(self) -> HealthDocument:
        return self.agent.health.document()

    def heard(self, topic: str) -> list[dict[str, Any]]:
        """Every document that went out on a topic, in order."""
        return [json.loads(payload) for name, payload in self.broker.log if name == topic]

    def retained(self, topic: str) -> dict[str, Any]:
        return json.loads(self.broker.retained[topic])


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Plant]]:
    """Start an agent on a broker, with the state that an earlier one left; what it holds is closed at the end."""
    with ExitStack() as everything:

        def begin(
            broker: StubBroker,
            more: dict[str, Any] | None = None,
            waits: Waits = NO_WAITS,
            engine: str | None = None,
            reasons: tuple[str, ...] = (),
            bundle: Bundle = BUNDLE,
            backend: Callable[..., ToneBackend] = ToneBackend,
            inputs: list[dict[str, Any]] | None = None,
            **alarms: str,
        ) -> Plant:
            more = dict(more or {})
            agent = {"id": "tester", "bundle": "shipped:synthetic", "state_dir": tmp_path, "max_sensors": 4}
            settings = Settings(
                agent=agent | more.pop("agent", {}),
                inference={"max_batch": 4, "deadline_s": 0},
                inputs=inputs or [{"topic": "plant/{point}/frame", "sensor": "{point}"}],
                alarms=alarms or {"raise_after": "2/3", "clear_after": "2/3"},
                **more,
            )
            configuration = Configuration(settings, "0" * 64, shipped("synthetic"))
            journal, clock = Journal(tmp_path), PlantClock()
            connections: list[StubConnection] = []

            def connect(_address: object, options: ConnectionOptions, **callbacks: Any) -> StubConnection:  # noqa: ANN401 (as Connection's)
                connections.append(StubConnection(broker, options, **callbacks))
                return connections[-1]

            agent, loop = assemble(
                configuration,
                bundle,
                Chosen(backend(bundle.contract, 4), engine, reasons),
                journal,
                connect,
                waits=waits,
                clock=Clock(clock.monotonic_s, clock.unix_ns),
            )
            control, ingest, _probe = connections
            plant = Plant(broker, agent, loop, journal, control, ingest, clock)
            everything.callback(agent.recorder.close)
            everything.callback(plant.crash)
            plant.control.start()
            plant.ingest.start()
            return plant

        yield begin


class Deaf(deque):
    """Confirmations that never come."""

    def append(self, _: object) -> None:
        return


def fails(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def whole(plant: Plant) -> dict[str, int]:
    """The packets of `health`, whose identity holds at this moment."""
    packets = dict(plant.health().packets)
    assert packets["received"] == sum(n for name, n in packets.items() if name != "received"), packets
    return packets
