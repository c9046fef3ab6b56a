"""Everything that reads bytes from outside, as one function each: it returns, or a promise is broken and it raises."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import struct
import tempfile
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from fuzz.commanded import Commanded, Plant, message_of, planted
from fuzz.commanded import seeds as commands
from fuzz.grammar import ENCODERS, Bytes, document
from fuzz.seeds import CONTRACT, SEEDS

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import CODECS, Packet, PacketError, PayloadFormat, codec, decoder
from drsn.agent.acquisition.codecs.packet import MAX_U32
from drsn.agent.acquisition.codecs.sparkplug import SparkplugDecoder
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import read_sidecar, sidecar_path
from drsn.agent.evidence.json_form import read as read_evidence
from drsn.agent.evidence.json_form import to_message
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.certificate_expiry import expiry_warnings
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.settings.loader import read_settings
from drsn.agent.tools.alarm_tests.case_file import read as read_cases
from drsn.model.bundle import Bundle, open_bundle
from drsn.model.contract import Manifest
from drsn.model.errors import BadDataError, BundleError, ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.acquisition.sensor_stream import Window

FOLDER = Path(tempfile.mkdtemp(prefix="drsn-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


@dataclass(frozen=True)
class Target:
    """One reader."""

    run: Callable[[bytes], None]
    inputs: int = 1_000_000
    """Of a campaign."""
    seeds: tuple[bytes, ...] = ()


def payload_format_of(choice: int) -> PayloadFormat:
    return PayloadFormat(
        dtype=("f32", "i16", "i32", "f32")[choice & 3],
        channels=1 + (choice >> 2) % 3,
        planar=bool(choice & 16),
        scale=(1.0, -0.5)[choice >> 5 & 1],
    )


def check(packet: Packet) -> None:
    """Assert what holds for every packet."""
    assert packet.samples.dtype == np.float32
    assert packet.samples.ndim == 2
    assert packet.samples.size
    assert packet.samples.flags.c_contiguous
    assert np.isfinite(packet.samples).all()
    assert packet.sample_rate_hz is None or 0 < packet.sample_rate_hz < np.inf
    assert packet.rpm is None or 0 <= packet.rpm < np.inf
    assert packet.seq is None or 0 <= packet.seq <= MAX_U32
    assert 0 <= packet.boot_id <= MAX_U32
    assert packet.t0_unix_ns is None or 0 <= packet.t0_unix_ns < 2**64
    (packet.unit or "").encode()


def one_line(error: Exception, at_most: int = 250) -> None:
    """What a person reads."""
    text = str(error)
    assert len(text) < at_most
    text.encode()


@contextmanager
def told(kind: type[Exception], at_most: int = 1000) -> Iterator[None]:
    """The error of a person's file, on one line."""
    try:
        yield
    except kind as error:
        one_line(error, at_most)


def packet_reader(name: str) -> Callable[[bytes], None]:
    """A reader of one codec. Its first byte has the payload format, and tells a payload from the plan of one."""
    one = codec(name)

    def run(data: bytes) -> None:
        choice, payload = data[0] if data else 0, data[1:]
        properties: dict[str, str] = {}
        if name == "raw":
            payload, *texts = payload.split(b"|")
            properties = dict(zip(("seq", "boot_id", "t0_unix_ns"), (t.decode("latin-1") for t in texts), strict=False))
        elif choice & 64 and name == "frame":
            payload = sealed(payload)
        elif choice & 64:
            try:
                payload = ENCODERS[name](document(Bytes(payload)))
            except (OverflowError, ValueError):  # MessagePack has no integers beyond 64 bits
                return
        try:
            packet = one.decode(payload, properties, payload_format_of(choice))
        except PacketError as error:
            one_line(error)
            return
        check(packet)
        if name not in ("raw", "frame"):  # all of their fields are in the payload
            again = one.decode(one.encode(packet), {}, PayloadFormat(channels=len(packet.samples)))
            assert np.array_equal(again.samples, packet.samples)
            assert dataclasses.replace(again, samples=0, t0_unix_ns=0) == dataclasses.replace(
                packet, samples=0, t0_unix_ns=0
            )

    return run


