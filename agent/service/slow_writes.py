"""What is written now and then: trends every quarter of an hour, and every hour how far the baselines have aged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from drsn.agent.service.ageing_keeper import AgeingKeeper
from drsn.agent.service.trend_keeper import TrendKeeper
from drsn.agent.settings.policies import level_of
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
    from drsn.agent.service.clock import Clock
    from drsn.agent.settings.sections import Settings
    from drsn.agent.storage.journal import Journal
    from drsn.model.contract import ModelContract


class SlowWrites(NamedTuple):
    """The keepers, as one chore of the loop."""

    trends: TrendKeeper
    ageing: AgeingKeeper

    def tend(self, now_s: float) -> None:
        """Write what is due."""
        self.trends.tend(now_s)
        self.ageing.tend(now_s)

    def flush(self) -> None:
        """Write everything: the agent stops."""
        self.trends.flush()
        self.ageing.flush()


def slow_writes_of(
    settings: Settings, contract: ModelContract, journal: Journal, clock: Clock, baselines: BaselineMonitor
) -> SlowWrites:
    """The keepers of one agent."""
    trends = TrendKeeper(journal.recovery, clock, contract.conditions.index(NORMAL), level_of(settings))
    return SlowWrites(trends, AgeingKeeper(journal.recovery, baselines))
