"""Which sensors have one of the `max_sensors` places, so that strangers can't keep the plant's own out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

UNPROVEN_S = 600.0
"""A sensor that has brought no whole window for so long since it was first heard gives its place to another."""

CLEAR_EVERY_S = 10.0
"""A flood of strangers must not have everybody looked through for each of its packets."""


class SensorQuota:
    """A sensor that has brought a window keeps its place until it is forgotten, over restarts too.

    Args:
        most: places.
        known: have one already, from an earlier run; so many of them as there are.
    """

    def __init__(self, most: int, known: Iterable[str] = ()) -> None:
        self.most = most
        self._proven = set(known)
        self._trying: dict[str, float] = {}  # sensor -> when it was first heard
        self._cleared_s = -math.inf

    def stranger(self, names: Iterable[str]) -> str | None:
        """The first of the names that would need a place and finds none; None: there is room for all."""
        new = [name for name in names if name not in self._proven and name not in self._trying]
        return new[0] if new and len(self._proven) + len(self._trying) + len(new) > self.most else None

    def take(self, name: str, now_s: float) -> None:
        """A packet of this sensor was accepted."""
        if name not in self._proven:
            self._trying.setdefault(name, now_s)

    def prove(self, name: str) -> None:
        """It has brought a whole window."""
        if self._trying.pop(name, None) is not None:
            self._proven.add(name)

    def leave(self, name: str) -> None:
        """Its place is free."""
        self._proven.discard(name)
        self._trying.pop(name, None)

    def clear(self, now_s: float) -> list[str]:
        """Take the places of those that have not proven themselves in time; who they were."""
        if now_s - self._cleared_s < CLEAR_EVERY_S:
            return []
        self._cleared_s = now_s
        gone = [name for name, since_s in self._trying.items() if now_s - since_s >= UNPROVEN_S]
        for name in gone:
            self.leave(name)
        return gone
