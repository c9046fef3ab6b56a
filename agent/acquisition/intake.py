"""From a message to windows: topic, codec, sensor, continuity, ring. Refuses what can't be used, never raises else."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import Format, Packet, PacketError, Reason, codec
from drsn.agent.acquisition.continuity import Continuity
from drsn.agent.acquisition.memory_quota import MemoryQuota, most_bytes
from drsn.agent.acquisition.ring_buffer import BYTES_A_SAMPLE
from drsn.agent.acquisition.sensor_quota import SensorQuota
from drsn.agent.acquisition.sensor_stream import SensorStream, Window
from drsn.agent.mqtt.topics import TopicPattern, legal_sensor
from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.mqtt.message import Message
    from drsn.agent.observability.metrics import Metrics
    from drsn.model.contract import ModelContract

NS = 1_000_000_000

RINGS_BYTES = 32 << 20
"""Of rings, at least: of 24 sensors at 1 MHz and 12 kHz of the bundle."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Input:
    """One family of topics, ready to use."""

    pattern: TopicPattern
    codec: str
    form: Format
    sample_rate_hz: float | None
    channels: tuple[str, ...]
    hop_windows: float
    continuous: bool
    max_packet_bytes: int


def _names(entry: Input, sensor: str) -> tuple[str, ...]:
    """The sensors of one topic: with named channels, each channel is one."""
    return tuple(f"{sensor}-{channel}" for channel in entry.channels) or (sensor,)


def _decoded(entry: Input, message: Message, throttle: Throttle) -> Packet:
    try:
        return codec(entry.codec).decode(message.payload, message.properties, entry.form)
    except PacketError:
        raise
    except Exception as error:
        # A stranger's bytes found a hole in a codec: our fault, but no reason to leave the other sensors unwatched.
        if throttle.held_back(entry.codec, message.received_s) is not None:
            log.exception("codec failed", extra=fields(codec=entry.codec, topic=message.topic))
        raise PacketError(Reason.INTERNAL, f"codec {entry.codec}: {error!r}"[:200]) from error


