from __future__ import annotations

import pytest

from drsn.agent.settings.entry_name import keys_beside, place_name
from drsn.agent.settings.sections import Settings

WRITTEN = {"inputs": [{"topic": "plant/+/raw"}, {"topic": 5}], "sensors": [{"match": "press*"}], "agent": 5}


@pytest.mark.parametrize(
    ("loc", "name"),
    [
        ((), "settings"),
        (("agent", "id"), "agent.id"),
        (("inputs", 0), "inputs[0] (topic plant/+/raw)"),
        (("inputs", 0, "fields", "samples"), "inputs[0] (topic plant/+/raw): fields.samples"),
        (("inputs", 1, "codec"), "inputs[1]: codec"),
        (("inputs", 7, "codec"), "inputs[7]: codec"),
        (("sensors", 0, "alarms", "latch"), "sensors[0] (match press*): alarms.latch"),
        (("other", 0), "other[0]"),
    ],
)
def test_an_entry_of_a_list_is_named_by_what_people_recognise(loc: tuple[int | str, ...], name: str):
    assert place_name(loc, WRITTEN) == name


@pytest.mark.parametrize(
    ("loc", "key"),
    [
        (("agnt",), "agent"),
        (("agent", "idd"), "id"),
        (("inputs", 0, "hop_window"), "hop_windows"),
        (("sensors", 0, "alarms", "latc"), "latch"),
        (("sensors", 0, "bearng"), "bearing"),
    ],
)
def test_the_keys_that_could_stand_there_are_known(loc: tuple[int | str, ...], key: str):
    assert key in keys_beside(loc, Settings)


def test_of_a_place_that_is_none_no_key_is_known():
    assert keys_beside(("nowhere", "x"), Settings) == []
