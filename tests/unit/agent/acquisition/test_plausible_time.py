from __future__ import annotations

from dataclasses import dataclass

import pytest

from drsn.agent.acquisition.continuity import Cursor
from drsn.agent.acquisition.plausible_time import FUTURE_NS, NS, PAST_NS, WrongClocks, plausible

NOW = 1_767_225_600 * NS
YEAR_1970 = 3 * 86_400 * NS


@pytest.mark.parametrize(
    ("end_unix_ns", "agent_unix_ns", "clock_synced", "expected"),
    [
        (NOW, NOW, True, True),
        (NOW + FUTURE_NS, NOW, False, True),
        (NOW + FUTURE_NS + 1, NOW, True, False),
        (NOW - PAST_NS, NOW, False, True),
        (NOW - PAST_NS - 1, NOW, True, False),
        (YEAR_1970, NOW, True, False),
        (YEAR_1970 * 9_000, NOW, False, False),
        (NOW, YEAR_1970, True, True),  # the agent's clock was never set
        (NOW, YEAR_1970, False, False),  # and neither, perhaps, the sensor's
        (YEAR_1970, YEAR_1970, False, True),
    ],
)
def test_what_is_possible(end_unix_ns: int, agent_unix_ns: int, clock_synced: bool, expected: bool) -> None:  # noqa: FBT001 (a case of the table)
    assert plausible(end_unix_ns, agent_unix_ns, clock_synced=clock_synced) is expected


@dataclass
class Stream:
    """Of a `SensorStream` what is looked at."""

    cursor: Cursor | None


def test_each_sensor_with_an_impossible_time_is_returned_once_and_counted_while_it_lasts() -> None:
    clocks, untimed = WrongClocks(), {"none": Stream(Cursor()), "new": Stream(None)}
    streams = {"good": Stream(Cursor(end_unix_ns=NOW)), "old": Stream(Cursor(end_unix_ns=YEAR_1970)), **untimed}
    assert clocks.sweep(streams, NOW) == ["old"]
    assert clocks.sweep(streams, NOW) == []
    assert clocks.sensors == {"old"}
    assert clocks.sweep(streams, NOW + 30 * 86_400 * NS) == [], "a sensor that sends no more has no wrong clock"
    streams["old"].cursor = Cursor(end_unix_ns=NOW)
    clocks.sweep(streams, NOW)
    assert clocks.sensors == set()
    streams["old"].cursor = Cursor(end_unix_ns=YEAR_1970)
    assert clocks.sweep(streams, NOW) == [], "one warning is enough"
    assert clocks.sensors == {"old"}
    del streams["old"]
    clocks.sweep(streams, NOW)
    assert clocks.sensors == set()
