"""Puts the watch of the sources together from the settings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from drsn.agent.acquisition.source_watch import Needs, SourceWatch
from drsn.agent.decision.needed_windows import needed_windows
from drsn.agent.settings.policies import policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract

QUIET_S = 30.0
"""Of a sensor whose silence is never an alarm (`silent_after_s = 0`)."""


def watch_of(settings: Settings, contract: ModelContract, known: Iterable[str], now_unix_ns: int) -> SourceWatch:
    """The watch of one agent.

    Args:
        settings: say what the alarm rule of each sensor needs.
        contract: of the model.
        known: sensors that an earlier run diagnosed.
        now_unix_ns: the agent's clock.
    """
    policy, window_ns = policy_of(settings, contract), contract.window * 1e9 / contract.sample_rate_hz

    @cache  # one entry for each source that is held
    def needs(sensor: str) -> Needs:
        found = policy(sensor)
        return Needs(needed_windows(found.machine, window_ns), found.silent_after_s or QUIET_S)

    return SourceWatch(known, now_unix_ns, needs)
