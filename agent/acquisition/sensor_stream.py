"""One sensor's samples on their way to windows: continuity, rate and ring."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.packet import MAX_SAMPLE_RATE_HZ, Packet, PacketError, Reason
from drsn.agent.acquisition.continuity import Continuity, Cursor, advance, judge
from drsn.agent.acquisition.rate_monitor import RateMonitor
from drsn.agent.acquisition.ring_buffer import RingBuffer
from drsn.agent.observability.logs import fields
from drsn.model.conditioning import RateTooLowError, check_rate, native_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract

RATE_TOLERANCE = 0.005
"""A rate that differs by less is the same one: some sensors send what they measured. It moves a frequency as little."""

MAX_REPEATS = 1024
"""Duplicates in a row that are believed. No more than four batches are in flight, 128 packets of the default batch."""

MAX_WINDOW_SAMPLES = 1 << 22
"""Of a channel, at the sensor's rate; far above every need: 1 MHz for a window of 2,048 samples at 1 kHz. Its ring has
32 MB, and its spectrum takes as much again for a moment."""

WASTED_WINDOWS = 8
"""So much lost without one window in between is worth a word in the log."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """A window that became complete, at the sensor's own rate."""

    samples: NDArray[np.float32]
    """float32[channels, native window], a view into the ring: valid until the stream is pushed again."""
    sample_rate_hz: float
    end_unix_ns: int
    """When its last sample was taken: by the sensor's `t0`, else by the packet's arrival."""
    fresh: bool
    """It must not vote together with the windows before it."""
    unit: str | None
    clock_synced: bool
    advance: int
    """Samples in it that no window before it held."""
    rpm: float | None
    """As the packet that completed it says."""
    clipped: bool
    """A packet in it says that the device clipped."""
    rate_error: float
    """The measured over the declared rate, less 1; 0 where that is not known."""
    count: float | None = None
    """Unit per count, if the packet that completed it came as 16-bit counts."""


