"""Which single values of a family's documents are the fields of a packet: `seq`, `t0`, `sample_rate_hz` and so on.

What a value is, its course shows: a count rises by one with each packet, a time goes with the clock. Names only help
where the course does not decide. A value whose name is a field's, and which is none, is excluded (`candidate.ABSENT`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat
from drsn.agent.acquisition.codecs.moment import NS_PER, YEAR_2000_S, YEAR_2100_S, t0_unix_ns
from drsn.agent.tools.init.candidate import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from drsn.agent.acquisition.codecs.packet import TimeUnit

SEQ_NAMES: Final = ("seq", "sequence", "sequencenumber", "packet", "packetid", "count", "counter", "msgid", "idx", "n")
T0_NAMES: Final = ("t0", "t", "ts", "time", "timestamp", "unixtime", "datetime", "date", "millis", "micros", "uptime")
RATE_NAMES: Final = ("sampleratehz", "samplerate", "samplingrate", "samplingratehz", "samplingfrequency", "samplehz",
                     "fs", "fshz", "rate", "ratehz", "odr", "sps")  # fmt: skip
RPM_NAMES: Final = ("rpm", "speedrpm", "rotationalspeedrpm", "shaftrpm")
UNIT_NAMES: Final = ("unit", "units")
BOOT_NAMES: Final = ("bootid", "boot")

RATES_HZ: Final = (100.0, 1e6)
MIN_STEPS: Final = 3
"""Steps from packet to packet that prove a count of any name; with fewer its name must be known."""

ONES: Final = 0.8
"""Share of steps that are 1; the others are packets that were lost."""

CLOCK_NEAR_S: Final = 600.0
"""A time without an offset from UTC is UTC if it is so near to the receipt."""

UPTIME_WITHIN: Final = (0.7, 1.4)
"""Course of an uptime in the right unit, over that of the receipts."""

MIN_SPAN_S: Final = 0.5
_UNITS: Final[dict[TimeUnit, int]] = {"s": NS_PER["s"], "ms": NS_PER["ms"], "us": NS_PER["us"], "ns": NS_PER["ns"]}


@dataclass(frozen=True)
class Values:
    """The single values of one packet."""

    topic: str
    received_s: float
    received_unix_ns: int
    scalars: Mapping[str, Any]


@dataclass
class PacketFields:
    """The fields that were found."""

    settings: dict[str, Any] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    guesses: dict[str, str] = field(default_factory=dict)
    has: set[str] = field(default_factory=set)
    """Names of the packet's fields that the input reads."""
    problem: str = ""
    """What a person has to state; empty: nothing."""

    def use(self, name: str, path: str, reason: str) -> None:
        """Read a field at a path."""
        self.has.add(name)
        self.reasons.append(f"{name} at {path}: {reason}")
        if path != name:
            self.settings.setdefault("fields", {})[name] = path

    def exclude(self, name: str, reason: str) -> None:
        """Do not read a value that has the field's name."""
        self.settings.setdefault("fields", {})[name] = ABSENT
        self.reasons.append(f"{name} is not read: {reason}")


def fields_of_packets(packets: Sequence[Values], unit: str = "s") -> PacketFields:
    """Return the fields of a family's packets, those of each topic in the order of their receipt.

    Args:
        packets: of a family.
        unit: of times, where the input does not state it.
    """
    found = PacketFields()
    common = [path for path in packets[0].scalars if all(path in each.scalars for each in packets)]
    columns = {path: [each.scalars[path] for each in packets] for path in common}
    _find_t0(found, packets, columns, unit)
    _find_seq(found, packets, columns)
    _find_number(found, columns, "sample_rate_hz", RATE_NAMES, RATES_HZ)
    _find_number(found, columns, "rpm", RPM_NAMES, (0.0, 1e6))
    for name, names in (("unit", UNIT_NAMES), ("boot_id", BOOT_NAMES)):
        path = next((path for path in columns if _word(path) in names), None)
        texts = columns.get(path or "", [])
        if path is not None and all(_is_label(text) if name == "unit" else _is_id(text) for text in texts):
            found.use(name, path, f"{texts[0]}")
        elif name in columns:
            found.exclude(name, "it is no text that the agent takes")
    return found


def _word(path: str) -> str:
    """The last name of a path, without case and separators."""
    return re.sub(r"[^a-z0-9]", "", re.split(r"[.\[\]]", path.rstrip("]'"))[-1].lower())


