"""Does a sensor sample as fast as it says? Measured from the times of its packets."""

from __future__ import annotations

SPAN_NS = 10_000_000_000
SPAN_PACKETS = 64
"""One measurement takes so long, and so many packets. Packets count as touching while `t0` is off by no more than 10 ms
or half a packet (acquisition/continuity.py): at both ends that makes 0.2 % of ten seconds, 1.6 % of 64 packets, and
`sensor_faults.RATE_TOLERANCE` lies above."""


class RateMonitor:
    """Of one sensor. `error` is the measured over the declared rate, less 1; 0 until the first measurement ends."""

    def __init__(self) -> None:
        self.error = 0.0
        self._start_unix_ns: int | None = None
        self._samples = 0
        self._packets = 0

    def add(self, t0_unix_ns: int | None, n_samples: int, sample_rate_hz: float, *, touches: bool) -> None:
        """Note a packet of `n_samples` a channel whose first one was taken at `t0_unix_ns`."""
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
