from __future__ import annotations

import pytest

from drsn.agent.backends.tensorrt.version import parse_version, same_version, version_text


@pytest.mark.parametrize(
    ("text", "told"), [("10.3.0", (10, 3, 0)), ("8.6.2.3", (8, 6, 2, 3)), ("11.4.0rc1", (11, 4, 0)), ("", ())]
)
def test_a_version_is_numbers(text: str, told: tuple[int, ...]):
    assert parse_version(text) == told


def test_a_version_is_written_as_it_is_read():
    assert version_text(parse_version("10.3.0.30")) == "10.3.0.30"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((10, 3, 0), (10, 3, 0, 30), True),
        ((10, 3, 0, 30), (10, 3, 0, 31), False),
        ((10, 3, 0), (10, 7, 0), False),
        ((10, 3), (10, 3), False),
    ],
)
def test_versions_are_compared_as_far_as_both_go_and_in_three_numbers_at_least(one, other, same):
    assert same_version(one, other) is same