class Intake:
    """Knows the inputs and the stream of each sensor.

    Args:
        contract: of the model that the windows are for.
        inputs: in order; the first whose pattern fits a topic reads it.
        max_sensors: a packet of one more is refused.
        cursors: sensor -> how far an earlier run had read.
        metrics: gaps are counted here.
        known: sensors with a place of their own from an earlier run, heard or not.
        max_age_s: packets older than this are not diagnosed; 0: all are.
        clock_right: whether our clock is, of the monotonic time.
    """

    def __init__(
        self,
        contract: ModelContract,
        inputs: tuple[Input, ...],
        max_sensors: int,
        cursors: Mapping[str, Cursor],
        metrics: Metrics,
        known: Iterable[str] = (),
        max_age_s: float = 0.0,
        clock_right: Callable[[float], bool] = lambda _now_s: False,
    ) -> None:
        self._contract = contract
        self._inputs = inputs
        self._max_sensors = max_sensors
        self._places = SensorQuota(max_sensors, known)
        self._max_age_s = max_age_s
        self._clock_right = clock_right
        self._cursors = dict(cursors)
        self._lost_samples = 0  # of streams that are gone
        self._metrics = metrics
        self._throttle = Throttle()
        self._streams: dict[str, SensorStream] = {}
        self._rings = MemoryQuota(most_bytes(contract, max_sensors, BYTES_A_SAMPLE, RINGS_BYTES), self._let_go)
        self._routes: dict[str, tuple[Input, str]] = {}
        self._topic_of: dict[str, str] = {}

    @property
    def sensors(self) -> int:
        """Sensors that have been heard since the start."""
        return len(self._streams)

    @property
    def lost_samples(self) -> int:
        """Samples that no window will hold."""
        return self._lost_samples + sum(stream.lost_samples for stream in self._streams.values())

    def windows(self, message: Message, receipt: InFlight) -> Iterator[tuple[str, Window]]:
        """Yield (sensor, window) for each window that the message completes; run it to its end.

        Raises:
            PacketError: the message is refused; no sample of it was read.
        """
        entry, sensor = self._route(message)
        try:
            parts, rate = self._read(entry, sensor, message)
            streams = self._streams_of(entry, [name for name, _ in parts], receipt.opened_s)
            verdicts = [stream.judge(part, rate) for stream, (_, part) in zip(streams, parts, strict=True)]
        except PacketError as error:
            error.sensors = _names(entry, sensor)
            raise
        receipt.duplicate = all(verdict is Continuity.DUPLICATE for verdict in verdicts)
        receipt.stale = not receipt.duplicate and self._stale(message, receipt.opened_s, parts[0][1], rate)
        if receipt.stale:
            return
        for stream, (name, part), verdict in zip(streams, parts, verdicts, strict=True):
            if verdict is Continuity.DUPLICATE:
                continue
            self._streams[name] = stream
            self._places.take(name, receipt.opened_s)
            self._metrics.gaps += verdict.resets_votes
            for window in stream.push(part, rate, verdict, message.received_unix_ns):
                self._places.prove(name)
                yield name, window
            if stream.cursor is not None:
                receipt.cursors[name] = stream.cursor
            if stream.ring_bytes != self._rings.of(name) and not self._rings.take(name, stream.ring_bytes):
                self._let_go(name)

    def forget(self, sensor: str) -> None:
        """Let go of a sensor's stream, cursor and place; if it publishes again it is a new one."""
        stream = self._streams.pop(sensor, None)
        self._lost_samples += stream.lost_samples if stream else 0
        self._cursors.pop(sensor, None)
        self._rings.leave(sensor)
        self._places.leave(sensor)

    def rewind(self, cursors: Mapping[str, Cursor]) -> None:
        """Go on from these cursors: what was read since comes again, and is read again."""
        self._lost_samples = self.lost_samples
        self._streams.clear()
        self._rings.clear()
        self._cursors = dict(cursors)

    def _let_go(self, sensor: str) -> None:
        """No room for its ring: it is read packet by packet, and what fills no window there is lost, and counted."""
        stream = self._streams[sensor]
        waiting = stream.let_go()
        if waiting and (held := self._throttle.held_back("ring", time.monotonic())) is not None:
            log.warning("no memory for what waits between packets: samples lost; send whole windows in each packet, "
                        "at a lower rate, or raise agent.max_sensors",
                        extra=fields(sensor=sensor, samples=waiting, more_like_it=held))  # fmt: skip

    def _stale(self, message: Message, now_s: float, packet: Packet, rate: float) -> bool:
        """Whether its last sample is too old to be of use.

        Its time counts if both its clock and ours are kept right. Else nobody knows how long the broker had it: MQTT
        tells no time of publishing, so that its age is what it has waited here.
        """
        age_s = max(0.0, now_s - message.received_s)
        if packet.t0_unix_ns is not None and packet.clock_synced and self._clock_right(now_s):
            end_unix_ns = packet.t0_unix_ns + packet.samples.shape[1] * 1e9 / rate
            age_s += (message.received_unix_ns - end_unix_ns) / NS
        return 0 < self._max_age_s < age_s

    def _read(self, entry: Input, sensor: str, message: Message) -> tuple[list[tuple[str, Packet]], float]:
        """One packet for each sensor, and the rate of their samples."""
        packet = _decoded(entry, message, self._throttle)
        rate = packet.sample_rate_hz or entry.sample_rate_hz
        if rate is None:
            raise PacketError(Reason.WRONG_RATE, "the packet has no sample rate, and its input sets no sample_rate_hz")
        return self._split(entry, sensor, packet), rate

    def _route(self, message: Message) -> tuple[Input, str]:
        if message.retained:
            raise PacketError(Reason.RETAINED, "a retained packet is old; publish samples without retain")
        route = self._routes.get(message.topic)
        if route is None:
            route = self._find(message.topic)
            if len(self._routes) >= 4 * self._max_sensors:
                self._routes.clear()  # a flood of topics must not fill the memory
            self._routes[message.topic] = route
            self._say_if_shared(route[1], message)
        entry, sensor = route
        if len(message.payload) > entry.max_packet_bytes:
            raise PacketError(
                Reason.TOO_LARGE,
                f"{len(message.payload)} bytes, max_packet_bytes is {entry.max_packet_bytes}",
            )
        if not message.payload:
            raise PacketError(Reason.EMPTY, "no bytes")
        return entry, sensor

    def _say_if_shared(self, sensor: str, message: Message) -> None:
        """Two topics under one id look like one sensor that loses packets all the time."""
        if len(self._topic_of) >= 4 * self._max_sensors:
            self._topic_of.clear()
        known = self._topic_of.setdefault(sensor, message.topic)
        if known != message.topic and self._throttle.held_back(("shared", sensor), message.received_s) is not None:
            log.warning("two topics become one sensor; make its id tell them apart",
                        extra=fields(sensor=sensor, topic=message.topic, other=known))  # fmt: skip

    def _find(self, topic: str) -> tuple[Input, str]:
        for entry in self._inputs:
            sensor = entry.pattern.sensor_of(topic)
            if sensor is None:
                continue
            names = _names(entry, sensor)
            if not all(legal_sensor(name) for name in names):
                raise PacketError(
                    Reason.ILLEGAL_SENSOR, f"{names[0][:80]!r} is no sensor id ([A-Za-z0-9._~-], at most 64)"
                )
            if len(topic) > entry.pattern.max_chars:
                raise PacketError(
                    Reason.UNKNOWN_TOPIC,
                    f"longer than the {entry.pattern.max_chars} characters of a topic like {entry.pattern.topic!r}",
                )
            return entry, sensor
        raise PacketError(Reason.UNKNOWN_TOPIC, f"no input has a topic like {topic[:120]!r}")

    def _split(self, entry: Input, sensor: str, packet: Packet) -> list[tuple[str, Packet]]:
        """One packet per sensor: with named channels, each channel is a sensor `<sensor>-<channel>`."""
        if not entry.channels:
            return [(sensor, packet)]
        if packet.samples.shape[0] != len(entry.channels):
            raise PacketError(
                Reason.WRONG_CHANNELS,
                f"{packet.samples.shape[0]} channels, the input names {len(entry.channels)}",
            )
        return [(name, packet.only(row)) for row, name in enumerate(_names(entry, sensor))]

    def _streams_of(self, entry: Input, names: list[str], now_s: float) -> list[SensorStream]:
        """Known streams, or new ones that are not kept yet: a refused packet must not use up a place."""
        if self._places.stranger(names) is not None:
            for gone in self._places.clear(now_s):
                log.warning("sensor never brought a whole window; its place is free", extra=fields(sensor=gone))
                self.forget(gone)
        if (stranger := self._places.stranger(names)) is not None:
            raise PacketError(Reason.TOO_MANY_SENSORS, f"max_sensors is {self._max_sensors}; refused {stranger!r}")
        return [
            self._streams.get(name)
            or SensorStream(
                self._contract,
                hop_windows=entry.hop_windows,
                continuous=entry.continuous,
                cursor=self._cursors.get(name),
            )
            for name in names
        ]
