"""Does a packet touch the one before it? Judged from `seq` (serial arithmetic, RFC 1982), `boot_id` and `t0`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.packets import Packet

DUPLICATE_SPAN = 256
"""How far back a seq counts as a repeat when nothing else tells a repeat from a restarted sensor. A redelivery is
never older than what one sensor has in flight: four batches of 32 windows at most."""

TOUCH_TOLERANCE_SAMPLES = 1.5
"""`t0` may be off by this much and still prove that packets touch; sensors round it to their clock's ticks."""

_HALF = 2**31
_WRAP = 2**32


class Continuity(str, Enum):
    """How a packet stands to the one before it from the same sensor."""

    FIRST = "first"
    TOUCHES = "touches"
    """Proven: its first sample follows the last one."""
    APART = "apart"
    """Nothing proves that they touch, and nothing says that samples were lost."""
    GAP = "gap"
    """Samples were lost between them."""
    RESTART = "restart"
    """The sensor counts anew."""
    DUPLICATE = "duplicate"
    """It was here before."""

    @property
    def resets_votes(self) -> bool:
        """Whether windows before and after may not vote together."""
        return self in (Continuity.GAP, Continuity.RESTART)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sensor's stream was read."""

    boot_id: int = 0
    seq: int | None = None
    end_unix_ns: int | None = None
    """When the sample after the last one is due, by the sensor's clock."""
    sample_rate_hz: float | None = None
    touched: bool = False
    """The last packet touched the one before it."""
    fresh: bool = False
    """The next window must not vote together with those before it."""


def judge(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, *, continuous: bool) -> Continuity:
    """How `packet` stands to what `cursor` has read; `continuous`: the configuration vouches for the joint."""
    if cursor is None:
        return Continuity.FIRST
    if packet.boot_id != cursor.boot_id and packet.boot_id and cursor.boot_id:
        return Continuity.RESTART
    touches = _touches(cursor, packet, sample_rate_hz)
    if packet.seq is not None and cursor.seq is not None:
        return _by_seq(cursor, packet, touches)
    if touches is None:
        return Continuity.TOUCHES if continuous else Continuity.APART
    if touches:
        return Continuity.TOUCHES
    # A sensor that sends one window a minute leaves holes on purpose; a stream that broke off has lost something.
    return Continuity.GAP if cursor.touched else Continuity.APART


def advance(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, verdict: Continuity) -> Cursor:
    """The cursor after `packet` was read."""
    end = None
    if packet.t0_unix_ns is not None:
        end = packet.t0_unix_ns + round(packet.samples.shape[1] * 1e9 / sample_rate_hz)
    elif verdict is Continuity.TOUCHES and cursor is not None and cursor.end_unix_ns is not None:
        end = cursor.end_unix_ns + round(packet.samples.shape[1] * 1e9 / sample_rate_hz)
    return Cursor(packet.boot_id, packet.seq, end, sample_rate_hz, touched=verdict is Continuity.TOUCHES)


def _by_seq(cursor: Cursor, packet: Packet, touches: bool | None) -> Continuity:  # noqa: FBT001 (None: unknown)
    ahead = ((packet.seq or 0) - (cursor.seq or 0)) % _WRAP
    if ahead == 0 or ahead >= _HALF:
        return _repeat_or_restart(cursor, packet, behind=-ahead % _WRAP)
    if ahead > 1:
        return Continuity.GAP
    return Continuity.APART if touches is False else Continuity.TOUCHES


def _repeat_or_restart(cursor: Cursor, packet: Packet, behind: int) -> Continuity:
    if packet.boot_id and packet.boot_id == cursor.boot_id:
        return Continuity.DUPLICATE  # the same boot: a lower seq can only be a repeat
    if packet.t0_unix_ns is not None and cursor.end_unix_ns is not None:
        # Half a millisecond before the end still counts as later: t0 is rounded.
        later = packet.t0_unix_ns >= cursor.end_unix_ns - 500_000
        return Continuity.RESTART if later else Continuity.DUPLICATE
    return Continuity.DUPLICATE if behind < DUPLICATE_SPAN else Continuity.RESTART


def _touches(cursor: Cursor, packet: Packet, sample_rate_hz: float) -> bool | None:
    """None: no times to tell by."""
    if packet.t0_unix_ns is None or cursor.end_unix_ns is None:
        return None
    return abs(packet.t0_unix_ns - cursor.end_unix_ns) <= TOUCH_TOLERANCE_SAMPLES * 1e9 / sample_rate_hz
