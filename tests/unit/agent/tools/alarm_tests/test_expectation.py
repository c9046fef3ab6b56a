from __future__ import annotations

import pytest

from drsn.agent.tools.alarm_tests.expectation import alarm_pattern, event_pattern
from drsn.model.errors import ConfigurationError

CONDITIONS = ("ball", "inner_race", "unknown", "sensor_fault", "silent")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "condition: say which: ball"),
        ({"condition": "rust"}, "condition: 'rust' is not one of ball"),
        ({"condition": "ball", "vote": 6}, "vote: no such field; there are at_s, condition"),
        ({"condition": "ball", "state": "active"}, "state: 'active': Input should be 'normal'"),
        ({"condition": "ball", "at_s": -1}, "at_s: -1 is no time"),
        ({"condition": "ball", "votes": "none"}, "votes: 'none'"),
        ({"condition": "ball", "event_id": "x"}, "event_id: no such field"),
    ],
)
def test_an_event_that_can_not_be_is_refused(given, complaint):
    with pytest.raises(ConfigurationError) as error:
        event_pattern(given, CONDITIONS)
    assert str(error.value).startswith(complaint)


def test_an_alarm_that_can_not_be_is_refused():
    for given in ({}, {"conditions": ["rust"]}, {"conditions": "ball"}, {"state": "off"}):
        with pytest.raises(ConfigurationError):
            alarm_pattern(given, CONDITIONS)