PLACES = ("x", "value", "Messages[0].Payload.*.Value", "Messages[0].Payload.x")


def other_format(choice: int) -> PayloadFormat:
    """What an input states about the payloads of other products."""
    names = ("x", "y") if choice & 8 else ()
    return PayloadFormat(
        channels=len(names) or 1,
        channel_names=names,
        fields={} if names else {"samples": PLACES[choice >> 4 & 3], "seq": "Messages[0].SequenceNumber"},
        t0_unit=("s", "ms", "us", "ns")[choice & 3],
        time_zone="UTC" if choice & 4 else None,
    )


def other_reader(name: str) -> Callable[[bytes], None]:
    """A reader of a codec that is only read. The first byte has the payload format."""
    decode = decoder(name).decode

    def run(data: bytes) -> None:
        try:
            packet = decode(data[1:], {}, other_format(data[0] if data else 0))
        except PacketError as error:
            one_line(error)
            return
        check(packet)

    return run


def sparkplug(data: bytes) -> None:
    """Several messages of one edge node and its device: births, data, deaths, in any order."""
    kinds = ("NBIRTH/gw", "DBIRTH/gw/a", "DDATA/gw/a", "NDATA/gw", "DDEATH/gw/a", "NDEATH/gw", "STATE/gw", "DDATA/gw/b")
    reader = SparkplugDecoder(lambda: 7)
    for part in data.split(b"\xff\xfe")[:6]:
        choice = part[0] if part else 0
        form = dataclasses.replace(other_format(choice >> 3 << 3), t0_unit="ms")
        try:
            packet = reader.decode(f"spBv1.0/hall/{kinds[choice & 7]}", part[1:], form)
        except PacketError as error:
            one_line(error)
            continue
        if packet is not None:
            check(packet)


def sealed(payload: bytes) -> bytes:
    """A frame whose magic, length and crc are right: only its fields can be wrong."""
    head, body = bytearray(payload[:44].ljust(44, b"\0")), payload[44:]
    head[:5] = b"DRSN\1"
    n = len(body) // max(1, head[6] * (2 if head[5] == 0 else 4))
    head[8:12] = struct.pack("<I", n)
    return bytes(head) + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body


def check_window(sensor: str, window: Window) -> None:
    """Assert what holds for every window."""
    assert sensor
    assert np.isfinite(window.samples).all()


def intake(data: bytes) -> None:
    """Several messages of one sensor with their topics: routing, codecs, continuity, rings."""
    entry = Input(
        TopicPattern("plant/{m}/frame", "{m}"), "frame", PayloadFormat(), None, ("x", "y"), 0.5, False, 1 << 12
    )
    mono = dataclasses.replace(entry, pattern=TopicPattern("plant/{m}/mono", "{m}"), channels=())
    reader = Intake(CONTRACT, (entry, mono), 3, {})
    for number, part in enumerate(data.split(b"\xff\xfe")[:6]):
        topic, _, payload = part.partition(b"\n")
        with suppress(UnicodeDecodeError):
            message = Message(topic.decode(), sealed(payload), 1, False, 0.0, number * 10**9)
            try:
                reader.receive(message, InFlight(message), check_window)
            except PacketError as error:
                reader.watch.refuse(error.sensors or (message.topic,), error.reason, 0)
                assert reader.watch.not_watched() or reader.registry.streams, "what is refused is named"
    reader.watch.sweep(reader.registry.streams, 0.0, 0, connected=True)
    listed = {each.source for each in reader.watch.not_watched()}
    assert all(stream.progress.windows or name in listed for name, stream in reader.registry.streams.items())


def in_file(name: str, data: bytes) -> Path:
    path = FOLDER / f"{os.getpid()}-{name}"
    path.write_bytes(data)
    return path


