"""Tells of the alarms that stand on conditions which the present bundle does not have."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.decision.orphans import orphans
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from drsn.agent.decision.sensor_table import SensorTable

NAMED = 10
"""Alarms that the warning names."""

CHECK_S = 1.0

log = logging.getLogger(__name__)


class OrphanedAlarms:
    """A chore of the loop; it looks at the sensors that had an orphan at the start, or were adopted with one.

    Args:
        sensors: the states.
        bundle: name of the bundle.
    """

    def __init__(self, sensors: SensorTable, bundle: str) -> None:
        self.warnings: tuple[str, ...] = ()
        self._sensors, self._bundle = sensors, bundle
        self._names: list[str] = []
        self._due_s = -float("inf")

    def begin(self) -> None:
        """Find the orphans, and log them."""
        self._names = list(self._sensors)
        self._look()
        for warning in self.warnings:
            log.warning("alarms exist for conditions that the bundle does not have", extra=fields(reason=warning))

    def tend(self, now_s: float) -> None:
        """Look which orphans still stand, once a second; `now_s` is monotonic."""
        if self._names and now_s >= self._due_s:
            self._due_s = now_s + CHECK_S
            self._look()

    def _look(self) -> None:
        states = ((name, self._sensors.cold_of(name)) for name in self._names)
        found = {name: orphans(state) for name, state in states if state is not None and orphans(state)}
        self._names, self.warnings = list(found), ()
        if found:
            pairs = [f"{name} ({condition})" for name, each in found.items() for condition in each]
            more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
            text = f"{len(pairs)} alarms have conditions that bundle {self._bundle} does not have: "
            remedy = "; `drsn-agent reset` ends each (docs/use/old-alarms.md)"
            self.warnings = (text + ", ".join(pairs[:NAMED]) + more + remedy,)
