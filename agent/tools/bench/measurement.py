"""Runs the agent's own loop over generated packets, without a broker, and measures what a window costs."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.bootstrap import assemble, opened_model
from drsn.agent.service.connections import in_flight
from drsn.agent.service.waits import Waits
from drsn.agent.settings.input_section import InputSection
from drsn.agent.storage.journal import Journal
from drsn.agent.tools.bench.capacity import Capacity
from drsn.agent.tools.bench.receiving import receive_time_us
from drsn.agent.tools.bench.stages import ORDER, StageSampler
from drsn.agent.tools.bench.workload import TOPIC, Workload, windows_of
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.backends.backend import Backend
    from drsn.agent.mqtt.connection_options import ConnectionOptions
    from drsn.agent.mqtt.message import Message
    from drsn.agent.service.bootstrap import Agent
    from drsn.agent.service.loop import Loop
    from drsn.agent.settings.loader import Configuration
    from drsn.agent.settings.sections import Settings
    from drsn.model.bundle import Bundle

SENSORS = 50
CHUNK_BATCHES = 20
"""Batches of packets that are made at once, while nothing is measured."""

RECEIVED = 1_000
"""Packets that are received to measure the MQTT library."""

MAX_PACKET_BYTES = 256 << 20
"""The largest that the setting allows."""

CALLS = 30
"""Of the network, for its median."""


@dataclass(frozen=True)
class Cost:
    """What a window takes."""

    windows: int
    wall_us: float
    cpu_us: float


@dataclass(frozen=True)
class Measurement:
    """All that was measured."""

    bundle: str
    backend: str
    codec: str
    max_batch: int
    sample_rate_hz: float
    flood: Cost
    """Full batches."""
    live: Cost
    """At the pace of live sensors, in the batches that come together by then; its wall time is mostly waiting."""
    live_sensors: int
    receive_us: float
    """CPU time that the MQTT library takes for a window; it is in no other value but the capacity."""
    stages_us: dict[str, float]
    """Stage -> CPU time of a window in full batches."""
    network_us: dict[int, float]
    """Windows of a call -> time of the network for each of them."""
    capacity: Capacity


@dataclass
class _Plant:
    """An agent without a broker, and its sensors."""

    agent: Agent
    loop: Loop
    workload: Workload
    max_batch: int
    sampler: StageSampler = field(default_factory=StageSampler)

    @property
    def windows(self) -> int:
        """Windows so far."""
        return self.agent.pipeline.metrics.windows

    def messages(self, count: int) -> list[Message]:
        """Return packets, made now."""
        return self.workload.messages(count, time.monotonic(), time.time_ns())

    def flood(self, seconds: float) -> Cost:
        """Turn the loop with a full inbox for so many seconds of work."""
        size = CHUNK_BATCHES * self.max_batch
        self._handle(self.messages(max(size, self.workload.sensors)))  # all sensors are known, all libraries are loaded
        before, wall_s, cpu_s = self.windows, 0.0, 0.0
        while wall_s < seconds:
            chunk = self.messages(size)
            started_s, started_cpu_s = time.monotonic(), time.process_time()
            with self.sampler:
                self._handle(chunk)
            wall_s += time.monotonic() - started_s
            cpu_s += time.process_time() - started_cpu_s
        windows = self.windows - before
        return Cost(windows, wall_s / windows * 1e6, cpu_s / windows * 1e6)

    def _handle(self, messages: list[Message]) -> None:
        inbox, waiting = self.agent.inbox, iter(messages)
        left = len(messages)
        while left or len(inbox):
            for _ in range(min(left, inbox.capacity - len(inbox))):
                inbox.put(next(waiting))
                left -= 1
            self.loop.turn()

    def live(self, seconds: float, windows_per_s: float) -> Cost:
        """Turn the loop while a thread puts packets into the inbox at the sensors' own pace."""
        messages = self.messages(max(1, int(seconds * windows_per_s)))
        feeder_cpu_s: list[float] = []

        def feed() -> None:
            started_s = time.monotonic()
            for number, message in enumerate(messages):
                time.sleep(max(0.0, started_s + number / windows_per_s - time.monotonic()))
                self.agent.inbox.put(replace(message, received_s=time.monotonic()))
            feeder_cpu_s.append(time.thread_time())

        feeder = threading.Thread(target=feed, name="feeder", daemon=True)
        before, started_s, started_cpu_s = self.windows, time.monotonic(), time.process_time()
        feeder.start()
        while feeder.is_alive() or len(self.agent.inbox) or not self.agent.pipeline.empty:
            self.loop.turn()
        windows = self.windows - before
        wall_s, cpu_s = time.monotonic() - started_s, time.process_time() - started_cpu_s - feeder_cpu_s[0]
        return Cost(windows, wall_s / windows * 1e6, cpu_s / windows * 1e6)


