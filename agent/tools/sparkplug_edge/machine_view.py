"""Which machines have other values than before: the documents of all agents in, values out. It reads no clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drsn.agent.tools.sparkplug_edge.machine_metrics import machine_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.tools.live.live_state import LiveState, TimedResult
    from drsn.agent.tools.sparkplug_edge.machine_metrics import Values

VALID: Final = ("online", "degraded")
"""States of an agent in which its alarms are valid."""


PAUSE_S: Final = 0.2
"""Shortest time between two looks at all machines."""

SETTLE_S: Final = 0.5
"""After a connect: how long the retained documents may take. Until then, a machine may seem to have no agent."""


class _Documents(NamedTuple):
    """What the values of a machine were made of."""

    alarm: dict[str, Any] | None
    result: TimedResult | None
    valid: bool

    def same(self, other: _Documents | None) -> bool:
        """Whether no document has come since; a new document is a new object."""
        return (
            other is not None
            and self.alarm is other.alarm
            and self.result is other.result
            and self.valid == other.valid
        )


class MachineView:
    """Compares documents with those of the last call, so that a machine that sends nothing costs nothing."""

    def __init__(self) -> None:
        self.malformed: set[str] = set()
        """Sensors whose alarm is not one of this version; they count as not alive."""
        self._read: dict[str, _Documents] = {}
        self._connected_s: float | None = None  # since when, monotonic
        self._looked_s = -math.inf

    def changed(self, state: LiveState, *, connected: bool, now_s: float) -> Iterator[tuple[str, Values | None]]:
        """Each machine that has other documents, and its values; None: it is not alive. At most one look each PAUSE_S.

        Args:
            state: of all agents.
            connected: the connection to the broker of the agents works; without it, no alarm is valid.
            now_s: monotonic.
        """
        if not connected:
            self._connected_s = None
        elif self._connected_s is None:
            self._connected_s = now_s
        if now_s - self._looked_s >= PAUSE_S:
            self._looked_s = now_s
            settled = self._connected_s is not None and now_s - self._connected_s >= SETTLE_S
            yield from self._others(state, connected=settled)

    def _others(self, state: LiveState, *, connected: bool) -> Iterator[tuple[str, Values | None]]:
        alarms, statuses = state.retained.alarms, state.retained.statuses
        for sensor in [*alarms, *(self._read.keys() - alarms.keys())]:
            alarm = alarms.get(sensor)
            status = None if alarm is None else statuses.get(alarm["agent"])
            valid = connected and status is not None and status["state"] in VALID
            found = _Documents(alarm, state.results.get(sensor), valid)
            if found.same(self._read.get(sensor)):
                continue
            self._read[sensor] = found
            if alarm is None:
                del self._read[sensor]
            result = None if found.result is None else found.result.document
            values = None if alarm is None or not valid else machine_values(alarm, result)
            (self.malformed.add if values is None and valid else self.malformed.discard)(sensor)
            yield sensor, values
