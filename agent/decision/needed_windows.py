"""How many windows in a row an alarm rule needs, at least, for an alarm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drsn.agent.decision.cusum import BOUND_NATS

if TYPE_CHECKING:
    from drsn.agent.decision.rule import AlarmRule


def needed_windows(rule: AlarmRule, window_ns: float) -> int:
    """The fewest windows, one after the other, that can raise a condition.

    Args:
        rule: of the condition.
        window_ns: duration of a window.
    """
    threshold = rule.threshold_nats
    windows = rule.rise.votes if threshold is None else max(1, math.ceil(threshold / BOUND_NATS))
    return windows + max(0, math.ceil(rule.on_delay_ns / window_ns) - 1)
