"""The way of one packet from the socket to a complete window, step by step: time, Python calls, memory.

A packet holds one window: 2,048 float32 samples of one channel, at QoS 1 over MQTT 5. The socket is real, on loopback;
its other end is a few lines that answer CONNECT, because a broker would take its own share of the two cores.
`calls`: Python and C functions that one packet calls. `bytes`: the most memory that the step takes at one moment.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import threading
import time
import tracemalloc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import paho.mqtt.client as paho
from _report import report
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from drsn.agent.acquisition.ack_tracker import AckTracker, InFlight
from drsn.agent.acquisition.codecs import CODECS, Packet, PayloadFormat, codec, raw
from drsn.agent.acquisition.inbox import Inbox
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Message, ack_all
from drsn.agent.mqtt.session import Session, SessionEvents, open_session
from drsn.agent.mqtt.topics import TopicPattern
from drsn.model.contract import Label, ModelContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW, RATE_HZ = 2048, 12_000.0
ROUNDS, BATCH = 41, 48
"""Rounds of each measurement, and packets of a round: they fit into the buffers of a socket."""

CONTRACT = ModelContract(
    labels=(Label(name="ok", condition="normal", healthy=True), Label(name="ball", condition="ball")),
    window=WINDOW,
    sample_rate_hz=RATE_HZ,
    bandwidth_hz=5_300.0,
)
CONNACK = bytes([0x20, 3, 0, 0, 0])
SAMPLES = np.random.default_rng(1).standard_normal((1, WINDOW)).astype(np.float32)


class Step(NamedTuple):
    """One step: `prepare` makes the arguments of a round, `run` is measured and takes them all."""

    name: str
    prepare: Callable[[], list[object]]
    run: Callable[[list[object]], object]


def publish_packet(mid: int, payload: bytes, properties: dict[str, str]) -> bytes:
    """One PUBLISH of MQTT 5 at QoS 1."""
    pairs = b"".join(b"\x26" + _text(name) + _text(value) for name, value in properties.items())
    body = _text("plant/press4/raw") + mid.to_bytes(2, "big") + bytes([len(pairs)]) + pairs + payload
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes([0x32]) + bytes(length) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


@contextmanager
def line() -> Iterator[tuple[int, list[socket.socket]]]:
    """Port of a listener that answers CONNECT; and a list that takes its end of the connection."""
    ends: list[socket.socket] = []

    def accept() -> None:
        end, _ = listener.accept()
        end.recv(4096)
        end.sendall(CONNACK)
        ends.append(end)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1], ends
        for end in ends:
            end.close()


def bare_client(port: int, received: Callable[[], object]) -> paho.Client:
    """A client as a short script has it."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    client.on_message = lambda _client, _data, _message: received()
    client.connect("127.0.0.1", port)
    return client


def agent_session(port: int, received: Callable[[Message], None]) -> tuple[Session, paho.Client]:
    """The session of the agent, and its client, which a test may turn by hand."""
    options = ConnectionOptions("ingest", "bench", ("plant/+/raw",), receive_maximum=20_000, max_payload_bytes=1 << 20)
    events = SessionEvents(
        accepted=lambda _session: None,
        refused=lambda _code, _reason: None,
        lost=lambda _code, _reason: None,
        confirmed=lambda _confirmation: None,
        changed=lambda: None,
        received=received,
    )
    session = open_session(BrokerAddress("127.0.0.1", port), options, events, epoch=1, protocol="5")
    return session, session._client  # noqa: SLF001 (nothing else turns it)


def network_steps(name: str, packet: bytes, opened: paho.Client, end: socket.socket, count: list[int]) -> Step:
    """From the socket to the callback, as paho's network thread does it."""

    def prepare() -> list[object]:
        end.sendall(packet * BATCH)
        count[0] = 0
        return [None] * BATCH

    def run(_: list[object]) -> None:
        while count[0] < BATCH:
            opened.loop(1.0)

    return Step(name, prepare, run)


def ack_step(client: paho.Client, end: socket.socket, messages: list[Message]) -> Step:
    """Acknowledge all messages of a round, and write the acknowledgements."""

    def prepare() -> list[object]:
        end.setblocking(False)
        with suppress(BlockingIOError):
            while end.recv(1 << 20):
                pass
        end.setblocking(True)
        return list(messages[:BATCH])

    def run(batch: list[object]) -> None:
        ack_all(batch)  # type: ignore[arg-type]  # a step passes on what `prepare` gave
        client.loop_write()

    return Step("acknowledge and write", prepare, run)


class Packets:
    """Messages with one packet each, whose `seq` rises from round to round."""

    def __init__(self) -> None:
        self._seq = 0

    def make(self, part: int = WINDOW) -> list[object]:
        """One round of messages, each with the first `part` samples of the window, as frames."""
        made: list[object] = []
        for _ in range(BATCH):
            self._seq += 1
            packet = Packet(SAMPLES[:, :part], sample_rate_hz=RATE_HZ, seq=self._seq, boot_id=1)
            made.append(Message("plant/press4/raw", codec("frame").encode(packet), 1, False, 0.0, 1))
        return made


