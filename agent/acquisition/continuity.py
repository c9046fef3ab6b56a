"""Whether a packet follows the one before it without a gap: by `seq` (serial arithmetic, RFC 1982), `boot_id`, `t0`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs import Packet

DUPLICATE_SPAN = 256
"""A seq that is behind by less than this is a repetition when neither `boot_id` nor `t0` shows a restart. The broker
redelivers no more than what one sensor has in flight: 256 packets by default (service/connections)."""

TOUCH_TOLERANCE_SAMPLES = 1.5
"""`t0` proves that packets touch if it is off by no more than this; sensors round it to their clock's ticks."""

PAUSE_NS = 10_000_000
"""Consecutive seqs prove that packets touch, unless `t0` is off by more than this and by more than half a packet. A
clock that is rounded to milliseconds, or runs half a per cent off the nominal rate, stays below."""

BRIDGED_WINDOWS = 1.0
"""Default: a gap of so many windows at most does not reset the votes (docs/reference/mqtt.md has what it costs)."""

PAST_BOOTS = 8
"""Earlier boots of a sensor whose packets are recognised as duplicates: a broker that was killed may come back with
saved messages from before several restarts."""

ROUNDING_NS = 500_000
"""A `t0` that is before the end of the last packet by no more than this still counts as later."""

_HALF = 2**31
_WRAP = 2**32


class Continuity(str, Enum):
    """How a packet relates to the one before it from the same sensor."""

    FIRST = "first"
    TOUCHES = "touches"
    """Proven: its first sample is the next one after the last sample."""
    APART = "apart"
    """Nothing proves that they touch, and nothing proves that samples were lost."""
    SHORT_GAP = "short_gap"
    """Samples were lost between them, so few that windows before and after may vote together."""
    GAP = "gap"
    """Samples were lost between them."""
    RESTART = "restart"
    """The sensor restarted, or its `seq` did."""
    DUPLICATE = "duplicate"
    """The packet was read before."""

    def __init__(self, value: str) -> None:
        self.resets_votes = value in ("gap", "restart")
        """True if windows before and after must not vote together."""
        self.loses_samples = self.resets_votes or value == "short_gap"
        """True if samples were lost, or may have been."""


class PastBoot(NamedTuple):
    """The last packet of one boot of a sensor: its `boot_id`, its `seq`, and when the sample after it was due."""

    boot_id: int
    seq: int
    end_unix_ns: int | None


PastBoots = Annotated[tuple[PastBoot, ...], Field(alias="lives")]
"""`lives` is the key in stored cursors; databases of earlier versions have it."""


@dataclass(slots=True)
class Cursor:
    """How far a sensor's stream was read. It is stored: names (or aliases) and defaults are part of the file format.

    Nothing changes a cursor that others can see; see `codecs.packet` on why it is not declared frozen.
    """

    boot_id: int = 0
    seq: int | None = None
    end_unix_ns: int | None = None
    """Time by the sensor's clock at which the sample after the last one is due."""
    sample_rate_hz: float | None = None
    past_boots: PastBoots = ()
    """Boots before the present one, the latest first."""
    before: tuple[int, int] | None = None
    """(last seq, end_unix_ns) before `seq` last restarted, if `t0` went on meanwhile."""
    touched: bool = False
    """The last packet touched the one before it."""
    fresh: bool = False
    """The next window must not vote together with those before it."""


def classify(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, *, continuous: bool) -> Continuity:
    """How `packet` relates to what was read up to `cursor`.

    With `continuous` the configuration guarantees that packets touch where nothing proves or disproves it.
    """
    if cursor is None:
        return Continuity.FIRST
    if packet.boot_id != cursor.boot_id and packet.boot_id and cursor.boot_id:
        return Continuity.DUPLICATE if _repeats_past_boot(cursor, packet) else Continuity.RESTART
    return _classify_within_boot(cursor, packet, sample_rate_hz, continuous=continuous)


