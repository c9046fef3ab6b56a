from __future__ import annotations

from dataclasses import dataclass

import pytest

from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.acquisition.plausible_time import FUTURE_NS, NS, PAST_NS, WrongClocks, plausible

NOW = 1_767_225_600 * NS
YEAR_1970 = 3 * 86_400 * NS


@pytest.mark.parametrize(
    ("end_unix_ns", "agent_unix_ns", "trusted", "expected"),
    [
        (NOW + FUTURE_NS, NOW, False, True),
        (NOW + FUTURE_NS + 1, NOW, False, False),
        (NOW - PAST_NS, NOW, False, True),
        (NOW - PAST_NS - 1, NOW, False, False),
        (YEAR_1970, NOW, False, False),
        (YEAR_1970, NOW, True, False),  # no clock that is right says so
        (YEAR_1970 * 9_000, NOW, False, False),
        (NOW, YEAR_1970, True, True),  # the agent's clock was never set
        (NOW, YEAR_1970, False, False),
        (YEAR_1970, YEAR_1970, False, True),
    ],
)
def test_what_is_possible(end_unix_ns: int, agent_unix_ns: int, trusted: bool, expected: bool) -> None:  # noqa: FBT001 (a case of the table)
    assert plausible(end_unix_ns, agent_unix_ns, trusted=trusted) is expected


@dataclass
class Stream:
    """Of a `SensorStream` what is looked at."""

    wrong_clock: bool
    cursor: Cursor | None = None


def test_each_sensor_with_an_impossible_time_is_returned_once_and_counted_while_it_lasts() -> None:
    clocks, streams = WrongClocks(), {"good": Stream(wrong_clock=False), "old": Stream(wrong_clock=True)}
    assert clocks.sweep(streams, NOW) == ["old"]
    assert clocks.sweep(streams, NOW) == []
    assert clocks.sensors == {"old"}
    streams["old"].wrong_clock = False
    clocks.sweep(streams, NOW)
    assert clocks.sensors == set()
    streams["old"].wrong_clock = True
    assert clocks.sweep(streams, NOW) == [], "one warning is enough"
    assert clocks.sensors == {"old"}
    del streams["old"]
    clocks.sweep(streams, NOW)
    assert clocks.sensors == set()


def test_a_clock_that_creeps_into_the_future_is_doubted_until_its_next_packet() -> None:
    clocks, stream = WrongClocks(), Stream(wrong_clock=False, cursor=Cursor(end_unix_ns=NOW + FUTURE_NS))
    assert clocks.sweep({"a": stream}, NOW) == []
    assert not stream.wrong_clock
    assert clocks.sweep({"a": stream}, NOW - 1) == [], "the next packet decides"
    assert stream.wrong_clock
    assert clocks.sweep({"a": stream}, NOW - 1) == ["a"]