def _is_label(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= 16


def _is_id(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= 32 and "_" not in value else None
        except ValueError:
            return None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _by_topic(packets: Sequence[Values], column: Sequence[Any]) -> Iterator[list[tuple[Values, Any]]]:
    groups: defaultdict[str, list[tuple[Values, Any]]] = defaultdict(list)
    for packet, value in zip(packets, column, strict=True):
        groups[packet.topic].append((packet, value))
    yield from groups.values()


def _find_seq(found: PacketFields, packets: Sequence[Values], columns: Mapping[str, Sequence[Any]]) -> None:
    ranked: list[tuple[int, str, str]] = []
    for path, column in columns.items():
        numbers = [_number(value) for value in column]
        known = _word(path) in SEQ_NAMES
        if _word(path) in (*RPM_NAMES, *RATE_NAMES) or any(n is None or n != int(n) or n < 0 for n in numbers):
            continue
        if not known and unix_unit(numbers[0] or 0.0) is not None:  # a time in seconds of one packet a second
            continue
        steps = Counter(
            int(after[1]) - int(before[1])
            for group in _by_topic(packets, [int(n or 0) for n in numbers])
            for before, after in pairwise(group)
        )
        total = steps.total()
        if total and steps[1] >= ONES * total and (known or total >= MIN_STEPS) and not steps[0]:
            lost = "" if steps[1] == total else f", but for {total - steps[1]} jumps: packets are lost"
            ranked.append((SEQ_NAMES.index(_word(path)) if known else 99, path, f"it rises by 1{lost}"))
    if ranked:
        _, path, reason = min(ranked)
        found.use("seq", path, reason)
    elif "seq" in columns and len(packets) > 1:
        found.exclude("seq", "it does not rise by 1 from packet to packet")


def _find_t0(
    found: PacketFields, packets: Sequence[Values], columns: Mapping[str, Sequence[Any]], default: str
) -> None:
    named = sorted((path for path in columns if _word(path) in T0_NAMES), key=lambda path: T0_NAMES.index(_word(path)))
    others = [
        path
        for path in columns
        if path not in named and _word(path) not in SEQ_NAMES and _is_clock(packets, columns[path])
    ]
    for path in (*named, *others):
        column = columns[path]
        unit = _time_unit(packets, column)
        if unit is not None:
            found.use("t0", path, f"a time in {unit}" if unit in NS_PER else "a time as ISO 8601")
            if unit in NS_PER and unit != default:
                found.settings["t0_unit"] = unit
            return
        if isinstance(column[0], str) and (problem := _zone(found, packets[0], column[0], path)) is not None:
            found.problem = problem
            return
        if "time_zone" in found.settings:
            return
    if "t0" in columns:
        found.exclude("t0", "it is no time in a unit that goes with the clock")


def _is_clock(packets: Sequence[Values], column: Sequence[Any]) -> bool:
    """Whether a number of any name is the time, in some unit, and not only as large as one."""
    near = unix_unit(_number(column[0]) or 0.0)
    if near is None:
        return False
    return all(
        abs((_number(value) or 0.0) * NS_PER[near] - packet.received_unix_ns) < CLOCK_NEAR_S * 1e9
        for packet, value in zip(packets, column, strict=True)
    )


def unix_unit(number: float) -> TimeUnit | None:
    """The unit in which a number is a Unix time of this century."""
    return next((unit for unit, ns in _UNITS.items() if YEAR_2000_S <= number * ns / 1e9 <= YEAR_2100_S), None)


def _time_unit(packets: Sequence[Values], column: Sequence[Any]) -> str | None:
    """Unit of a time that all packets have, `iso` of a text with its offset; None: it is no time."""
    numbers = [_number(value) for value in column]
    if None in numbers:
        return "iso" if all(_iso_ns(value, None) is not None for value in column) else None
    units = {unix_unit(n or 0.0) for n in numbers}
    if len(units) == 1 and None not in units:
        return units.pop()
    course = passed = 0.0
    for group in _by_topic(packets, numbers):
        if any(after[1] <= before[1] for before, after in pairwise(group)):
            return None
        course += group[-1][1] - group[0][1]
        passed += group[-1][0].received_s - group[0][0].received_s
    if passed < MIN_SPAN_S:
        return None
    low, high = UPTIME_WITHIN
    return next((unit for unit, ns in _UNITS.items() if low <= course * ns / 1e9 / passed <= high), None)


def _iso_ns(value: object, zone: str | None) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return t0_unix_ns(value, PayloadFormat(time_zone=zone))
    except PacketError:
        return None


def _zone(found: PacketFields, packet: Values, text: str, path: str) -> str | None:
    """Take UTC for a time without an offset, if it is near; else what a person must state. None: done, or no time."""
    as_utc = _iso_ns(text, "UTC")
    if as_utc is None:
        return None
    ahead_s = (as_utc - packet.received_unix_ns) / 1e9
    if abs(ahead_s) < CLOCK_NEAR_S:
        found.use("t0", path, "a time as ISO 8601 without an offset from UTC")
        found.settings["time_zone"] = "UTC"
        found.guesses["time_zone"] = "as UTC it is the time of receipt"
        return None
    return (
        f"t0 {text!r} has no offset from UTC, and as UTC it is {abs(ahead_s) / 3600:.1f} h "
        f"{'ahead' if ahead_s > 0 else 'behind'}: set time_zone, such as 'Europe/Berlin'"
    )


def _find_number(
    found: PacketFields,
    columns: Mapping[str, Sequence[Any]],
    name: str,
    names: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """A field that its name alone shows."""
    ranked = sorted((path for path in columns if _word(path) in names), key=lambda path: names.index(_word(path)))
    for path in ranked:
        numbers = [_number(value) for value in columns[path]]
        if all(n is not None and limits[0] <= n <= limits[1] for n in numbers):
            steady = len(set(numbers)) == 1
            found.use(name, path, f"{numbers[0]:g}" if steady else f"{numbers[0]:g} and others")
            return
    if name in columns:
        found.exclude(name, f"{str(columns[name][0])[:24]!r} is impossible")
