from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.sensor_id import escaped, legal_sensor, plain_text, sensor_id

LEVELS = st.one_of(st.text(), st.text(st.sampled_from("~3af:ü_-. x7e")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("press4.de-x_1", "press4.de-x_1"),
        ("AA:BB:CC:DD:EE:FF", "AA~3aBB~3aCC~3aDD~3aEE~3aFF"),
        ("Lüfter 2", "L~c3~bcfter~202"),
        ("_internal", "~5finternal"),
        ("{4F-1A}", "~7b4F-1A~7d"),
        ("a~b", "a~b"),
        ("a~3a", "a~7e3a"),
        ("-x", "~2dx"),
    ],
)
def test_an_odd_character_is_escaped_as_its_bytes(text: str, expected: str):
    found = sensor_id(escaped(text))
    assert found == expected
    assert legal_sensor(found)


@given(LEVELS)
def test_the_escape_is_reversible_so_two_levels_never_share_an_id(text: str):
    found = sensor_id(escaped(text))
    assert plain_text(found) == text
    assert not found or legal_sensor(found) or len(found) > 64


def test_no_id_can_be_taken_for_a_topic_of_the_agent():
    assert not legal_sensor(sensor_id(""))
    assert sensor_id(escaped("_agent")) == "~5fagent"
    assert not any(legal_sensor(text) for text in ("_agent", "_reply", ".", "..", "a/b", "a" * 65))
