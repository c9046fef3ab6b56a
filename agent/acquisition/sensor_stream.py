"""One sensor's samples on their way to windows: continuity, rate and ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.packet import Packet, PacketError, Reason
from drsn.agent.acquisition.continuity import (
    BRIDGED_WINDOWS,
    Continuity,
    Cursor,
    advance,
    classify,
    classify_new,
    follows,
    lost_samples,
)
from drsn.agent.acquisition.fingerprints import Fingerprints
from drsn.agent.acquisition.not_watched import GAPS, MEMORY, NO_WINDOW, RATE_CHANGES
from drsn.agent.acquisition.notice import WARNING, Notice, Notices
from drsn.agent.acquisition.rate_monitor import RateMonitor
from drsn.agent.acquisition.ring_buffer import RingBuffer
from drsn.agent.acquisition.sample_rate import check_rate, steady_rate_hz
from drsn.agent.acquisition.stream_progress import StreamProgress
from drsn.model.conditioning import native_window

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract

MAX_REPEATS = 1024
"""Duplicates in a row after which the sensor counts as restarted. No more than 256 packets are in flight by default."""

STANDS_STILL = 50
"""Duplicates in a row after which the sensor counts as one whose `seq` stands still; a redelivery is rarely longer."""


@dataclass(slots=True)
class Window:
    """A complete window at the sensor's own rate."""

    samples: NDArray[np.float32]
    """float32[channels, native window], a view of the ring or of the packet: valid during the call that hands it over,
    and not to be written."""
    sample_rate_hz: float
    end_unix_ns: int
    """Time of its last sample: by the sensor's `t0`, else by the packet's arrival."""
    fresh: bool
    """It must not vote together with the windows before it."""
    unit: str | None
    clock_synced: bool
    advance: int
    """Samples in it that no earlier window held."""
    rpm: float | None
    """Shaft speed, from the packet that completed the window."""
    clipped: bool
    """The device reported clipping in one of its packets."""
    rate_error: float
    """Measured over declared rate, less 1; 0 where it is not measured."""
    count: float | None = None
    """Unit per count, if the packet that completed the window came as 16-bit counts."""
    joined: bool = False
    """Its new samples directly follow the last sample of the window before it."""
    lasting: bool = False
    """The samples are those of a whole packet: they stay valid, and nothing changes them."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How the packets of a stream become windows."""

    hop_windows: float = 1.0
    """Distance from one window to the next, in windows; 1.0: no overlap."""
    continuous: bool = False
    """Join packets even when nothing proves that they touch."""
    bridged_windows: float = BRIDGED_WINDOWS
    """A gap of so many windows at most does not reset the votes."""


