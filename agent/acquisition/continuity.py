"""Does a packet touch the one before it? Judged from `seq` (serial arithmetic, RFC 1982), `boot_id` and `t0`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs import Packet

DUPLICATE_SPAN = 256
"""How far back a seq counts as a repeat when nothing else tells a repeat from a restarted sensor. A redelivery is
never older than what one sensor has in flight: four batches of 32 windows at most."""

TOUCH_TOLERANCE_SAMPLES = 1.5
"""`t0` may be off by this much and still prove that packets touch; sensors round it to their clock's ticks."""

PAUSE_NS = 10_000_000
"""Consecutive seqs prove that packets touch. `t0` contradicts them only by more than this, and than half a packet;
clocks that are rounded to milliseconds, or run half a per cent off the nominal rate, do not."""

PAST_BOOTS = 8
"""Of a sensor, before the present one, of which packets that come again are known: a broker that was killed may come
back with a save from before several restarts."""

ROUNDING_NS = 500_000
"""A `t0` so little before the end of what was read still counts as later."""

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


class PastBoot(NamedTuple):
    """How far a sensor had come when it restarted."""

    boot_id: int
    seq: int
    end_unix_ns: int | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sensor's stream was read."""

    boot_id: int = 0
    seq: int | None = None
    end_unix_ns: int | None = None
    """When the sample after the last one is due, by the sensor's clock."""
    sample_rate_hz: float | None = None
    lives: tuple[PastBoot, ...] = ()
    """Before the sensor's last restarts, the latest first."""
    before: tuple[int, int] | None = None
    """(last seq, end_unix_ns) before the sensor last counted anew, if `t0` went on meanwhile."""
    touched: bool = False
    """The last packet touched the one before it."""
    fresh: bool = False
    """The next window must not vote together with those before it."""


def classify(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, *, continuous: bool) -> Continuity:
    """How `packet` stands to what `cursor` has read; `continuous`: the configuration vouches for the joint."""
    if cursor is None:
        return Continuity.FIRST
    if packet.boot_id != cursor.boot_id and packet.boot_id and cursor.boot_id:
        return Continuity.DUPLICATE if _of_earlier_boot(cursor, packet) else Continuity.RESTART
    return _within_a_boot(cursor, packet, sample_rate_hz, continuous=continuous)


def _within_a_boot(cursor: Cursor, packet: Packet, sample_rate_hz: float, *, continuous: bool) -> Continuity:
    late_ns = None
    if packet.t0_unix_ns is not None and cursor.end_unix_ns is not None:
        late_ns = packet.t0_unix_ns - cursor.end_unix_ns
    duration_ns = packet.samples.shape[1] * 1e9 / sample_rate_hz
    by_time = _by_time(cursor, late_ns, duration_ns, sample_rate_hz, continuous=continuous)
    if packet.seq is None or cursor.seq is None:
        return by_time
    ahead = (packet.seq - cursor.seq) % _WRAP
    if 0 < ahead < _HALF and _of_earlier_count(cursor, packet, duration_ns):
        return Continuity.DUPLICATE
    if 1 < ahead < _HALF:
        return Continuity.GAP
    if ahead == 1:
        pause_ns = max(PAUSE_NS, duration_ns / 2)
        return Continuity.TOUCHES if late_ns is None or abs(late_ns) <= pause_ns else Continuity.APART
    if _repeats(cursor, packet, late_ns, behind=-ahead % _WRAP):
        return Continuity.DUPLICATE
    return by_time if ahead == 0 else Continuity.RESTART  # a sensor that always says the same seq does not count


def _repeats(cursor: Cursor, packet: Packet, late_ns: int | None, behind: int) -> bool:
    """Whether a seq that does not rise belongs to a packet that was here before; else the sensor counts anew."""
    if late_ns is not None:
        return late_ns < -ROUNDING_NS
    same_boot = packet.boot_id != 0 and packet.boot_id == cursor.boot_id
    return same_boot or behind < DUPLICATE_SPAN


