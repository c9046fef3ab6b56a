"""From a message to windows: route, decode, check continuity, join in a ring. An unusable message is refused."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import Packet, PacketError, Reason, decoder
from drsn.agent.acquisition.compression import COMPRESSED, decompressed
from drsn.agent.acquisition.continuity import Continuity
from drsn.agent.acquisition.encoding_watch import EncodingWatch, doubt_of
from drsn.agent.acquisition.not_watched import TOO_OLD
from drsn.agent.acquisition.notice import ERROR, Notice, Notices
from drsn.agent.acquisition.plausible_time import WrongClocks, plausible
from drsn.agent.acquisition.router import Input, Route, Router
from drsn.agent.acquisition.sample_rate import declared_rate_hz
from drsn.agent.acquisition.sensor_registry import RINGS_BYTES, SensorRegistry
from drsn.agent.acquisition.source_watch import SourceWatch
from drsn.agent.acquisition.tachometer import rpm_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from drsn.agent.acquisition.ack_tracker import InFlight
    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

NS = 1_000_000_000

ROUTES_PER_SENSOR = 4
"""Topics whose route is cached, for each sensor that is allowed."""


class Intake:
    """Reads messages and hands over the windows that they complete.

    Args:
        contract: contract of the model that the windows are for.
        inputs: in order; the first one whose pattern fits a topic reads it.
        max_sensors: a packet of one more sensor is refused.
        cursors: sensor -> how far an earlier run read its stream.
        known: sensors that an earlier run confirmed; they have a place whether they send or not.
        max_age_s: packets older than this are not diagnosed; 0: all are.
        clock_synchronised: takes the monotonic time; whether this machine's clock is right.
        least_ring_bytes: memory for the rings of all sensors, however few are allowed.
    """

    def __init__(
        self,
        contract: ModelContract,
        inputs: tuple[Input, ...],
        max_sensors: int,
        cursors: Mapping[str, Cursor],
        known: Iterable[str] = (),
        max_age_s: float = 0.0,
        clock_synchronised: Callable[[float], bool] = lambda _now_s: False,
        least_ring_bytes: int = RINGS_BYTES,
    ) -> None:
        self.gaps = 0
        """Gaps and restarts in the streams of all sensors since the start."""
        self.max_age_s = max_age_s
        self.clock_synchronised = clock_synchronised
        self.watch = SourceWatch()
        """Which sources are watched; an agent with sensors of an earlier run replaces it."""
        self.wrong_clocks = WrongClocks()
        self._notices = Notices()
        self._encodings = EncodingWatch(self._notices, max_sensors)
        self._router = Router(inputs, ROUTES_PER_SENSOR * max_sensors, self._notices)
        self.registry = SensorRegistry(contract, max_sensors, cursors, known, least_ring_bytes, self._notices)

    @property
    def sensors(self) -> int:
        """Sensors with an accepted packet since the start."""
        return len(self.registry)

    @property
    def lost_samples(self) -> int:
        """Samples that no window will hold."""
        return self.registry.lost_samples

    def route(self, message: Message) -> Route:
        """The inputs that read a message, and the sensor of each, as `Router.route`."""
        return self._router.route(message)

    def forget(self, sensor: str) -> None:
        """Remove a sensor's stream, cursor and place; if it publishes again it is a new one."""
        self.registry.forget(sensor)
        self._encodings.forget(sensor)
        self.watch.forget(sensor)

    def rewind(self, cursors: Mapping[str, Cursor]) -> None:
        """Continue from these cursors: packets read since then come again, and are read again."""
        self.registry.rewind(cursors)

    def take_notices(self) -> list[Notice]:
        """Return the warnings since the last call, oldest first, and empty the list."""
        return self._notices.take()

    def receive(self, message: Message, in_flight: InFlight, on_window: Callable[[str, Window], None]) -> None:
        """Read a message and call `on_window` for each window that it completes.

        Args:
            message: the message.
            in_flight: its packet; takes the new cursors, and whether it is a duplicate, stale or of another shard.
            on_window: takes the sensor's id and the window, whose samples are a view that is valid during the call.

        Raises:
            PacketError: the message is refused; no sample of it was read.
        """
        route = self._router.route(message)
        if not route:
            in_flight.other_shard = True
            return
        if not route[1:]:  # by far the most are of one input
            in_flight.duplicate, in_flight.stale = self._receive(route[0], message, in_flight, on_window)
            return
        found: list[tuple[bool, bool]] = []
        for one in route:
            try:
                found.append(self._receive(one, message, in_flight, on_window))
            except PacketError as error:  # noqa: PERF203 (one input must not keep another from reading)
                in_flight.partly_refused.append(error)
        if not found:
            raise in_flight.partly_refused.pop(0)
        in_flight.duplicate = all(duplicate for duplicate, _ in found)
        in_flight.stale = not in_flight.duplicate and all(duplicate or stale for duplicate, stale in found)

    def _receive(
        self,
        one: tuple[Input, str, tuple[str, ...]],
        message: Message,
        in_flight: InFlight,
        on_window: Callable[[str, Window], None],
    ) -> tuple[bool, bool]:
        """Read a message as one input describes it; return whether its packet is a duplicate, and is stale."""
        entry, sensor, sensors = one
        try:
            packets, rate_hz = self.read(entry, sensor, message)
            if not packets:
                return False, False
            if not entry.channels and (window := self._next_window(sensor, packets[0], rate_hz, in_flight)):
                on_window(sensor, window)
                return False, False
            streams = self.registry.streams_of(entry, sensors, in_flight.opened_s)
            continuities = [each.continuity_of(packet, rate_hz) for each, packet in zip(streams, packets, strict=True)]
        except PacketError as error:
            error.sensors = sensors
            raise
        duplicate = continuities.count(Continuity.DUPLICATE) == len(continuities)
        if not duplicate and self._stale(message, in_flight.opened_s, packets[0], rate_hz):
            self.watch.refuse(sensors, TOO_OLD, message.received_unix_ns)
            return False, True
        for stream, packet, continuity in zip(streams, packets, continuities, strict=True):
            if continuity is not Continuity.DUPLICATE:
                self.registry.add(stream, in_flight.opened_s)
                if continuity is not Continuity.TOUCHES or stream.wrong_clock:
                    stream.wrong_clock = self._impossible(message, in_flight.opened_s, packet, rate_hz)
                self.gaps += continuity.loses_samples
                if packet.t0_unix_ns is None or stream.wrong_clock:  # the agent's clock gives the time
                    packet.clock_synced = self.clock_synchronised(in_flight.opened_s)
                on_trial = self.registry.quota.is_on_trial(stream.sensor)
                deliver = partial(self._deliver, on_window) if on_trial else on_window
                in_flight.cursors[stream.sensor] = stream.push(
                    packet, rate_hz, continuity, message.received_unix_ns, deliver
                )
                self.registry.account_memory(stream)
        return duplicate, False

    def _next_window(self, sensor: str, packet: Packet, rate_hz: float, in_flight: InFlight) -> Window | None:
        """The window of a packet that plainly is the next one of its sensor; None: nothing was read."""
        stream = self.registry.confirmed(sensor)
        if stream is None or (self.max_age_s and self._stale(in_flight.message, in_flight.opened_s, packet, rate_hz)):
            return None
        window = stream.next_window(packet, rate_hz)
        if window is not None and stream.cursor is not None:
            in_flight.cursors[sensor] = stream.cursor
        return window

    def _deliver(self, on_window: Callable[[str, Window], None], sensor: str, window: Window) -> None:
        """Let a sensor on trial keep its place: it has sent a whole window."""
        self.registry.confirm(sensor)
        on_window(sensor, window)

    def _stale(self, message: Message, now_s: float, packet: Packet, rate_hz: float) -> bool:
        """Whether the packet's last sample is too old to be of use.

        Its age is measured from `t0` if both the sensor's clock and this machine's are synchronised. Otherwise it is
        the time that the message waited here: MQTT carries no time of publication, so how long the broker held it is
        unknown.
        """
        if not self.max_age_s:
            return False
        age_s = max(0.0, now_s - message.received_s)
        if packet.t0_unix_ns is not None and packet.clock_synced and self.clock_synchronised(now_s):
            end_unix_ns = packet.t0_unix_ns + packet.samples.shape[1] * 1e9 / rate_hz
            age_s += (message.received_unix_ns - end_unix_ns) / NS
        return 0 < self.max_age_s < age_s

    def _impossible(self, message: Message, now_s: float, packet: Packet, rate_hz: float) -> bool:
        """Whether the packet's time is one that its samples cannot have."""
        if packet.t0_unix_ns is None:
            return False
        end_unix_ns = packet.t0_unix_ns + round(packet.samples.shape[1] * 1e9 / rate_hz)
        trusted = bool(packet.clock_synced) and not self.clock_synchronised(now_s)
        return not plausible(end_unix_ns, message.received_unix_ns, trusted=trusted)

    def read(self, entry: Input, sensor: str, message: Message) -> tuple[list[Packet], float]:
        """Decode a message as one input describes it; no stream is changed.

        Returns:
            One packet for each sensor of the topic, none if the message holds no samples; and their rate in Hz.

        Raises:
            PacketError: it can't be decoded, or its samples are certainly not what the input states.
        """
        packet = self._decode(entry, message)
        if packet is None:
            return [], 0.0
        packet.unit = entry.unit if packet.unit is None else packet.unit
        rate_hz = declared_rate_hz(packet.sample_rate_hz, entry.sample_rate_hz)
        if packet.encoded is not None:
            due = self._encodings.due
            if due[sensor]:
                due[sensor] -= 1
            else:
                self._encodings.look(entry, sensor, packet, rate_hz, message.received_s)
        if not entry.channels:
            return [packet], rate_hz
        if packet.samples.shape[0] != len(entry.channels):
            raise PacketError(
                Reason.WRONG_CHANNELS,
                f"{packet.samples.shape[0]} channels, but the input names {len(entry.channels)}",
            )
        return _split(entry, packet, rate_hz), rate_hz

    def _decode(self, entry: Input, message: Message) -> Packet | None:
        payload = message.payload
        try:
            if payload[:2] in COMPRESSED:
                payload = decompressed(payload, entry.max_packet_bytes)
            if entry.decoder is not None:
                return entry.decoder.decode(message.topic, payload, entry.payload_format)
            return decoder(entry.codec).decode(payload, message.properties, entry.payload_format)
        except PacketError as error:
            doubt = doubt_of(error.reason, entry, payload)
            if doubt is None:
                raise
            reason = Reason.WRONG_ENCODING if doubt.certain else error.reason
            raise PacketError(reason, f"{error.detail}; {doubt.text}") from None
        except Exception as error:
            # A defect of the codec, found by these bytes: the packet is refused, and the other sensors are still read.
            fields = {"codec": entry.codec, "topic": message.topic}
            self._notices.add(Notice(ERROR, "codec failed", ("codec", entry.codec), fields, error))
            raise PacketError(Reason.INTERNAL, f"codec {entry.codec}: {error!r}"[:200]) from error


def _split(entry: Input, packet: Packet, rate_hz: float) -> list[Packet]:
    """One packet for each channel that is a sensor, with the speed by the tachometer if the packet has none."""
    packets = [packet.only(row) for row in range(len(entry.channels))]
    if entry.tachometer is None:
        return packets
    pulses = packets.pop(entry.channels.index(entry.tachometer.channel)).samples[0]
    if packet.rpm is None:
        rpm = rpm_of(pulses, rate_hz, entry.tachometer.pulses_per_turn)
        for each in packets:
            each.rpm = rpm
    return packets
