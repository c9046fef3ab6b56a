from __future__ import annotations

import json
import math

from drsn.agent.tools.web.json_text import json_text


def test_numbers_that_are_not_finite_become_null():
    document = {"a": math.nan, "b": [math.inf, 1.5, (-math.inf,)], "c": {"d": "x"}}
    assert json.loads(json_text(document)) == {"a": None, "b": [None, 1.5, [None]], "c": {"d": "x"}}
    assert json_text({"a": 1}) == '{"a":1}'


def test_a_text_cannot_end_the_line():
    assert "\n" not in json_text({"comment": "a\nevent: alarm\u2028"})
