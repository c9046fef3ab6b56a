"""Counts one window of one sensor, in Python numbers: an array of one row costs six times as much.

As in `batch_step` the numbers are those of `alarm_logic.step`, which itself decides about a window that may change
something.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from drsn.agent.decision.cusum import BOUND_NATS, LogLikelihoodRatios, accumulate, ceiling_nats
from drsn.agent.decision.diagnosis import ANY_FAULT, SENSOR_FAULT, SILENT, UNKNOWN, window_conditions
from drsn.agent.decision.running_gate import update_gate
from drsn.agent.decision.slot_parameters import BY_GATE, BY_NOTHING, BY_SENSOR_FAULT
from drsn.agent.decision.voting import MAX_WINDOWS
from drsn.agent.monitoring.findings import NO_MONITOR, OBSERVED
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.decision.counters import Counters
    from drsn.agent.decision.slot_parameters import ColumnParameters, SensorParameters
    from drsn.model.contract import ModelContract

_ALL_VOTES = (1 << MAX_WINDOWS) - 1


class OneWindow(NamedTuple):
    """What counting uses of a window: a row of `WindowColumns` in Python numbers."""

    fresh: bool
    faulty: bool
    rms: float
    rpm: float
    duration_ns: int
    advance_ns: int
    best: int
    novelty: float
    by_condition: list[float]
    observed: list[float]
    zone_rank: list[int]


@dataclass(slots=True)
class CountedWindow:
    """A window, counted."""

    condition: int
    """As in `batch_step.Counted`."""
    suppressor: int
    may_change: bool


class SingleCounter:
    """Counts single windows.

    Args:
        contract: of the model.
        conditions: the columns of the counters.
        ratios: of the contract.
    """

    def __init__(self, contract: ModelContract, conditions: Sequence[str], ratios: LogLikelihoodRatios) -> None:
        names = window_conditions(contract)
        self._names, self._threshold, self._ratios = contract.alarm_conditions, contract.abstention_threshold, ratios
        faults = [name for name in contract.alarm_conditions if name != NORMAL]
        self._votes = [[c == n or (c == ANY_FAULT and n in faults) for c in conditions] for n in names]
        self._any_fault = len(faults)  # its column
        self._always = [name == SENSOR_FAULT for name in conditions]
        self._never = [name == SILENT for name in conditions]
        self._own = sum(name not in OBSERVED for name in conditions)  # columns before those that monitors raise
        self._unknown, self._sensor_fault = names.index(UNKNOWN), names.index(SENSOR_FAULT)

    def count(self, counters: Counters, parameters: SensorParameters, window: OneWindow) -> CountedWindow:
        """Count one window in place; `period_s` stays, and all counters are of no use if something may change."""
        known = window.novelty <= parameters.novelty
        condition = self._sensor_fault if window.faulty else window.best if known else self._unknown
        if not window.faulty:
            rpm = None if window.rpm != window.rpm else window.rpm
            counters.gate = update_gate(counters.gate, parameters.limits, window.rms, rpm, window.advance_ns)
        is_open = counters.gate.is_open(parameters.limits)
        by = BY_SENSOR_FAULT if parameters.fault_active else BY_NOTHING if is_open else BY_GATE
        by_window = BY_SENSOR_FAULT if window.faulty else by
        observed = zip(window.observed, window.zone_rank, parameters.columns[self._own :], strict=True)
        may_change = parameters.suppressible and by != parameters.suppressor
        may_change |= any(
            (nats > NO_MONITOR and not column.present) or rank > column.worse_than for nats, rank, column in observed
        )
        if not may_change:
            uses = [
                always or (by_window == BY_NOTHING and not never and (known or column.counts_doubt))
                for always, never, column in zip(self._always, self._never, parameters.columns, strict=True)
            ]
            for at, nats in enumerate(window.observed, start=self._own):
                uses[at] &= parameters.columns[at].present and not math.isnan(nats)
            may_change = self._count(counters, parameters, window, uses, condition)
        return CountedWindow(condition, by_window, may_change)

    def _count(
        self, counters: Counters, parameters: SensorParameters, window: OneWindow, uses: list[bool], condition: int
    ) -> bool:
        """Count the window for the conditions that use it; return whether one of them may change."""
        weights, share = self._weights(parameters, window), window.advance_ns / window.duration_ns
        votes = self._votes[condition][: self._own] + [nats > 0 for nats in window.observed]
        changes = []  # columns
        for at, (column, used) in enumerate(zip(parameters.columns, uses, strict=True)):
            if window.fresh:
                counters.bits[at] = counters.cast[at] = counters.held_ns[at] = 0
                counters.evidence[at] = 0.0
            if not used:
                continue
            counters.bits[at] = (counters.bits[at] << 1 | votes[at]) & _ALL_VOTES
            counters.cast[at] = min(counters.cast[at] + 1, MAX_WINDOWS)
            if column.threshold_nats is None:
                counters.evidence[at] = 0.0
                met = _decisive(counters, at, column) >= column.votes
            else:
                z, ceiling = weights[at]
                evidence = accumulate(counters.evidence[at], -z if column.active else z, share, ceiling)
                counters.evidence[at] = evidence = min(column.threshold_nats, evidence)
                if not evidence:
                    counters.bits[at] = counters.cast[at] = 0
                met = evidence >= column.threshold_nats
            held_ns = counters.held_ns[at] = counters.held_ns[at] + window.advance_ns if met else 0
            counters.active_ns[at] += window.advance_ns if column.active and at != self._any_fault else 0
            if counters.active_ns[at] >= column.escalates_ns:
                return True
            if met and held_ns >= column.delay_ns:
                changes.append(at)
        return self._may_change(parameters, changes)

    def _may_change(self, parameters: SensorParameters, changes: list[int]) -> bool:
        """Whether one of these columns may change a condition, as in `batch_step`."""
        active = parameters.columns[self._any_fault].active
        kept = parameters.one_fault and self._any_fault not in changes
        return any(
            not (active if at == self._any_fault else kept and at < self._any_fault and parameters.columns[at].active)
            for at in changes
        )

    def _weights(self, parameters: SensorParameters, window: OneWindow) -> list[tuple[float, float]]:
        """Log-likelihood ratio and ceiling of each column, in nats."""
        ratios: list[float] = []
        ceiling = BOUND_NATS
        if parameters.machine_weighed:
            ratios = list(self._ratios(dict(zip(self._names, window.by_condition, strict=True))).values())
            ceiling = ceiling_nats(window.novelty, self._threshold)
        without = self._own - len(ratios)
        observed = [(min(BOUND_NATS, max(-BOUND_NATS, nats)), BOUND_NATS) for nats in window.observed]
        return [*((z, ceiling) for z in ratios), *[(-BOUND_NATS, ceiling)] * without, *observed]


def _decisive(counters: Counters, at: int, column: ColumnParameters) -> int:
    """Votes for the change of a condition: for it, or against it while it is active."""
    votes_for = (counters.bits[at] & column.mask).bit_count()
    return min(counters.cast[at], column.of) - votes_for if column.active else votes_for
