"""The content of a sensor's first packets, so that a packet with an old `seq` but new samples is no repetition.

A sensor that counts anew begins where it began before. So the first packets of a count are enough to compare with; all
others cost nothing.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs.packet import Packet

FIRST_PACKETS = 8
"""Packets of a count whose content is kept."""

KEPT = 256
"""Contents of earlier counts that are kept: no more packets than that are in flight (continuity.DUPLICATE_SPAN), so a
redelivery from before several restarts is still one."""


class Fingerprints:
    """CRC-32 of the samples of the first packets of one sensor's present count, and of earlier ones."""

    def __init__(self) -> None:
        self.wanted = True
        """The next packet of this count belongs to the first ones."""
        self._of: dict[tuple[int, int], int] = {}  # (boot_id, seq) -> CRC, of the present count
        self._all: deque[int] = deque(maxlen=KEPT)

    def add(self, packet: Packet, *, restarts: bool) -> None:
        """Keep the fingerprint of an accepted packet, if it is one of the first.

        Args:
            packet: the packet.
            restarts: a count begins with it.
        """
        if restarts:
            self._of, self.wanted = {}, True
        if packet.seq is None:
            return
        key = (packet.boot_id, packet.seq)
        if self.wanted or key in self._of:  # the latter is a sensor that always sends the same seq
            self._of[key] = crc = crc_of(packet)
            self._all.append(crc)
            self.wanted = len(self._of) < FIRST_PACKETS

    def differ(self, packet: Packet) -> bool:
        """True if a packet with this `boot_id` and `seq` was read, but no packet with these samples."""
        if packet.seq is None or (known := self._of.get((packet.boot_id, packet.seq))) is None:
            return False
        return (crc := crc_of(packet)) != known and crc not in self._all


def crc_of(packet: Packet) -> int:
    """CRC-32 of the samples."""
    return zlib.crc32(packet.samples.tobytes())
