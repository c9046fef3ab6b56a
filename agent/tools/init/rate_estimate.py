"""The sample rate of packets that do not state it: from their times, or from how many samples come in a second."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MIN_PACKETS: Final = 5
MIN_SPAN_S: Final = 2.0
"""Packets, and seconds from the first to the last, that an estimate needs."""

COMMON_HZ: Final = (
    400, 500, 800, 833, 1000, 1024, 1344, 1600, 1666, 2000, 2048, 2500, 2560, 3200, 3332, 4000, 4096, 5000, 5120, 5376,
    6400, 6664, 8000, 8192, 10_000, 10_240, 12_000, 12_800, 13_333, 16_000, 16_384, 20_000, 20_480, 24_000, 25_000,
    25_600, 26_667, 32_000, 32_768, 40_000, 44_100, 48_000, 50_000, 51_200, 62_500, 64_000, 65_536, 80_000, 96_000,
    97_656, 100_000, 102_400, 125_000, 128_000, 192_000, 200_000, 204_800, 250_000, 256_000,
)  # fmt: skip
"""Rates of data sheets."""

NEAR_BY_TIMES: Final = 0.005
NEAR_BY_RECEIPT: Final = 0.03
"""Part of a common rate by which an estimate may differ from it to stand for it."""

ALIKE: Final = 0.2
ALIKE_SHARE: Final = 0.8
"""`t0` gives the rate if it is within this part of the median from packet to packet, for this share of them."""


@dataclass(frozen=True)
class PacketTime:
    """When a packet came, and how many samples of each channel it had."""

    topic: str
    received_s: float
    samples: int
    t0_unix_ns: int | None = None
    seq: int | None = None


@dataclass(slots=True)
class Arrivals:
    """The messages of one topic, kept or not."""

    first_s: float
    last_s: float
    count: int = 1

    def add(self, received_s: float) -> None:
        """Count one more."""
        self.last_s = received_s
        self.count += 1


@dataclass(frozen=True)
class RateEstimate:
    """A sample rate that no packet states."""

    rate_hz: float
    """The common rate that is near, else what was measured."""
    measured_hz: float
    by: str
    """What it was measured by."""

    @property
    def common(self) -> bool:
        """Whether the rate is one of data sheets. A sensor that pauses gives any other."""
        return self.rate_hz in COMMON_HZ

    @property
    def shown(self) -> str:
        """One phrase for people."""
        near = "" if self.rate_hz == self.measured_hz else f"; the nearest common rate is {self.rate_hz:g} Hz"
        return f"estimated {self.by}: {self.measured_hz:.0f} samples a second{near}"


def rate_estimate(times: Iterable[PacketTime], arrivals: Mapping[str, Arrivals]) -> RateEstimate | None:
    """Return the estimate for packets of sensors that are alike; None: they are too few, or too irregular.

    Args:
        times: of packets that were read, those of each topic in order.
        arrivals: topic -> all its messages.
    """
    groups: defaultdict[str, list[PacketTime]] = defaultdict(list)
    for each in times:
        groups[each.topic].append(each)
    by_times = [_by_times(group) for group in groups.values()]
    by_receipt = [_by_receipt(group, arrivals.get(topic)) for topic, group in groups.items()]
    for found, by, near in (
        (by_times, "from t0", NEAR_BY_TIMES),
        (by_receipt, "from the times of receipt", NEAR_BY_RECEIPT),
    ):
        rates = [rate for rate in found if rate is not None]
        if rates:
            measured = float(np.median(rates))
            return RateEstimate(_common(measured, near), measured, by)
    return None


def _by_times(packets: Sequence[PacketTime]) -> float | None:
    """Samples of packets that follow each other, over the time between them; times that are rounded even out."""
    pairs: list[tuple[int, int]] = []
    for before, after in pairwise(packets):
        if before.t0_unix_ns is None or after.t0_unix_ns is None or after.t0_unix_ns <= before.t0_unix_ns:
            return None
        if before.seq is None or after.seq is None or after.seq == before.seq + 1:
            pairs.append((before.samples, after.t0_unix_ns - before.t0_unix_ns))
    if len(pairs) + 1 < MIN_PACKETS:
        return None
    samples, steps_ns = np.array(pairs, np.float64).T
    rates = samples * 1e9 / steps_ns
    middle = float(np.median(rates))
    near = np.abs(rates - middle) <= ALIKE * middle
    if near.mean() < ALIKE_SHARE:
        return None
    return float(samples[near].sum() * 1e9 / steps_ns[near].sum())


def _by_receipt(packets: Sequence[PacketTime], arrivals: Arrivals | None) -> float | None:
    """Samples of all packets but the first, over the time from its receipt."""
    if arrivals is None or arrivals.count < MIN_PACKETS or arrivals.last_s - arrivals.first_s < MIN_SPAN_S:
        return None
    samples = sum(each.samples for each in packets) / len(packets)
    return samples * (arrivals.count - 1) / (arrivals.last_s - arrivals.first_s)


def _common(measured_hz: float, near: float) -> float:
    best = min(COMMON_HZ, key=lambda rate: abs(rate - measured_hz))
    if abs(best - measured_hz) <= near * best:
        return float(best)
    return round(measured_hz, 1 if measured_hz < 1000 else 0)