def measure(configuration: Configuration, seconds: float, sensors: int = SENSORS) -> Measurement:
    """Measure for about so many seconds.

    Args:
        configuration: its bundle, backend, batches, alarms, evidence and first input are used. Its broker is not, and
            its state directory only for a temporary one, because the cost of a commit is that of the disk.
        seconds: in all.
        sensors: that send; fewer in the live part if the machine can't take so many.

    Raises:
        BundleError: the bundle can't be used.
        ConfigurationError: the input can't serve the bundle, or no engine fits this machine.
        UnavailableError: the backend that the settings ask for can't run here.
    """
    settings = configuration.settings
    entry = input_of(settings)
    with _running(configuration, entry) as (bundle, agent, loop):
        backend, max_batch = agent.pipeline.backend, settings.inference.max_batch
        network_us = {n: network_time_us(backend, bundle, n) for n in sorted({1, max_batch})}
        plant = _Plant(agent, loop, Workload(bundle, entry, sensors), max_batch)
        flood = plant.flood(seconds / 2)
        receive_us = receive_time_us(plant.messages(RECEIVED), in_flight(settings)) * entry.hop_windows
        wall_us, cpu_us = flood.wall_us + receive_us, flood.cpu_us + receive_us
        capacity = Capacity.of(bundle.contract, entry.hop_windows, wall_us, cpu_us, os.cpu_count() or 1)
        live_sensors = max(1, min(sensors, capacity.one_agent // 2))
        sampled_s = sum(plant.sampler.cpu_s.values()) or 1.0
        return Measurement(
            bundle=f"{bundle.manifest.name}@{bundle.sha256[:12]}",
            backend=backend.name,
            codec=entry.codec,
            max_batch=max_batch,
            sample_rate_hz=plant.workload.sample_rate_hz,
            flood=flood,
            live=plant.live(seconds / 2, live_sensors * capacity.windows_per_s),
            live_sensors=live_sensors,
            receive_us=receive_us,
            stages_us={stage: plant.sampler.cpu_s[stage] / sampled_s * flood.cpu_us for stage in ORDER},
            network_us=network_us,
            capacity=capacity,
        )


def input_of(settings: Settings) -> InputSection:
    """Return the first input, for packets of float32 samples as `codec.encode` makes them."""
    entry = settings.inputs[0]
    same = {name: getattr(entry, name) for name in ("codec", "sample_rate_hz", "hop_windows", "continuous")}
    return InputSection(topic=TOPIC, sensor="{sensor}", max_packet_bytes=MAX_PACKET_BYTES, **same)


def network_time_us(backend: Backend, bundle: Bundle, windows: int) -> float:
    """Return the median time of the network for each window of a batch, in microseconds."""
    x = windows_of(bundle)
    x = np.ascontiguousarray(x[np.arange(windows) % len(x)])
    times_s = []
    for _ in range(CALLS + 1):
        started_s = time.perf_counter()
        backend.infer(x)
        times_s.append(time.perf_counter() - started_s)
    return statistics.median(times_s[1:]) / windows * 1e6


@contextmanager
def _running(configuration: Configuration, entry: InputSection) -> Iterator[tuple[Bundle, Agent, Loop]]:
    """Put an agent together with one input, a stub of the broker, and a journal that is deleted at the end."""
    settings, broker = configuration.settings, StubBroker()
    connections: list[StubConnection] = []

    def connect(_address: object, options: ConnectionOptions, **callbacks: Any) -> StubConnection:  # noqa: ANN401 (as Connection's)
        connections.append(StubConnection(broker, options, **callbacks))
        return connections[-1]

    state_dir = settings.agent.state_dir
    usable = state_dir if state_dir.is_dir() and os.access(state_dir, os.W_OK) else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drsn-bench-", dir=usable)))
        section = settings.agent.model_copy(update={"state_dir": folder})
        settings = settings.model_copy(update={"agent": section, "inputs": (entry,)})
        configuration = replace(configuration, settings=settings)
        bundle, chosen = stack.enter_context(opened_model(configuration))
        journal = Journal(folder)
        stack.callback(journal.close)
        # Without the overlap all stages run on the main thread, whose samples are counted.
        agent, loop = assemble(configuration, bundle, chosen, journal, connect, waits=Waits(overlap=False))
        stack.callback(agent.recorder.close)
        for connection in connections:
            connection.start()
        yield open_bundle(configuration.bundle_path), agent, loop  # the agent's own keeps no golden windows
