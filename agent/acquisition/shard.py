"""Sharding: each sensor belongs to exactly one of several agents that receive the same packets.

Rendezvous hashing (highest random weight; Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
IEEE/ACM Transactions on Networking 6(1), 1998): each shard has a weight for each sensor, and the shard with the highest
weight has the sensor. If a shard is added, only the sensors that it gets move: one of n + 1 on average.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MAX_SHARDS = 1000


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal parts of the sensors."""

    number: int
    """From 1 to `count`."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/5`.

        Raises:
            ValueError: it has another form, or the number is greater than the count.
        """
        found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text, re.ASCII)
        if found is None or not int(found[1]) <= int(found[2]) <= MAX_SHARDS:
            raise ValueError(f"{text[:20]!r} is not K/N, such as 2/5: number K of N agents, N at most {MAX_SHARDS}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """As in the settings."""
        return f"{self.number}/{self.count}"

    def owns(self, sensor: str) -> bool:
        """Whether this shard has the sensor. A channel belongs to the sensor of its topic."""
        return shard_of(sensor, self.count) == self.number


def shard_of(sensor: str, count: int) -> int:
    """The shard, 1 to `count`, of a sensor.

    The weight of shard k is BLAKE2b, 8 bytes, of the text `k/sensor` in UTF-8, as an unsigned big-endian number.
    """
    return max(range(1, count + 1), key=lambda k: hashlib.blake2b(f"{k}/{sensor}".encode(), digest_size=8).digest())