def follows(cursor: Cursor, packet: Packet, sample_rate_hz: float) -> bool:
    """Whether `packet` plainly is the next one: `TOUCHES`, by `seq` and `t0`. False: `classify` must decide."""
    t0_unix_ns, end_unix_ns, seq = packet.t0_unix_ns, cursor.end_unix_ns, cursor.seq
    if t0_unix_ns is None or end_unix_ns is None or seq is None or sample_rate_hz != cursor.sample_rate_hz:
        return False
    if packet.seq != (seq + packet.seq_span) % _WRAP or packet.boot_id != cursor.boot_id:
        return False
    if cursor.before is not None and t0_unix_ns <= cursor.before[1] + ROUNDING_NS:
        return False  # perhaps it repeats the count before the restart
    return -PAUSE_NS <= t0_unix_ns - end_unix_ns <= PAUSE_NS


def classify_new(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, *, continuous: bool) -> Continuity:
    """How `packet` relates to `cursor` if its samples show that it is no repetition, whatever its `seq` and `t0`."""
    if cursor is None or packet.seq is None or packet.seq != cursor.seq:
        return Continuity.RESTART
    late_ns = None  # a sensor that always sends the same seq does not count
    if packet.t0_unix_ns is not None and cursor.end_unix_ns is not None:
        late_ns = packet.t0_unix_ns - cursor.end_unix_ns
    duration_ns = packet.samples.shape[1] * 1e9 / sample_rate_hz
    return _classify_by_time(cursor, late_ns, duration_ns, sample_rate_hz, continuous=continuous)


def lost_samples(cursor: Cursor | None, packet: Packet, sample_rate_hz: float) -> float:
    """How many samples of each channel were lost between `cursor` and `packet`, which come after a gap.

    By `seq` if each lost packet was as long as this one, and by `t0`: the greater of them. Infinite if neither tells.
    """
    by_seq = by_time = -math.inf
    if cursor is not None and packet.seq is not None and cursor.seq is not None:
        between = (packet.seq - cursor.seq) % _WRAP - packet.seq_span
        by_seq = between * packet.samples.shape[1] / packet.seq_span
    if cursor is not None and packet.t0_unix_ns is not None and cursor.end_unix_ns is not None:
        by_time = (packet.t0_unix_ns - cursor.end_unix_ns) * sample_rate_hz / 1e9
    lost = max(by_seq, by_time)
    return math.inf if lost == -math.inf else lost


def _classify_within_boot(cursor: Cursor, packet: Packet, sample_rate_hz: float, *, continuous: bool) -> Continuity:
    late_ns = None
    if packet.t0_unix_ns is not None and cursor.end_unix_ns is not None:
        late_ns = packet.t0_unix_ns - cursor.end_unix_ns
    duration_ns = packet.samples.shape[1] * 1e9 / sample_rate_hz
    if packet.seq is None or cursor.seq is None:
        return _classify_by_time(cursor, late_ns, duration_ns, sample_rate_hz, continuous=continuous)
    ahead = (packet.seq - cursor.seq) % _WRAP
    if 0 < ahead < _HALF and cursor.before is not None and _repeats_earlier_count(cursor, packet, duration_ns):
        return Continuity.DUPLICATE
    if ahead == packet.seq_span:
        pause_ns = max(PAUSE_NS, duration_ns / 2)
        return Continuity.TOUCHES if late_ns is None or abs(late_ns) <= pause_ns else Continuity.APART
    if 0 < ahead < _HALF:
        # Less than its span: its first samples were read before, in a message that was joined in another way.
        return Continuity.GAP if ahead > packet.seq_span else Continuity.APART
    if _repeats(cursor, packet, late_ns, behind=-ahead % _WRAP):
        return Continuity.DUPLICATE
    by_time = _classify_by_time(cursor, late_ns, duration_ns, sample_rate_hz, continuous=continuous)
    return by_time if ahead == 0 else Continuity.RESTART  # a sensor that always sends the same seq does not count


def _repeats(cursor: Cursor, packet: Packet, late_ns: int | None, behind: int) -> bool:
    """True if a packet whose seq does not rise was read before; False if the sensor restarted its count."""
    if late_ns is not None:
        return late_ns < -ROUNDING_NS
    same_boot = packet.boot_id != 0 and packet.boot_id == cursor.boot_id
    return same_boot or behind < DUPLICATE_SPAN