class SensorStream:
    """Joins the packets of one sensor into windows.

    Args:
        contract: of the model that the windows are for.
        hop_windows: from one window to the next, in windows (1.0: no overlap).
        continuous: packets may be joined when nothing proves that they touch.
        cursor: how far an earlier run had read.
    """

    def __init__(
        self, contract: ModelContract, *, hop_windows: float, continuous: bool, cursor: Cursor | None = None
    ) -> None:
        self.cursor = cursor
        self.lost_samples = 0
        """Samples that no window will hold, because what should have followed them never came."""
        self._contract = contract
        self._hop_windows = hop_windows
        self._continuous = continuous
        self._rate_hz = cursor.sample_rate_hz if cursor else None
        self._ring: RingBuffer | None = None
        self._fresh = cursor.fresh if cursor else False
        self._repeats = 0
        self._lost_in_a_row = 0  # samples since the last window
        self._rate_watch = RateMonitor()
        self._clipped = 0  # samples still to come whose windows may hold clipped ones

    @property
    def ring_bytes(self) -> int:
        """Of the samples that it keeps between packets."""
        return 0 if self._ring is None else self._ring.nbytes

    def let_go(self) -> int:
        """Keep no samples until the next packet comes; how many wait for their window, and are lost."""
        ring, self._ring, self._clipped = self._ring, None, 0
        if ring is None:
            return 0
        self._lose(ring)
        return ring.pending

    def judge(self, packet: Packet, sample_rate_hz: float) -> Continuity:
        """How the packet stands to what was read; a change of rate counts as a gap.

        Raises:
            PacketError: the rate or the channels can't serve the model.
        """
        self._check(packet, sample_rate_hz)
        verdict = judge(self.cursor, packet, sample_rate_hz, continuous=self._continuous)
        if verdict is Continuity.DUPLICATE:
            self._repeats += 1
            if self._repeats <= MAX_REPEATS:
                return verdict
            log.warning("seq stands still or goes back for good; believing that the sensor counts anew",
                        extra=fields(seq=packet.seq, boot_id=packet.boot_id))  # fmt: skip
            verdict = Continuity.RESTART
        self._repeats = 0
        changed = self._rate_hz is not None and self._steady(sample_rate_hz) != self._rate_hz
        return Continuity.GAP if changed else verdict

    def _steady(self, sample_rate_hz: float) -> float:
        """The rate known so far, if this is the same one as a sensor measures it anew each time."""
        known = self._rate_hz
        return known if known is not None and abs(sample_rate_hz - known) <= RATE_TOLERANCE * known else sample_rate_hz

    def push(
        self, packet: Packet, sample_rate_hz: float, verdict: Continuity, received_unix_ns: int
    ) -> Iterator[Window]:
        """Add a packet that is no duplicate; yield the windows that it completes. Run it to its end."""
        sample_rate_hz = self._steady(sample_rate_hz)
        ring = self._ring_for(sample_rate_hz)
        if verdict is not Continuity.TOUCHES:
            self._lose(ring)
            ring.reset()
            self._clipped = 0
        self._fresh = self._fresh or verdict.resets_votes
        self.cursor = advance(self.cursor, packet, sample_rate_hz, verdict)
        total = packet.samples.shape[1]
        touches = verdict is Continuity.TOUCHES
        self._rate_watch.add(packet.t0_unix_ns, total, sample_rate_hz, touches=touches)
        self._clipped = total + ring.window if packet.clipped else self._clipped
        last_unix_ns = received_unix_ns if self.cursor.end_unix_ns is None else self.cursor.end_unix_ns
        for samples, end in ring.push(packet.samples):
            self._lost_in_a_row = 0
            fresh, self._fresh = self._fresh, False
            yield Window(
                samples=samples,
                sample_rate_hz=sample_rate_hz,
                end_unix_ns=last_unix_ns - round((total - end) * 1e9 / sample_rate_hz),
                fresh=fresh,
                unit=packet.unit,
                clock_synced=bool(packet.clock_synced),
                advance=ring.hop,
                rpm=packet.rpm,
                clipped=end < self._clipped,
                rate_error=self._rate_watch.error,
                count=packet.count,
            )
        self._clipped = max(0, self._clipped - total)
        self.cursor = replace(self.cursor, fresh=self._fresh)

    def _check(self, packet: Packet, sample_rate_hz: float) -> None:
        if packet.samples.shape[0] != self._contract.channels:
            raise PacketError(
                Reason.WRONG_CHANNELS,
                f"{packet.samples.shape[0]} channels; the bundle needs {self._contract.channels} "
                "(name the input's `channels` to split a packet into sensors)",
            )
        if sample_rate_hz > MAX_SAMPLE_RATE_HZ:
            raise PacketError(Reason.WRONG_RATE, f"{sample_rate_hz:g} Hz is above {MAX_SAMPLE_RATE_HZ:g} Hz")
        if sample_rate_hz * self._contract.window > MAX_WINDOW_SAMPLES * self._contract.sample_rate_hz:
            raise PacketError(
                Reason.WRONG_RATE, f"at {sample_rate_hz:g} Hz a window has more than {MAX_WINDOW_SAMPLES} samples"
            )
        try:
            check_rate(sample_rate_hz, self._contract.bandwidth_hz)
        except RateTooLowError as error:
            raise PacketError(Reason.WRONG_RATE, str(error)) from None

    def _ring_for(self, sample_rate_hz: float) -> RingBuffer:
        if self._ring is None or sample_rate_hz != self._rate_hz:
            if self._ring is not None:
                self._lose(self._ring)
            window = native_window(self._contract.window, sample_rate_hz, self._contract.sample_rate_hz)
            hop = max(1, round(window * self._hop_windows))
            self._ring = RingBuffer(self._contract.channels, window, hop)
            self._rate_hz = sample_rate_hz
        return self._ring

    def _lose(self, ring: RingBuffer) -> None:
        """What waits in the ring will be in no window."""
        before, self.lost_samples = self._lost_in_a_row, self.lost_samples + ring.pending
        self._lost_in_a_row += ring.pending
        if before < WASTED_WINDOWS * ring.window <= self._lost_in_a_row:
            log.warning("packets never join to a window: this sensor is not watched (docs/mqtt.md: continuous)",
                        extra=fields(cursor=self.cursor))  # fmt: skip
