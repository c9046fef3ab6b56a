"""Publishes recordings as packets of sensors, in the recording's own time or faster."""

from __future__ import annotations

import heapq
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.clock_sync import ask_kernel
from drsn.agent.acquisition.codecs import Packet, codec, raw
from drsn.agent.mqtt.connect_error import CONNECT_S, require_connection
from drsn.model.errors import UnavailableError
from drsn.model.noise import Noise, add_noise

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    from drsn.agent.mqtt.transport import Transport
    from drsn.model.data.recording import Recording

IN_FLIGHT = 64
"""QoS 1 packets without the broker's confirmation; at this number the replay waits, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How recordings are published."""

    topic: str = "plant/replay/{sensor}/frame"
    codec: str = "frame"
    samples_per_packet: int = 2048
    speed: float = 1.0
    """Relative to the recording's own time; 0: as fast as the broker confirms."""
    snr_db: float | None = None
    noise: Noise = Noise.GAUSSIAN
    seed: int = 0
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet, and when it is due, in seconds since the start."""

    due_s: float
    topic: str
    payload: bytes
    properties: Mapping[str, str] = field(default_factory=dict)
    """MQTT 5 user properties; only the codec `raw` needs them."""


def sensor_id(name: str) -> str:
    """Return a valid sensor id from a recording's name, without a dot: RabbitMQ turns dots of topics into slashes."""
    return re.sub(r"[^A-Za-z0-9_~-]", "-", name).lstrip("._~-")[:64] or "recording"


def frames(recordings: Sequence[Recording], plan: ReplayPlan, start_unix_ns: int) -> Iterator[Frame]:
    """Yield the packets of all recordings in the order in which they are due.

    A remainder shorter than a packet is left out; with `loop` the recordings start again, without end.
    """
    synced = bool(ask_kernel().synchronised)
    streams = [
        _frames_of(recording, plan, start_unix_ns, np.random.default_rng([plan.seed, index]), synced)
        for index, recording in enumerate(recordings)
    ]
    for frame in heapq.merge(*streams, key=lambda frame: frame.due_s):
        yield replace(frame, due_s=frame.due_s / plan.speed if plan.speed else 0.0)


def _frames_of(
    recording: Recording,
    plan: ReplayPlan,
    start_unix_ns: int,
    rng: np.random.Generator,
    synced: bool,  # noqa: FBT001 (passed on)
) -> Iterator[Frame]:
    """Yield the packets of one recording, in its own time; `synced`: the clock that they are stamped by is right."""
    encode = codec(plan.codec).encode
    topic = plan.topic.replace("{sensor}", sensor_id(recording.name))
    n = plan.samples_per_packet
    per_round = recording.n_samples // n
    boot_id = secrets.randbits(31) + 1
    seq = 0
    while per_round and (plan.loop or seq < per_round):
        at = seq % per_round * n
        samples = recording.samples[:, at : at + n]
        if plan.snr_db is not None:
            samples = add_noise(samples, plan.snr_db, plan.noise, rng)
        elapsed_s = seq * n / recording.sample_rate_hz
        packet = Packet(
            samples=samples,
            sample_rate_hz=recording.sample_rate_hz,
            seq=seq % 2**32,
            boot_id=boot_id,
            t0_unix_ns=start_unix_ns + round(elapsed_s * 1e9),
            rpm=recording.rpm,
            clock_synced=synced,
        )
        # A packet is sent when its last sample has been taken.
        due_s = elapsed_s + n / recording.sample_rate_hz
        yield Frame(due_s, topic, encode(packet), raw.properties_of(packet) if plan.codec == "raw" else {})
        seq += 1


def play(
    recordings: Sequence[Recording], plan: ReplayPlan, connection: Transport, stop: threading.Event, where: str = ""
) -> int:
    """Publish every packet when it is due; return how many the broker has confirmed.

    Args:
        recordings: each is a sensor.
        plan: how they are published.
        connection: that was started.
        stop: ends the replay.
        where: host and port of the broker, for errors.

    Raises:
        UnavailableError: no broker, a refused packet, or the connection was lost.
    """
    require_connection(connection, where, stopped=stop.is_set)
    start_s, sent, confirmed = time.monotonic(), 0, 0
    for frame in frames(recordings, plan, time.time_ns()):
        while not stop.is_set():
            confirmed += _confirmed(connection)
            wait_s = start_s + frame.due_s - time.monotonic()
            if wait_s <= 0 and sent - confirmed < IN_FLIGHT:
                break
            stop.wait(min(max(wait_s, 0.001), 0.5))
            if not connection.connected:
                raise _lost(connection, where, confirmed)
        if stop.is_set():
            break
        if connection.publish(frame.topic, frame.payload, qos=1, properties=frame.properties) is None:
            raise _lost(connection, where, confirmed)
        sent += 1
    deadline_s = time.monotonic() + CONNECT_S
    while confirmed < sent and connection.connected and time.monotonic() < deadline_s:
        time.sleep(0.005)
        confirmed += _confirmed(connection)
    if confirmed < sent and not stop.is_set():
        raise UnavailableError(
            f"broker {where}: it has confirmed {confirmed} of {sent} packets, and no more within {CONNECT_S:g} s"
        )
    return confirmed


def _lost(connection: Transport, where: str, confirmed: int) -> UnavailableError:
    why = f": {connection.last_error}" if connection.last_error else ""
    return UnavailableError(f"broker {where}: connection lost after {confirmed} confirmed packets{why}; start it again")


def _confirmed(connection: Transport) -> int:
    count = 0
    while connection.confirmations:
        confirmation = connection.confirmations.popleft()
        if confirmation.refused is not None:
            raise UnavailableError(f"broker refuses the packet: {confirmation.refused}; may this user publish there?")
        count += 1
    return count
