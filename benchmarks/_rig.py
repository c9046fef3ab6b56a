"""What `throughput.py` measures on: a broker, its packets, and processes whose progress and CPU time are observed.

The queue of a persistent session is filled before its consumer starts, so that only broker and consumer run while it
is measured.
"""

from __future__ import annotations

import atexit
import json
import mmap
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.bundles import shipped
from drsn.agent.tools.bench.workload import VARIANTS, windows_of
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


HERE = Path(__file__).parent
WINDOW, RATE_HZ = 2048, 12_000.0
WINDOW_S = WINDOW / RATE_HZ
FILTER = "plant/+/frame"
CONFIG = """
[agent]
id = "{name}"
bundle = "shipped:cwru"
state_dir = "{state}"
health_every_s = 1
log_level = "error"
max_sensors = 20000
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[[inputs]]
topic = "plant/{{sensor}}/frame"
sensor = "{{sensor}}"
{more}
"""


class Signals:
    """The network, and windows that it recognises without doubt."""

    def __init__(self) -> None:
        bundle = open_bundle(shipped("cwru"))
        self.model = bundle.read("model.onnx")
        self.normal, self.faulty = windows_of(bundle), windows_of(bundle, "inner_race")


def packets(
    signals: Signals, sensors: int, count: int, *, block: int = 0, first: int = 0, start_unix_ns: int | None = None
) -> Iterator[bytes]:
    """Yield MQTT packets of one window each, sensor by sensor in turn, ready to be sent.

    Args:
        signals: the samples.
        sensors: number of sensors.
        count: number of packets.
        block: so many windows of a sensor are normal, then so many have a fault, and so on; 0: all are normal.
        first: number of the first packet, of all sensors together.
        start_unix_ns: time of the first sample; None: such that the last window ends now.
    """
    if start_unix_ns is None:
        start_unix_ns = time.time_ns() - int(count / sensors * WINDOW_S * 1e9)
    for n in range(first, first + count):
        seq, sensor = divmod(n, sensors)
        faulty = block and (seq + sensor) // block % 2
        samples = (signals.faulty if faulty else signals.normal)[(7 * sensor + seq) % VARIANTS]
        packet = Packet(
            samples=samples, sample_rate_hz=RATE_HZ, seq=seq, boot_id=1, clock_synced=True,
            t0_unix_ns=start_unix_ns + round(seq * WINDOW_S * 1e9),
        )  # fmt: skip
        topic = f"plant/s{sensor}/frame".encode()
        body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", n % 65535 + 1) + frame.encode(packet)
        yield b"\x32" + _variable(len(body)) + body


def _variable(value: int) -> bytes:
    """MQTT's variable byte integer."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


class Publisher:
    """Sends prepared packets over a plain socket, which costs a tenth of a client library."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + b"\x00\x03pub"
        self._socket.sendall(b"\x10" + _variable(len(body)) + body)
        assert self._socket.recv(4) == b"\x20\x02\x00\x00", "the broker refuses the connection"
        self._sent = self._confirmed_bytes = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while data := self._socket.recv(65536):
            self._confirmed_bytes += len(data)

    def send(self, prepared: Iterable[bytes]) -> None:
        """Send as fast as the broker reads; return when it has confirmed all."""
        batch: list[bytes] = []
        for packet in prepared:
            batch.append(packet)
            if len(batch) == 64:
                self._send(batch)
        self._send(batch)
        wait_until(lambda: self._confirmed_bytes >= 4 * self._sent, 60, "confirmation of the broker")

    def _send(self, batch: list[bytes]) -> None:
        self._socket.sendall(b"".join(batch))
        self._sent += len(batch)
        batch.clear()

    def pace(self, prepared: Sequence[bytes], per_s: float) -> list[float]:
        """Send one by one at this rate; return the monotonic time of each."""
        started_s, times_s = time.monotonic(), []
        for n, packet in enumerate(prepared):
            due_s = started_s + n / per_s
            while (left_s := due_s - time.monotonic()) > 0:
                time.sleep(left_s)
            times_s.append(time.monotonic())
            self._socket.sendall(packet)
        self._sent += len(prepared)
        return times_s


