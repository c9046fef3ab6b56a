"""Counters and latencies of one agent. Only the main thread writes them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.observability.histogram import Histogram

KEPT = 4096
"""Latencies from which percentiles are computed: ten minutes of one sensor, a few seconds of a plant."""


class Latencies:
    """The last `KEPT` durations, in preallocated memory."""

    def __init__(self) -> None:
        self._seconds: NDArray[np.float64] = np.zeros(KEPT)
        self._count = 0
        self.histogram: Histogram | None = None
        """Of all durations, where metrics are served."""

    def add(self, seconds: float) -> None:
        """Add one duration, in seconds."""
        self._seconds[self._count % KEPT] = seconds
        self._count += 1
        if self.histogram is not None:
            self.histogram.add_all((seconds,))

    def add_all(self, seconds: Sequence[float]) -> None:
        """Add durations, the oldest first."""
        self._seconds[np.arange(self._count, self._count + len(seconds)) % KEPT] = seconds
        self._count += len(seconds)
        if self.histogram is not None:
            self.histogram.add_all(seconds)

    def summary_ms(self) -> dict[str, float]:
        """p50, p95, p99 and max in milliseconds; empty without durations."""
        if not self._count:
            return {}
        kept = self._seconds[: min(self._count, KEPT)] * 1e3
        values = (*np.percentile(kept, [50, 95, 99]), kept.max())
        return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99", "max"), values, strict=True)}


class Metrics:
    """Counts since the start."""

    def __init__(self) -> None:
        self.processed = 0
        self.duplicate = 0
        self.stale = 0
        self.other_shard = 0
        """Packets of sensors that another agent has."""
        self.reconnects = 0
        """Connections that the agent cut because acknowledgements were overdue."""
        self.rejected: Counter[str] = Counter()
        self.windows = 0
        self.batches = 0
        self.results = 0
        self.events = 0
        self.latency = Latencies()
        """Time from the receipt of a packet to the commit of its last window."""
        self.inference = Latencies()
        """Time of one call of the neural network."""

    def totals(self) -> dict[str, int]:
        """The counters, for a log line."""
        return {
            "processed": self.processed,
            "rejected": self.rejected.total(),
            "duplicate": self.duplicate,
            "stale": self.stale,
            "other_shard": self.other_shard,
            "windows": self.windows,
            "events": self.events,
        }
