from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.suggestion import did_you_mean


@pytest.mark.parametrize(
    ("word", "known", "text"),
    [
        ("iner_race", ["ball", "inner_race"], "; did you mean 'inner_race'?"),
        ("Alrms", ["alarms", "events"], "; did you mean 'alarms'?"),
        ("x", ["alarms"], ""),
        ("alarms", [], ""),
    ],
)
def test_only_a_near_word_is_named(word: str, known: list[str], text: str):
    assert did_you_mean(word, known) == text


@given(st.text(), st.lists(st.text()))
def test_any_word_will_do(word: str, known: list[str]):
    near = did_you_mean(word, known)
    assert near == "" or any(repr(name) in near for name in known)
