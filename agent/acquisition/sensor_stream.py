"""One sensor's samples on their way to windows: continuity, rate and ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.packet import Packet, PacketError, Reason
from drsn.agent.acquisition.continuity import Continuity, Cursor, advance, classify, follows
from drsn.agent.acquisition.notice import WARNING, Notice, Notices
from drsn.agent.acquisition.rate_monitor import RateMonitor
from drsn.agent.acquisition.ring_buffer import RingBuffer
from drsn.agent.acquisition.sample_rate import check_rate, steady_rate_hz
from drsn.model.conditioning import native_window

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract

MAX_REPEATS = 1024
"""Duplicates in a row after which the sensor counts as restarted. No more than 256 packets are in flight by default."""

WASTED_WINDOWS = 8
"""Samples lost in a row, in windows, after which a notice says that the packets never join to a window."""


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


class SensorStream:
    """Joins the packets of one sensor into windows.

    Args:
        sensor: id of the sensor.
        contract: contract of the model that the windows are for.
        hop_windows: distance from one window to the next, in windows (1.0: no overlap).
        continuous: join packets even when nothing proves that they touch.
        cursor: how far an earlier run read the stream.
        notices: takes the stream's warnings.
    """

    def __init__(
        self,
        sensor: str,
        contract: ModelContract,
        *,
        hop_windows: float,
        continuous: bool,
        notices: Notices,
        cursor: Cursor | None = None,
    ) -> None:
        self.sensor = sensor
        self.cursor = cursor
        self.lost_samples = 0
        """Samples that no window will hold, because the samples that should follow them never came."""
        self._contract = contract
        self._hop_windows = hop_windows
        self._continuous = continuous
        self._notices = notices
        self._ring: RingBuffer | None = None
        self._repeats = 0
        self._lost_in_a_row = 0  # samples since the last window
        self._rate_monitor = RateMonitor()
        self._clipped = 0  # samples still to come whose windows may hold clipped ones

    @property
    def ring_bytes(self) -> int:
        """Memory of the samples that the stream keeps between packets."""
        return 0 if self._ring is None else self._ring.nbytes

    def evict_ring(self) -> int:
        """Free the ring until the next packet; return how many samples waited for their window and are lost."""
        ring, self._ring, self._clipped = self._ring, None, 0
        if ring is None:
            return 0
        self._lose(ring)
        return ring.pending

    def next_window(self, packet: Packet, sample_rate_hz: float) -> Window | None:
        """Read a packet that is one whole window and follows the last one as expected, which nearly all do.

        Returns:
            Its window; its samples are those of the packet. None: nothing was read, and `continuity_of` and `push` must
            decide, to which this is equal otherwise.
        """
        ring, cursor = self._ring, self.cursor
        if ring is None or cursor is None or cursor.fresh or self._clipped or packet.clipped:
            return None
        if not (ring.passes(packet.samples) and follows(cursor, packet, sample_rate_hz)):
            return None
        self.cursor = cursor = advance(cursor, packet, sample_rate_hz, Continuity.TOUCHES)
        monitor, joined = self._rate_monitor, ring.joined
        monitor.add(packet.t0_unix_ns, ring.window, sample_rate_hz, touches=True)
        self._repeats = self._lost_in_a_row = 0
        ring.joined = True
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
                f"{packet.samples.shape[0]} channels; the bundle needs {self._contract.channels} "
                "(name the input's `channels` to split a packet into sensors)",
            )
        check_rate(sample_rate_hz, self._contract)
        continuity = classify(self.cursor, packet, sample_rate_hz, continuous=self._continuous)
        if continuity is Continuity.DUPLICATE:
            self._repeats += 1
            if self._repeats <= MAX_REPEATS:
                return continuity
            fields = {"sensor": self.sensor, "seq": packet.seq, "boot_id": packet.boot_id}
            event = "seq stands still or goes back; the sensor counts as restarted"
            self._notices.add(Notice(WARNING, event, ("repeats", self.sensor), fields))
            continuity = Continuity.RESTART
        self._repeats = 0
        known_hz = self._rate_hz
        if known_hz is None or sample_rate_hz == known_hz or steady_rate_hz(sample_rate_hz, known_hz) == known_hz:
            return continuity
        return Continuity.GAP

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
        known_hz, ring = self._rate_hz, self._ring
        sample_rate_hz = steady_rate_hz(sample_rate_hz, known_hz)
        if ring is None or sample_rate_hz != known_hz:
            ring = self._new_ring(sample_rate_hz)
        touches, total = continuity is Continuity.TOUCHES, packet.samples.shape[1]
        if not touches:
            self._begin_anew(ring)
        fresh = continuity.resets_votes or (self.cursor is not None and self.cursor.fresh)
        cursor = advance(self.cursor, packet, sample_rate_hz, continuity)
        self._rate_monitor.add(packet.t0_unix_ns, total, sample_rate_hz, touches=touches)
        self._clipped = total + ring.window if packet.clipped else self._clipped
        last_unix_ns = received_unix_ns if cursor.end_unix_ns is None else cursor.end_unix_ns

        def hand_over(samples: NDArray[np.float32], end: int) -> None:
            nonlocal fresh
            end_unix_ns = last_unix_ns - round((total - end) * 1e9 / sample_rate_hz)
            window = Window(
                samples, sample_rate_hz, end_unix_ns, fresh, packet.unit, bool(packet.clock_synced), ring.hop,
                packet.rpm, end < self._clipped, self._rate_monitor.error, packet.count, ring.joined,
            )  # fmt: skip
            self._lost_in_a_row, fresh = 0, False
            on_window(self.sensor, window)

        ring.push(packet.samples, hand_over)
        self._clipped = max(0, self._clipped - total)
        cursor.fresh, self.cursor = fresh, cursor
        return cursor

    @property
    def _rate_hz(self) -> float | None:
        return None if self.cursor is None else self.cursor.sample_rate_hz

    def _new_ring(self, sample_rate_hz: float) -> RingBuffer:
        if self._ring is not None:
            self._lose(self._ring)
        window = native_window(self._contract.window, sample_rate_hz, self._contract.sample_rate_hz)
        self._ring = RingBuffer(self._contract.channels, window, max(1, round(window * self._hop_windows)))
        return self._ring

    def _begin_anew(self, ring: RingBuffer) -> None:
        """Forget the samples that wait in the ring: the next packet does not touch them."""
        self._lose(ring)
        ring.reset()
        self._clipped = 0

    def _lose(self, ring: RingBuffer) -> None:
        """Count the samples that wait in the ring as lost."""
        if not ring.pending:
            return
        before, self.lost_samples = self._lost_in_a_row, self.lost_samples + ring.pending
        self._lost_in_a_row += ring.pending
        if before < WASTED_WINDOWS * ring.window <= self._lost_in_a_row:
            event = "packets never join to a window: this sensor is not watched (docs/mqtt.md: continuous)"
            fields = {"sensor": self.sensor, "cursor": self.cursor}
            self._notices.add(Notice(WARNING, event, ("no windows", self.sensor), fields))
