from __future__ import annotations

import pytest

from drsn.agent.schema.condition_text import condition_text


@pytest.mark.parametrize(
    ("condition", "label", "text"),
    [
        ("inner_race", "inner_race_014", "inner_race (inner_race_014)"),
        ("ball", "ball", "ball"),
        ("ball", "", "ball"),
        ("ball", None, "ball"),
        ("unknown", "inner_race_007", "not known; nearest inner_race_007"),
        ("unknown", "unknown", "not known"),
        ("unknown", None, "not known"),
    ],
)
def test_what_the_model_abstains_from_does_not_read_as_a_fault(condition: str, label: str | None, text: str):
    assert condition_text(condition, label) == text