def manifest(data: bytes) -> None:
    with told(BundleError):
        assert isinstance(open_bundle(_folder(data)), Bundle)


def _folder(data: bytes) -> Path:
    folder = FOLDER / f"{os.getpid()}-bundle"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(data)
    return folder


def zipped(data: bytes) -> None:
    with told(BundleError):
        open_bundle(in_file("bundle.zip", data))


def golden(data: bytes) -> None:
    """An .npz of a bundle; its hash was right, so it is what its maker made of it."""
    made = Manifest(name="b", version="1", created="now", contract=CONTRACT, files={})
    with told(BundleError):
        Bundle(Path("b"), "0" * 64, made, {"golden.npz": data}).golden()


def settings(data: bytes) -> None:
    """TOML; then lines NAME=value for the environment, or section.key=value for --set."""
    text, *lines = data.split(b"\0")
    variables, overrides = {}, []
    for line in lines:
        name, equals, value = line.decode("utf-8", "replace").partition("=")
        if name.upper().startswith("DRSN_AGENT__") and equals and name.isprintable():
            variables[name] = value
        else:
            overrides.append(f"{name}{equals}{value}")
    with suppress(ValueError, OSError, UnicodeError):  # what no environment can hold
        os.environ.update(variables)
    try:
        read_settings(in_file("agent.toml", text), overrides)
    except (ConfigurationError, UsageError) as error:
        one_line(error, 10_000)  # each of its mistakes
    finally:
        for name in variables:
            os.environ.pop(name, None)


def command(data: bytes) -> None:
    """Several commands to one agent, verb and all: read, done, answered; none to its general net."""
    agent = Commanded(_plant())
    with unlogged():
        for part in data.split(b"\xff\xfe")[:6]:
            agent.hear(message_of(part))


@contextmanager
def unlogged() -> Iterator[None]:
    """A million refusals."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@functools.cache
def _plant() -> Plant:
    return planted(FOLDER / "desk")


def evidence(data: bytes) -> None:
    with told(BadDataError):
        to_message(read_evidence(data))


def sidecar(data: bytes) -> None:
    with suppress(ValueError):
        parse_header(data)
    path = in_file("engine.plan", b"")
    sidecar_path(path).write_bytes(data)
    with told(BundleError):
        read_sidecar(path)


def certificate(data: bytes) -> None:
    """Certificate of the broker, as it showed it: a warning or none, never an error."""
    lines = expiry_warnings(BrokerAddress("b", 8883, tls=True), data, 0.0)
    assert all(len(line) < 1000 for line in lines)


def cases(data: bytes) -> None:
    with told(ConfigurationError, 10_000):
        read_cases(in_file("cases.toml", data))


TARGETS: dict[str, Target] = {name: Target(packet_reader(name), seeds=SEEDS[name]) for name in CODECS} | {
    "influx": Target(other_reader("influx"), seeds=SEEDS["influx"]),
    "senml": Target(other_reader("senml"), seeds=SEEDS["senml"]),
    "opcua": Target(other_reader("opcua"), seeds=SEEDS["opcua"]),
    "sparkplug": Target(sparkplug, seeds=SEEDS["sparkplug"]),
    "intake": Target(intake, seeds=SEEDS["intake"]),
    "manifest": Target(manifest, seeds=SEEDS["manifest"]),
    "zip": Target(zipped, seeds=SEEDS["zip"]),
    "golden": Target(golden, seeds=SEEDS["golden"]),
    "settings": Target(settings, seeds=SEEDS["settings"]),
    "command": Target(command, seeds=commands()),
    "evidence": Target(evidence, seeds=SEEDS["evidence"]),
    "sidecar": Target(sidecar, seeds=SEEDS["sidecar"]),
    "certificate": Target(certificate, seeds=SEEDS["certificate"]),
    "cases": Target(cases, seeds=SEEDS["cases"]),
}
