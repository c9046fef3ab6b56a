"""Fields of a packet: found by their course, excluded where they only have the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.init.candidate import ABSENT
from drsn.agent.tools.init.packet_fields import PacketFields, Values, fields_of_packets

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_NS = 1_796_018_400_000_000_000
PERIOD_S = 0.25


def found(**fields: Callable[[int], object]) -> PacketFields:
    """What is found in eight packets of a topic; each field is a function of the packet's number."""
    return fields_of_packets([
        Values("t", at * PERIOD_S, NOW_NS + round(at * PERIOD_S * 1e9), {name: of(at) for name, of in fields.items()})
        for at in range(8)
    ])  # fmt: skip


def test_a_count_of_any_name_is_seq():
    assert found(anything=lambda at: 40 + at).settings == {"fields": {"seq": "anything"}}


def test_a_count_of_samples_is_not():
    assert found(seq=lambda at: 512 * at).settings == {"fields": {"seq": ABSENT}}


def test_a_time_in_seconds_of_one_packet_a_second_is_not_a_count():
    made = fields_of_packets([Values("t", float(at), NOW_NS, {"when": NOW_NS // 10**9 + at}) for at in range(8)])
    assert made.settings == {"fields": {"t0": "when"}}


@pytest.mark.parametrize(("unit", "per_s"), [("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_the_unit_of_a_time_follows_from_its_size_or_its_course(unit: str, per_s: float):
    unix = found(t0=lambda at: round((NOW_NS / 1e9 + at * PERIOD_S) * per_s))
    uptime = found(t0=lambda at: round((61.5 + at * PERIOD_S) * per_s))
    assert unix.settings == uptime.settings == {"t0_unit": unit}


def test_a_time_that_does_not_go_with_the_clock_is_excluded():
    assert found(t0=lambda at: 7 * at + 3).settings["fields"]["t0"] == ABSENT


def test_a_time_without_an_offset_is_utc_if_it_is_near():
    assert found(t0=lambda _: "2026-11-30T06:00:00.5").settings == {"time_zone": "UTC"}
    assert "set time_zone" in found(t0=lambda _: "2026-11-30T09:00:00.5").problem


def test_rate_unit_and_speed_are_found_by_name():
    made = found(samplingRate=lambda _: 25_600, unit=lambda _: "g", rpm=lambda at: 1480 + at)
    assert made.settings == {"fields": {"sample_rate_hz": "samplingRate"}}
    assert made.has == {"sample_rate_hz", "unit", "rpm"}


def test_a_value_that_the_agent_would_refuse_is_excluded():
    made = found(rpm=lambda _: "n/a", unit=lambda _: "acceleration in g, RMS")
    assert made.settings == {"fields": {"rpm": ABSENT, "unit": ABSENT}}