@dataclass(frozen=True)
class Mark:
    """How far a process was at one moment."""

    windows: int
    at_s: float
    cpu_s: float
    network_cpu_s: float = 0.0


@dataclass(frozen=True)
class Pace:
    """What a process did between two marks."""

    windows_per_s: float
    cpu_us: float
    """CPU time for each window."""
    network_share: float

    @classmethod
    def of(cls, first: Mark, last: Mark) -> Pace:
        """From the first mark to the last."""
        windows, cpu_s = last.windows - first.windows, last.cpu_s - first.cpu_s
        share = (last.network_cpu_s - first.network_cpu_s) / max(cpu_s, 1e-9)
        return cls(windows / (last.at_s - first.at_s), cpu_s / windows * 1e6, share)


@dataclass
class Consumer:
    """A process under measurement, and its marks."""

    process: subprocess.Popen[str]
    started_s: float
    """Monotonic."""
    marks: list[Mark] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=dict)
    """The latest of an agent."""
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """Of an agent, with the time of their receipt."""
    connected: threading.Event = field(default_factory=threading.Event)

    @property
    def windows(self) -> int:
        """Windows so far."""
        return self.marks[-1].windows if self.marks else 0

    def drain(self, total: int, limit_s: float = 10.0) -> Pace:
        """Wait until a queue of `total` windows is empty or time is up; return the pace while it was not."""
        wait_until(lambda: self.windows > 0, 30, "the first window")
        wait_until(lambda: self.windows >= total, limit_s, "")
        between = [mark for mark in self.marks if 0 < mark.windows < total]
        if len(between) < 2:
            raise SystemExit("the queue was empty too soon for a measurement: give more --windows")
        return Pace.of(between[0], between[-1])

    def mark_after(self, moment_s: float) -> Mark:
        """Return the first mark after a monotonic time."""
        wait_until(lambda: self.marks and self.marks[-1].at_s > moment_s, 10, "a health document")
        return next(mark for mark in self.marks if mark.at_s > moment_s)

    def written_kb(self) -> float:
        """Return the bytes written to the disk so far, with those in the page cache."""
        counts = Path(f"/proc/{self.process.pid}/io").read_text(encoding="utf-8")
        return int(counts.partition("\nwrite_bytes:")[2].split()[0]) / 1024

    def memory_kb(self) -> int:
        """Return the resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0])


class Rig:
    """A broker in a folder, and what is started against it."""

    def __init__(self, folder: Path, signals: Signals) -> None:
        self.folder, self.signals = folder, signals
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0\n"
        )
        (folder / "model.onnx").write_bytes(signals.model)

    @cached_property
    def publisher(self) -> Publisher:
        """The one connection that sends packets."""
        return Publisher(self.port)

    @contextmanager
    def broker(self) -> Iterator[None]:
        """Run mosquitto."""
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit("needs mosquitto")
        with _running([program, "-c", str(self.folder / "broker.conf")], stderr=subprocess.DEVNULL):
            wait_until(self._answers, 10, "the broker")
            yield

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def subscribe(self, name: str, *, agent: bool) -> None:
        """Make the session of a consumer at the broker, so that packets are queued for it."""
        protocol = mqtt.MQTTv5 if agent else mqtt.MQTTv311
        client_id = f"drsn-{name}-ingest" if agent else name
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, None if agent else False, protocol=protocol)
        done = threading.Event()
        client.on_connect = lambda *_: client.subscribe(FILTER, qos=1)
        client.on_subscribe = lambda *_: done.set()
        more: dict[str, Any] = {}
        if agent:
            more = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            more["properties"].SessionExpiryInterval = 0xFFFFFFFF
        client.connect("127.0.0.1", self.port, **more)
        client.loop_start()
        assert done.wait(10), "the broker does not answer"
        client.disconnect()
        client.loop_stop()

    @contextmanager
    def script(self, name: str, command: Sequence[str]) -> Iterator[Consumer]:
        """Run a script that prints its own marks."""
        arguments = [str(self.port), name, str(self.folder / "model.onnx"), FILTER, "250"]
        started_s = time.monotonic()
        with _running([*command, *arguments], stdout=subprocess.PIPE) as process:
            consumer = Consumer(process, started_s)

            def read() -> None:
                assert process.stdout is not None
                for line in process.stdout:
                    windows, at_s, cpu_s = line.split()
                    consumer.marks.append(Mark(int(windows), float(at_s), float(cpu_s)))

            threading.Thread(target=read, daemon=True).start()
            yield consumer

    @contextmanager
    def agent(self, name: str, *, backend: str = "", more: str = "", wait: bool = True) -> Iterator[Consumer]:
        """Run an agent; its marks are its health documents, once a second.

        Args:
            name: its id.
            backend: arguments of agent_with_backend.py; empty: `drsn-agent run` itself.
            more: sections of its configuration.
            wait: until it is connected.
        """
        config, counter = self.folder / f"{name}.toml", self.folder / f"{name}.network"
        config.write_text(CONFIG.format(name=name, state=self.folder / name, port=self.port, more=more))
        counter.write_bytes(bytes(8))
        program = ["-m", "drsn.agent", "run"]
        if backend:
            program = [str(HERE / "agent_with_backend.py"), "--counter", str(counter), *backend.split()]
        environment = installed_environment()
        started_s = time.monotonic()
        with _running([sys.executable, *program, "--config", str(config)], env=environment) as process:
            consumer = Consumer(process, started_s)
            with counter.open("rb") as file, mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ) as network:
                watcher = self._watcher(name, consumer, network)
                assert not wait or consumer.connected.wait(30), f"{name} does not come up"
                yield consumer
                watcher.disconnect()
                watcher.loop_stop()

    def _watcher(self, name: str, consumer: Consumer, network: mmap.mmap) -> mqtt.Client:
        def note(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
            at_s, document = time.monotonic(), json.loads(message.payload)
            if message.topic.endswith("/event"):
                consumer.events.append((at_s, document))
            elif message.topic.endswith("/status"):
                if document["ingest"] == "connected":
                    consumer.connected.set()
            else:
                network_cpu_s = struct.unpack("d", network[:8])[0]
                mark = Mark(document["packets"]["processed"], at_s, cpu_s(consumer.process.pid), network_cpu_s)
                consumer.health = document
                consumer.marks.append(mark)

        topics = f"drsn/v1/_agent/{name}/status", f"drsn/v1/_agent/{name}/health", "drsn/v1/+/event"
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_connect = lambda *_: client.subscribe([(topic, 0) for topic in topics])
        client.on_message = note
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client


def installed_environment() -> dict[str, str]:
    """Return the environment of an agent as it is installed, with compiled modules."""
    return {**os.environ, **_bytecode()}


@cache
def _bytecode() -> dict[str, str]:
    folder = tempfile.mkdtemp(prefix="drsn-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
    modules = "import drsn.agent.__main__, drsn.agent.service.cli, drsn.agent.service.bootstrap"
    subprocess.run([sys.executable, "-c", modules], env={**os.environ, **found}, check=True)
    return found


@contextmanager
def _running(command: Sequence[str], **how: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 (arguments of Popen)
    with subprocess.Popen(command, text=True, **how) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until(condition: Any, timeout_s: float, what: str) -> None:  # noqa: ANN401 (a truthy answer)
    """Wait for a condition; raise if it does not come, unless `what` is empty."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            if what:
                raise SystemExit(f"waited {timeout_s:g} s in vain for {what}")
            return
        time.sleep(0.01)


def cpu_s(pid: int) -> float:
    """Return user and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