def advance(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, continuity: Continuity) -> Cursor:
    """The cursor after `packet` was read."""
    end = None
    if packet.t0_unix_ns is not None:
        end = packet.t0_unix_ns + round(packet.samples.shape[1] * 1e9 / sample_rate_hz)
    elif continuity is Continuity.TOUCHES and cursor is not None and cursor.end_unix_ns is not None:
        end = cursor.end_unix_ns + round(packet.samples.shape[1] * 1e9 / sample_rate_hz)
    before = cursor.before if cursor else None
    if continuity is Continuity.RESTART:
        before = _count_of(cursor, packet)
    touched = continuity is Continuity.TOUCHES
    return Cursor(packet.boot_id, packet.seq, end, sample_rate_hz, _lives(cursor, packet), before, touched)


def _lives(cursor: Cursor | None, packet: Packet) -> tuple[PastBoot, ...]:
    """Of the sensor before that of `packet`."""
    if cursor is None:
        return ()
    if cursor.seq is None or not cursor.boot_id or packet.boot_id == cursor.boot_id:
        return cursor.lives
    ended = PastBoot(cursor.boot_id, cursor.seq, cursor.end_unix_ns)
    return (ended, *(life for life in cursor.lives if life.boot_id not in (ended.boot_id, packet.boot_id)))[:PAST_BOOTS]


def _of_earlier_boot(cursor: Cursor, packet: Packet) -> bool:
    """A packet from before one of the last restarts, delivered once more; not one of a `boot_id` that came again."""
    life = next((life for life in cursor.lives if life.boot_id == packet.boot_id), None)
    if life is None or packet.seq is None:
        return False
    if packet.t0_unix_ns is not None and life.end_unix_ns is not None and packet.t0_unix_ns >= life.end_unix_ns:
        return False
    ahead = (packet.seq - life.seq) % _WRAP
    return ahead == 0 or ahead >= _HALF


def _count_of(cursor: Cursor | None, packet: Packet) -> tuple[int, int] | None:
    """How far the count came that `packet` ends; None: unknown, told by `boot_id`, or its clock went back meanwhile."""
    if cursor is None or cursor.seq is None or cursor.end_unix_ns is None or packet.t0_unix_ns is None:
        return None
    if packet.boot_id and cursor.boot_id and packet.boot_id != cursor.boot_id:
        return None  # `lives` knows it; a clock that is set back would make new packets of this boot old ones
    return (cursor.seq, cursor.end_unix_ns) if packet.t0_unix_ns >= cursor.end_unix_ns - ROUNDING_NS else None


def _of_earlier_count(cursor: Cursor, packet: Packet, duration_ns: float) -> bool:
    """The same of a sensor whose `boot_id` does not tell: by its place in what was counted before, and by `t0`."""
    if cursor.before is None or packet.seq is None or packet.t0_unix_ns is None:
        return False
    last, end_unix_ns = cursor.before
    behind = (last - packet.seq) % _WRAP
    latest_ns = end_unix_ns - (behind + 1) * duration_ns + ROUNDING_NS
    return behind < DUPLICATE_SPAN and packet.t0_unix_ns <= latest_ns


def _by_time(
    cursor: Cursor, late_ns: int | None, duration_ns: float, sample_rate_hz: float, *, continuous: bool
) -> Continuity:
    if late_ns is None:
        return Continuity.TOUCHES if continuous else Continuity.APART
    if abs(late_ns) <= TOUCH_TOLERANCE_SAMPLES * 1e9 / sample_rate_hz:
        return Continuity.TOUCHES
    # A sensor that sends one window a minute leaves holes on purpose; a stream that broke off has lost something, if
    # there is room for a packet. A clock that was set, or jitters, has not.
    return Continuity.GAP if cursor.touched and late_ns >= duration_ns / 2 else Continuity.APART