def advance(cursor: Cursor | None, packet: Packet, sample_rate_hz: float, continuity: Continuity) -> Cursor:
    """The cursor after `packet` was read."""
    end, touches = None, continuity is Continuity.TOUCHES
    if packet.t0_unix_ns is not None:
        end = packet.t0_unix_ns + round(packet.samples.shape[1] * 1e9 / sample_rate_hz)
    elif touches and cursor is not None and cursor.end_unix_ns is not None:
        end = cursor.end_unix_ns + round(packet.samples.shape[1] * 1e9 / sample_rate_hz)
    before = cursor.before if cursor else None
    if continuity is Continuity.RESTART:
        before = _ended_count(cursor, packet)
    past = () if cursor is None else cursor.past_boots
    if cursor is not None and packet.boot_id != cursor.boot_id:
        past = _past_boots(cursor, packet)
    return Cursor(packet.boot_id, packet.seq, end, sample_rate_hz, past, before, touches)


def _past_boots(cursor: Cursor, packet: Packet) -> tuple[PastBoot, ...]:
    """The boots before that of `packet`, the latest first, each once."""
    if cursor.seq is None or not cursor.boot_id:
        return cursor.past_boots
    ended = PastBoot(cursor.boot_id, cursor.seq, cursor.end_unix_ns)
    others = (boot for boot in cursor.past_boots if boot.boot_id not in (ended.boot_id, packet.boot_id))
    return (ended, *others)[:PAST_BOOTS]


def _repeats_past_boot(cursor: Cursor, packet: Packet) -> bool:
    """True if the packet was read in an earlier boot; False also if the sensor uses an old `boot_id` again."""
    boot = next((boot for boot in cursor.past_boots if boot.boot_id == packet.boot_id), None)
    if boot is None or packet.seq is None:
        return False
    if packet.t0_unix_ns is not None and boot.end_unix_ns is not None and packet.t0_unix_ns >= boot.end_unix_ns:
        return False
    ahead = (packet.seq - boot.seq) % _WRAP
    return ahead == 0 or ahead >= _HALF


def _ended_count(cursor: Cursor | None, packet: Packet) -> tuple[int, int] | None:
    """(last seq, end_unix_ns) of the count that `packet` restarts.

    None if it is unknown, if `boot_id` shows the restart anyway, or if the sensor's clock went back meanwhile.
    """
    if cursor is None or cursor.seq is None or cursor.end_unix_ns is None or packet.t0_unix_ns is None:
        return None
    if packet.boot_id and cursor.boot_id and packet.boot_id != cursor.boot_id:
        return None  # `past_boots` has it; with a clock that is set back, new packets of this boot would look old
    return (cursor.seq, cursor.end_unix_ns) if packet.t0_unix_ns >= cursor.end_unix_ns - ROUNDING_NS else None


def _repeats_earlier_count(cursor: Cursor, packet: Packet, duration_ns: float) -> bool:
    """True if the packet was read before the last restart of `seq`: its `seq` and `t0` belong to that count."""
    if cursor.before is None or packet.seq is None or packet.t0_unix_ns is None:
        return False
    last, end_unix_ns = cursor.before
    behind = (last - packet.seq) % _WRAP
    latest_ns = end_unix_ns - (behind / packet.seq_span + 1) * duration_ns + ROUNDING_NS
    return behind < DUPLICATE_SPAN and packet.t0_unix_ns <= latest_ns


def _classify_by_time(
    cursor: Cursor, late_ns: int | None, duration_ns: float, sample_rate_hz: float, *, continuous: bool
) -> Continuity:
    if late_ns is None:
        return Continuity.TOUCHES if continuous else Continuity.APART
    if abs(late_ns) <= TOUCH_TOLERANCE_SAMPLES * 1e9 / sample_rate_hz:
        return Continuity.TOUCHES
    # A sensor that sends one window a minute leaves gaps on purpose. A continuous stream has lost samples if the gap is
    # as long as half a packet; a smaller one comes from a clock that jitters or was set.
    return Continuity.GAP if cursor.touched and late_ns >= duration_ns / 2 else Continuity.APART
