"""A condition as people read it: in tables, views, pages and pictures."""

from __future__ import annotations

from typing import Final

from drsn.agent.decision.diagnosis import UNKNOWN

NOT_KNOWN: Final = "not known"
"""For the condition `unknown`: the model abstains, and its nearest label is no finding."""


def condition_text(condition: str, label: str | None) -> str:
    """Return a condition with its label: `inner_race (inner_race_014)`, or `not known; nearest inner_race_007`.

    Args:
        condition: of an alarm, an event or a result.
        label: the model's most probable label; None or empty: none is known.
    """
    other = label if label not in (None, "", condition) else None
    if condition == UNKNOWN:
        return f"{NOT_KNOWN}; nearest {other}" if other else NOT_KNOWN
    return f"{condition} ({other})" if other else condition
