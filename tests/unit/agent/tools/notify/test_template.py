from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.notify.notification import Notification
from drsn.agent.tools.notify.template import PRESETS, VALUES, body_of, checked


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_filled(name, alarm):
    values = {"topic": "line4", **Notification("phone", "raised", alarm()).values()}
    body = body_of(checked(PRESETS[name], {"topic": "line4"}), values).decode()
    assert "press4: ball" in body
    assert "{" + "title" not in body


def test_the_values_of_a_message_are_those_of_a_template(alarm):
    assert set(Notification("phone", "raised", alarm()).values()) == set(VALUES)


def test_a_placeholder_alone_becomes_the_value_itself():
    document = checked('{"p": "{priority}", "t": ["{title}: {priority}", 7], "none": "{confidence}"}', {})
    filled = json.loads(body_of(document, {"priority": 5, "title": "a", "confidence": None}))
    assert filled == {"p": 5, "t": ["a: 5", 7], "none": None}


@given(st.text(max_size=60))
def test_no_value_changes_the_structure(text):
    document = checked(PRESETS["slack"], {})
    values = dict.fromkeys(VALUES, text)
    filled = json.loads(body_of(document, values))
    expected = text.encode("utf-8", "replace").decode()
    assert filled["blocks"][1]["text"] == {"type": "plain_text", "text": expected}


def test_a_body_has_a_limit():
    with pytest.raises(ValueError, match="more than 32768"):
        body_of(["{text}"], {"text": "x" * 40_000})
