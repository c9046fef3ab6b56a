from __future__ import annotations

import sys

import pytest

from drsn.agent.tools.alarm_tests.toml_text import inline_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.mark.parametrize(
    "value", ["a", 'a "quoted" name', "back\\slash", "line\nbreak", True, 3, 2.5, ["ball", 'x"'], []]
)
def test_a_value_can_be_read_back(value: object):
    assert tomllib.loads(f"table = {inline_table({'field': value, 'other': 1})}")["table"] == {
        "field": value,
        "other": 1,
    }


def test_none_and_numbers_are_short():
    assert inline_table({"a": None, "b": 0.123456789, "c": 6.0}) == '{ a = "none", b = 0.123457, c = 6 }'