class SensorStream:
    """Joins the packets of one sensor into windows.

    Args:
        sensor: id of the sensor.
        contract: contract of the model that the windows are for.
        options: how they are joined.
        cursor: how far an earlier run read the stream.
        notices: takes the stream's warnings.
    """

    def __init__(
        self,
        sensor: str,
        contract: ModelContract,
        options: StreamOptions,
        *,
        notices: Notices,
        cursor: Cursor | None = None,
    ) -> None:
        self.sensor = sensor
        self.cursor = cursor
        self.wrong_clock = False
        """The sensor's time is impossible: windows have the time at which their packet came."""
        self.progress = StreamProgress()
        self._contract = contract
        self._options = options
        self._notices = notices
        self._repeats = 0
        self._fingerprints = Fingerprints()
        self._rate_monitor = RateMonitor()
        self._clipped = 0  # samples still to come whose windows may hold clipped ones

    @property
    def ring_bytes(self) -> int:
        """Memory of the samples that the stream keeps between packets."""
        ring = self.progress.ring
        return 0 if ring is None else ring.nbytes

    def evict_ring(self) -> int:
        """Free the ring until the next packet; return how many samples waited for their window and are lost."""
        lost = self.progress.interrupt(MEMORY)
        self.progress.ring, self._clipped = None, 0
        return lost

    @property
    def stands_still(self) -> bool:
        """Many packets in a row look like repetitions of earlier ones."""
        return self._repeats >= STANDS_STILL

    def next_window(self, packet: Packet, sample_rate_hz: float) -> Window | None:
        """Read a packet that is one whole window and follows the last one as expected, which nearly all do.

        Returns:
            Its window; its samples are those of the packet. None: nothing was read, and `continuity_of` and `push` must
            decide, to which this is equal otherwise.
        """
        ring, cursor = self.progress.ring, self.cursor
        if ring is None or cursor is None or cursor.fresh or self._clipped or packet.clipped or self.wrong_clock:
            return None
        if self._fingerprints.wanted or not ring.passes(packet.samples) or not follows(cursor, packet, sample_rate_hz):
            return None
        self.cursor = cursor = advance(cursor, packet, sample_rate_hz, Continuity.TOUCHES)
        monitor, joined = self._rate_monitor, ring.run > 0
        monitor.add(packet.t0_unix_ns, ring.window, sample_rate_hz, touches=True)
        self._repeats = 0
        ring.run += 1
        assert cursor.end_unix_ns is not None, "the packet has a time"
        return Window(
            packet.samples, sample_rate_hz, cursor.end_unix_ns, False, packet.unit, bool(packet.clock_synced), ring.hop,
            packet.rpm, False, monitor.error, packet.count, joined, lasting=True,
        )  # fmt: skip

    def continuity_of(self, packet: Packet, sample_rate_hz: float) -> Continuity:
        """How the packet joins the stream; a change of rate counts as a gap.

        Raises:
            PacketError: the rate or the channels can't serve the model.
        """
        if packet.samples.shape[0] != self._contract.channels:
            raise PacketError(
                Reason.WRONG_CHANNELS,
                f"{packet.samples.shape[0]} channels, but the bundle needs {self._contract.channels} "
                "(name the input's `channels` to split a packet into sensors)",
            )
        check_rate(sample_rate_hz, self._contract)
        continuity = classify(self.cursor, packet, sample_rate_hz, continuous=self._options.continuous)
        if continuity is Continuity.DUPLICATE and self._fingerprints.differ(packet):
            continuity = classify_new(self.cursor, packet, sample_rate_hz, continuous=self._options.continuous)
        if continuity is Continuity.DUPLICATE:
            self._repeats += 1
            if self._repeats <= MAX_REPEATS:
                return continuity
            fields = {"sensor": self.sensor, "seq": packet.seq, "boot_id": packet.boot_id}
            event = "seq does not rise: the sensor is treated as restarted"
            self._notices.add(Notice(WARNING, event, ("repeats", self.sensor), fields))
            continuity = Continuity.RESTART
        self._repeats = 0
        known_hz = self._rate_hz
        if known_hz is not None and steady_rate_hz(sample_rate_hz, known_hz) != known_hz:
            return Continuity.GAP
        if continuity is Continuity.GAP and self._is_short(packet, sample_rate_hz):
            return Continuity.SHORT_GAP
        return continuity

    def _is_short(self, packet: Packet, sample_rate_hz: float) -> bool:
        """Whether the gap before the packet may lie between windows that vote together."""
        window_s = self._contract.window / self._contract.sample_rate_hz
        lost_windows = lost_samples(self.cursor, packet, sample_rate_hz) / sample_rate_hz / window_s
        return lost_windows <= self._options.bridged_windows

    def push(
        self,
        packet: Packet,
        sample_rate_hz: float,
        continuity: Continuity,
        received_unix_ns: int,
        on_window: Callable[[str, Window], None],
    ) -> Cursor:
        """Add a packet that is no duplicate, and call `on_window` with the sensor's id for each window it completes.

        `continuity` is the packet's `continuity_of`. Returns how far the stream is read now.
        """
        known_hz, ring = self._rate_hz, self.progress.ring
        sample_rate_hz = steady_rate_hz(sample_rate_hz, known_hz)
        if ring is None or sample_rate_hz != known_hz:
            ring = self._new_ring(sample_rate_hz)
        touches, total = continuity is Continuity.TOUCHES, packet.samples.shape[1]
        if not touches:
            self._begin_anew(ring, continuity)
        if self._fingerprints.wanted or not touches:
            self._fingerprints.add(packet, restarts=continuity is Continuity.RESTART)
        fresh = continuity.resets_votes or (self.cursor is not None and self.cursor.fresh)
        cursor = advance(self.cursor, packet, sample_rate_hz, continuity)
        self._rate_monitor.add(packet.t0_unix_ns, total, sample_rate_hz, touches=touches)
        self._clipped = total + ring.window if packet.clipped else self._clipped
        last_unix_ns = received_unix_ns if self.wrong_clock or cursor.end_unix_ns is None else cursor.end_unix_ns

        def hand_over(samples: NDArray[np.float32], end: int) -> None:
            nonlocal fresh
            synced = bool(packet.clock_synced)
            on_window(self.sensor, Window(
                samples, sample_rate_hz, last_unix_ns - round((total - end) * 1e9 / sample_rate_hz), fresh, packet.unit,
                synced, ring.hop, packet.rpm, end < self._clipped, self._rate_monitor.error, packet.count, ring.run > 0,
            ))  # fmt: skip
            fresh = False

        ring.push(packet.samples, hand_over)
        self._clipped = max(0, self._clipped - total)
        cursor.fresh, self.cursor = fresh, cursor
        return cursor

    @property
    def _rate_hz(self) -> float | None:
        return None if self.cursor is None else self.cursor.sample_rate_hz

    def _new_ring(self, sample_rate_hz: float) -> RingBuffer:
        self.progress.interrupt(RATE_CHANGES)
        window = native_window(self._contract.window, sample_rate_hz, self._contract.sample_rate_hz)
        ring = RingBuffer(self._contract.channels, window, max(1, round(window * self._options.hop_windows)))
        self.progress.ring = ring
        return ring

    def _begin_anew(self, ring: RingBuffer, continuity: Continuity) -> None:
        """Forget the samples that wait in the ring: the next packet does not touch them."""
        self.progress.interrupt(GAPS if continuity.loses_samples else NO_WINDOW)
        if continuity.resets_votes:
            self.progress.end_run()
        ring.reset()
        self._clipped = 0
