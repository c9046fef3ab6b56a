from __future__ import annotations

import pytest

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat
from drsn.agent.acquisition.codecs.moment import t0_unix_ns

NOON_NS = 1_796_040_000_000_000_000
"""2026-11-30T12:00:00Z."""


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (1_796_040_000, {}),
        ("1796040000", {}),
        (1_796_040_000_000, {"t0_unit": "ms"}),
        (1_796_040_000_000_000, {"t0_unit": "us"}),
        (NOON_NS, {"t0_unit": "ns"}),
        ("2026-11-30T12:00:00Z", {"t0_unit": "ms"}),
        ("2026-11-30T13:00:00", {"time_zone": "Europe/Berlin"}),
        ("2026-11-30T14:00:00+02", {"time_zone": "Europe/Berlin"}),
    ],
)
def test_each_form_gives_the_same_nanoseconds(value: object, options: dict[str, str]):
    assert t0_unix_ns(value, PayloadFormat(**options)) == NOON_NS


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1_796_040_000_000, "in ms it is: set t0_unit = 'ms'"),
        (1.79604e15, "in us it is: set t0_unit = 'us'"),
        ("1796040000000000000", "in ns it is: set t0_unit = 'ns'"),
        ("2026-11-30T12:00:00", "set time_zone = 'UTC' or the sensor's zone"),
        ("noon", "is not an ISO 8601 time such as"),
        (-1, "not a possible Unix time"),
        (float("inf"), "not a possible Unix time"),
        (10**400, "not a possible Unix time"),
        (True, "not a number"),
        ([], "not a number"),
    ],
)
def test_what_is_no_time_is_refused_with_its_remedy(value: object, words: str):
    with pytest.raises(PacketError) as refusal:
        t0_unix_ns(value, PayloadFormat())
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 200
