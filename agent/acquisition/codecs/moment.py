"""The time `t0` of a packet: a number in the input's unit, the same number as text, or ISO 8601."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from drsn.agent.acquisition.codecs.packet import MAX_T0_UNIX_NS, PacketError, Reason
from drsn.model.iso8601 import NoOffsetError, unix_ns

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs.packet import PayloadFormat

NS_PER: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Unit of `t0` -> nanoseconds."""

YEAR_2000_S: Final = 946_684_800
YEAR_2100_S: Final = 4_102_444_800
"""A time between these is a plausible Unix time: this decides which unit a message proposes, and nothing else."""

_MAX_NUMBER_CHARS: Final = 32
_MAX_NUMBER: Final = 1e30
"""Above every time in every unit, and its nanoseconds are within a float."""


def t0_unix_ns(value: object, payload_format: PayloadFormat) -> int:
    """Time of a packet's first sample, ns since 1970.

    Raises:
        PacketError: it is no time, or in another unit than the input states.
    """
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, str):
        return _of_text(number, payload_format.time_zone)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise PacketError(Reason.BAD_DOCUMENT, "t0 is not a number")
    if isinstance(number, float) and not abs(number) < _MAX_NUMBER:  # a NaN makes the comparison false
        raise PacketError(Reason.BAD_DOCUMENT, f"t0 {number:g} is not a possible Unix time")
    unit = payload_format.t0_unit
    nanoseconds = number * NS_PER[unit] if isinstance(number, int) else round(number * NS_PER[unit])
    if not 0 <= nanoseconds <= MAX_T0_UNIX_NS or _in_smaller_unit(nanoseconds):
        raise PacketError(Reason.BAD_DOCUMENT, _impossible(str(number)[:24], nanoseconds, unit))
    return nanoseconds


def _number(text: str) -> int | float | str:
    """The number that a text holds; the text itself where it holds none."""
    if len(text) > _MAX_NUMBER_CHARS or "_" in text:
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        # A basic ISO time such as 20261130T060000Z is no number, and neither is "nan".
        return number if math.isfinite(number) else text
    return text


def _of_text(text: str, zone: str | None) -> int:
    try:
        nanoseconds = unix_ns(text, zone)
    except NoOffsetError:
        raise PacketError(
            Reason.BAD_DOCUMENT, f"t0 {text[:40]!r} has no offset from UTC; set time_zone = 'UTC' or the sensor's zone"
        ) from None
    except (ValueError, OverflowError) as error:
        raise PacketError(Reason.BAD_DOCUMENT, f"t0 {error}"[:150]) from None
    if not 0 <= nanoseconds <= MAX_T0_UNIX_NS:
        raise PacketError(Reason.BAD_DOCUMENT, f"t0 {text[:40]!r} is not a possible Unix time")
    return nanoseconds


def _in_smaller_unit(nanoseconds: int) -> bool:
    """Whether a time lies behind the year 2100, as one in milliseconds does that was read as seconds."""
    return nanoseconds > YEAR_2100_S * NS_PER["s"]


def _impossible(shown: str, nanoseconds: int, unit: str) -> str:
    units = list(NS_PER)
    for other in units[units.index(unit) + 1 :]:
        seconds = nanoseconds * NS_PER[other] // (NS_PER[unit] * NS_PER["s"])
        if YEAR_2000_S <= seconds <= YEAR_2100_S:
            return f"t0 {shown} {unit} is not a possible Unix time; in {other} it is: set t0_unit = '{other}'"
    return f"t0 {shown} {unit} is not a possible Unix time"
