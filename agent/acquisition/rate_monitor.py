"""Whether a sensor samples at the rate that it declares: measured from the times of its packets."""

from __future__ import annotations

SPAN_NS = 10_000_000_000
SPAN_PACKETS = 64
"""One measurement takes at least this time and this many packets. Packets count as touching while `t0` is off by at
most 10 ms or half a packet (continuity.PAUSE_NS): at both ends that makes 0.2 % of ten seconds or 1.6 % of 64 packets.
`sensor_faults.RATE_TOLERANCE` is above both."""


class RateMonitor:
    """Measures the rate of one sensor."""

    def __init__(self) -> None:
        self.error = 0.0
        """Measured over declared rate, less 1; 0 until the first measurement ends."""
        self._start_unix_ns: int | None = None
        self._samples = 0
        self._packets = 0

    def add(self, t0_unix_ns: int | None, n_samples: int, sample_rate_hz: float, *, touches: bool) -> None:
        """Add a packet with `n_samples` per channel whose first sample was taken at `t0_unix_ns`."""
        if t0_unix_ns is None or self._start_unix_ns is None or not touches:
            self._begin(t0_unix_ns, n_samples)
            return
        span_ns = t0_unix_ns - self._start_unix_ns
        if span_ns >= SPAN_NS and self._packets >= SPAN_PACKETS:
            self.error = self._samples * 1e9 / span_ns / sample_rate_hz - 1
            self._begin(t0_unix_ns, n_samples)
            return
        self._samples += n_samples
        self._packets += 1

    def _begin(self, t0_unix_ns: int | None, n_samples: int) -> None:
        self._start_unix_ns = t0_unix_ns
        self._samples, self._packets = n_samples, 1