def inbox_steps(packets: Packets) -> list[Step]:
    """What a message costs between the two threads."""
    inbox, tracker = Inbox(4 * BATCH), AckTracker()

    def put(batch: list[object]) -> None:
        for message in batch:
            inbox.put(message)  # type: ignore[arg-type]

    def fill() -> list[object]:
        batch = packets.make()
        put(batch)
        return batch

    def empty() -> list[object]:
        inbox.take(4 * BATCH, 0.0)
        return packets.make()

    def track(batch: list[object]) -> None:
        for message in batch:
            tracker.open(message, 0.0).read = True  # type: ignore[arg-type]
        tracker.settle()

    return [
        Step("inbox: put", empty, put),
        Step("inbox: take", fill, lambda _batch: inbox.take(BATCH, 0.0)),
        Step("tracker: open and settle", packets.make, track),
    ]


def intake_steps(packets: Packets) -> list[Step]:
    """What the main thread does with a message until the window is complete, decoding included."""

    def intake(hop: float = 1.0) -> Callable[[list[object]], None]:
        pattern = TopicPattern("plant/{machine}/raw", "{machine}")
        entry = Input(pattern, "frame", PayloadFormat(), None, (), hop, continuous=False, max_packet_bytes=1 << 20)
        reader = Intake(CONTRACT, (entry,), 4, {})

        def run(batch: list[object]) -> None:
            for message in batch:
                reader.receive(message, InFlight(message, 0.0), lambda _sensor, _window: None)  # type: ignore[arg-type]

        return run

    return [
        Step("intake: packet of one window", packets.make, intake()),
        Step("intake: packet of one window, hop 1/4", packets.make, intake(0.25)),
        Step("intake: packet of 1/8 window", lambda: packets.make(WINDOW // 8), intake()),
    ]


def codec_steps() -> list[Step]:
    """Decode one packet as each codec encodes it, and a JSON document with the parser alone."""
    packet = Packet(SAMPLES, sample_rate_hz=RATE_HZ, seq=1, boot_id=1)
    properties = raw.properties_of(packet)
    steps = []
    for name in CODECS:
        payload = codec(name).encode(packet)
        steps.append(_decoding(f"decode {name}", name, payload, properties if name == "raw" else {}))
        if name == "json":
            five = {"sample_rate_hz": RATE_HZ, "seq": 1, "samples": [float(f"{v:.5g}") for v in SAMPLES[0]]}
            short = json.dumps(five).encode()
            steps.append(_decoding("decode json, 5 digits", name, short, {}))
            steps.append(_parsing("json alone, 5 digits: json", json.loads, short))
            try:
                import orjson  # noqa: PLC0415 (optional)
            except ImportError:
                continue
            steps.append(_parsing("json alone, 5 digits: orjson", orjson.loads, short))
            steps.append(
                _parsing(
                    "orjson and np.array, 5 digits",
                    lambda text: np.array(orjson.loads(text)["samples"], np.float32),
                    short,
                )
            )
    return steps


def _decoding(title: str, name: str, payload: bytes, properties: dict[str, str]) -> Step:
    decode, form = codec(name).decode, PayloadFormat()

    def run(batch: list[object]) -> None:
        for each in batch:
            decode(each, properties, form)  # type: ignore[arg-type]

    return Step(title, lambda: [payload] * BATCH, run)


def _parsing(title: str, parse: Callable[[bytes], object], payload: bytes) -> Step:
    def run(batch: list[object]) -> None:
        for each in batch:
            parse(each)  # type: ignore[arg-type]

    return Step(title, lambda: [payload] * BATCH, run)


def measure(step: Step) -> list[object]:
    """Name, microseconds a packet (median, least), functions called, most bytes at one moment."""
    rounds = []
    for _ in range(ROUNDS):
        batch = step.prepare()
        started_s = time.thread_time()
        step.run(batch)
        rounds.append((time.thread_time() - started_s) / BATCH * 1e6)
    return [step.name, statistics.median(rounds), min(rounds), _calls(step), _peak_bytes(step)]


def _calls(step: Step) -> float:
    calls = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    batch = step.prepare()
    sys.setprofile(count)
    step.run(batch)
    sys.setprofile(None)
    return calls / BATCH


def _peak_bytes(step: Step) -> float:
    batch = step.prepare()
    tracemalloc.start()
    step.run(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / BATCH


def socket_steps(name: str, packet: bytes) -> Iterator[list[object]]:
    """Rows of the network thread: paho alone, the agent's session, and the acknowledgements."""
    count = [0]

    def received(_message: object = None) -> None:
        count[0] += 1

    with line() as (port, ends):
        client = bare_client(port, received)
        client.loop(1.0)
        yield measure(network_steps(f"paho alone: {name}", packet, client, ends[0], count))
        client.disconnect()
    messages: list[Message] = []

    def kept(message: Message) -> None:
        received()
        messages.append(message)

    with line() as (port, ends):
        session, client = agent_session(port, kept)
        while not session.connected:
            client.loop(1.0)
        yield measure(network_steps(f"session: {name}", packet, client, ends[0], count))
        yield measure(ack_step(client, ends[0], messages))
        client.disconnect()


def main() -> None:
    """Measure and report."""
    packet = Packet(SAMPLES, sample_rate_hz=RATE_HZ, seq=1, boot_id=1, t0_unix_ns=1_767_225_600_000_000_000)
    frame = publish_packet(7, codec("frame").encode(packet), {})
    bare = publish_packet(7, raw.encode(packet), raw.properties_of(packet))
    rows = [*socket_steps("frame", frame), *socket_steps("raw, 3 properties", bare)]
    packets = Packets()
    rows += [measure(step) for step in [*inbox_steps(packets), *intake_steps(packets), *codec_steps()]]
    report("receive", ["step", "us", "least", "calls", "bytes"], rows)


if __name__ == "__main__":
    main()
