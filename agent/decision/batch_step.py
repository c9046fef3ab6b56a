"""Counts the windows of many sensors at once, and finds those few that may change a condition.

The numbers are those of `alarm_logic.step`, bit for bit (test_batch_step.py). For a window that may change something
`step` itself decides; so all that it does with a change is written once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.sensor_faults import NO_FAULT
from drsn.agent.decision.cusum import BOUND_NATS, LogLikelihoodRatios, accumulate_all, ceilings_nats
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN
from drsn.agent.decision.running_gate import update_gates
from drsn.agent.decision.slot_parameters import (
    ABSTAINED,
    AT_REST,
    BY_GATE,
    BY_NOTHING,
    BY_SENSOR_FAULT,
    DIAGNOSED,
    SlotParameters,
)
from drsn.agent.decision.voting import MAX_WINDOWS, count_votes, push_all
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.diagnosis import Diagnoses
    from drsn.model.contract import ModelContract


@dataclass(frozen=True, slots=True)
class WindowColumns:
    """What counting uses of a batch, one row a window."""

    fresh: NDArray[np.bool_]
    faulty: NDArray[np.bool_]
    rms: NDArray[np.float64]
    rpm: NDArray[np.float64]
    advance_ns: NDArray[np.int64]
    share: NDArray[np.float64]
    best: NDArray[np.intp]
    novelty: NDArray[np.float64]
    by_condition: NDArray[np.float32]

    def rows(self, which: NDArray[np.intp] | slice) -> WindowColumns:
        """Some of the rows; a slice copies nothing."""
        return WindowColumns(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Counted:
    """Windows of distinct sensors, counted."""

    counters: NDArray[np.void]
    """After the windows, if they change nothing; `period_s` is the old one."""
    condition: NDArray[np.intp]
    """Index of the condition that each counts as, in `WindowCounter.names`."""
    suppressor: NDArray[np.int8]
    """Code of what suppresses the machine conditions; of a window with a sensor fault, that."""
    may_change: NDArray[np.bool_]
    """bool[rows]: a condition may change."""


class WindowCounter:
    """Counts windows of distinct sensors.

    Args:
        contract: of the model.
        conditions: the columns of the counters.
        ratios: of the contract.
    """

    def __init__(self, contract: ModelContract, conditions: Sequence[str], ratios: LogLikelihoodRatios) -> None:
        self.names = (*contract.conditions, UNKNOWN, SENSOR_FAULT)
        """What a window may count as."""
        self.parameters = SlotParameters(conditions)
        self._threshold, self._ratios = contract.abstention_threshold, ratios
        self._conditions = len(conditions)
        self._column_of = np.array([self.names.index(n) if n in self.names else -1 for n in conditions])
        """Index of each column's condition in `names`; -1: no window votes for it."""
        self._unknown, self._sensor_fault = len(self.names) - 2, len(self.names) - 1
        self._machine = sum(name != NORMAL for name in contract.conditions)

    def columns(self, diagnoses: Diagnoses) -> WindowColumns:
        """The columns of a batch."""
        batch, size = diagnoses.batch, diagnoses.batch.size
        advance_ns = batch.advance_ns[:size]
        return WindowColumns(
            fresh=batch.fresh[:size],
            faulty=batch.fault[:size] != NO_FAULT,
            rms=batch.rms[:size],
            rpm=batch.rpm[:size],
            advance_ns=advance_ns,
            share=advance_ns / batch.duration_ns[:size],
            best=diagnoses.best,
            novelty=diagnoses.outputs.novelty.astype(np.float64),
            by_condition=diagnoses.by_condition,
        )

    def count(self, counters: NDArray[np.void], slots: NDArray[np.intp], windows: WindowColumns) -> Counted:
        """Count one window of each of some sensors.

        Args:
            counters: before the windows; they become those after them.
            slots: of the sensors, none twice.
            windows: in the same order.
        """
        parameters = self.parameters.rows(slots)
        condition = np.where(windows.novelty <= parameters["novelty"], windows.best, self._unknown)
        condition[windows.faulty] = self._sensor_fault
        by = np.where(parameters["fault_active"], BY_SENSOR_FAULT, BY_NOTHING)
        if self.parameters.any_gate:
            is_open = update_gates(counters, parameters, windows.rms, windows.rpm, windows.advance_ns, ~windows.faulty)
            by[~is_open & (by == BY_NOTHING)] = BY_GATE
        may_change = parameters["suppressible"] & (by != parameters["suppressor"])
        by_window = np.where(windows.faulty, BY_SENSOR_FAULT, by)
        use = np.where(condition == self._unknown, ABSTAINED, DIAGNOSED)
        use[by_window != BY_NOTHING] = AT_REST
        counts = parameters["counts"][np.arange(len(slots)), use]
        may_change |= self._count(counters, parameters, windows, counts, condition[:, np.newaxis] == self._column_of)
        return Counted(counters, condition, by_window.astype(np.int8), may_change)

    def _count(
        self, counters: NDArray[np.void], parameters: NDArray[np.void], windows: WindowColumns,
        counts: NDArray[np.bool_], votes: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Count the windows in place; return which rows may change a condition."""
        if windows.fresh.any():
            for name in ("bits", "cast", "evidence", "held_ns"):
                counters[name][windows.fresh] = 0
        active, advance_ns = parameters["active"], windows.advance_ns[:, np.newaxis]
        bits = push_all(counters["bits"], votes)
        cast = np.minimum(counters["cast"] + np.uint16(1), np.uint16(MAX_WINDOWS))
        votes_for = count_votes(bits, parameters["mask"], self.parameters.vote_words)
        against = np.minimum(cast, parameters["of"]) - votes_for
        met = np.where(active, against, votes_for) >= parameters["votes"]
        if self.parameters.any_weighed:
            evidence, met = self._weigh(counters, parameters, windows, met)
            reset = (evidence == 0.0) & ~np.isnan(parameters["threshold_nats"])
            bits[reset], cast[reset] = 0, 0
        else:
            evidence = np.zeros_like(counters["evidence"])
        held_ns = np.where(met, counters["held_ns"] + advance_ns, 0)
        may_change = counts & met & (held_ns >= parameters["delay_ns"])
        for name, counted in (("cast", cast), ("evidence", evidence), ("held_ns", held_ns)):
            np.copyto(counters[name], counted, where=counts)
        np.copyto(counters["bits"], bits, where=counts[..., np.newaxis])
        active_ns = counters["active_ns"]
        np.add(active_ns, advance_ns, out=active_ns, where=counts & active)
        may_change |= active_ns >= parameters["escalates_ns"]
        rows: NDArray[np.bool_] = np.logical_or.reduce(may_change, axis=1)
        return rows

    def _weigh(
        self, counters: NDArray[np.void], parameters: NDArray[np.void], windows: WindowColumns, met: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The evidence after the windows, 0 where votes decide; and where the rule is met, `met` where votes decide."""
        threshold_nats = parameters["threshold_nats"]
        z = np.full_like(threshold_nats, -BOUND_NATS)  # as of a condition without a ratio
        z[:, : self._machine] = self._ratios.rows(windows.by_condition)
        np.negative(z, out=z, where=parameters["active"])
        ceiling = np.where(parameters["weighed"], ceilings_nats(windows.novelty, self._threshold), BOUND_NATS)
        after = accumulate_all(counters["evidence"], z, windows.share[:, np.newaxis], ceiling[:, np.newaxis])
        after = np.minimum(threshold_nats, after)  # NaN where votes decide
        by_votes = np.isnan(threshold_nats)
        return np.where(by_votes, 0.0, after), np.where(by_votes, met, after >= threshold_nats)
