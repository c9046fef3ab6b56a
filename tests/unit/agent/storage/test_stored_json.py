"""The JSON form of values in the rows of the database."""

from __future__ import annotations

from dataclasses import dataclass

from drsn.agent.storage.stored_json import adapter, stored_json


@dataclass(frozen=True)
class Value:
    """A value with a default."""

    name: str
    count: int = 0


def test_defaults_are_left_out_and_come_back():
    assert stored_json(Value, Value("a")) == '{"name":"a"}'
    assert adapter(Value).validate_json('{"name":"a"}') == Value("a")


def test_an_adapter_is_made_once():
    assert adapter(Value) is adapter(Value)
