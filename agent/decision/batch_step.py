"""Counts the windows of many sensors at once, and finds those few that may change a condition.

The numbers are those of `alarm_logic.step`, bit for bit (test_batch_step.py). For a window that may change something
`step` itself decides; so all that it does with a change is written once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.acquisition.sensor_faults import NO_FAULT
from drsn.agent.decision.cusum import BOUND_NATS, LogLikelihoodRatios, accumulate_all, ceilings_nats
from drsn.agent.decision.diagnosis import ANY_FAULT, SENSOR_FAULT, SILENT, window_conditions
from drsn.agent.decision.running_gate import update_gates
from drsn.agent.decision.single_step import OneWindow
from drsn.agent.decision.slot_parameters import BY_GATE, BY_NOTHING, BY_SENSOR_FAULT, SlotParameters
from drsn.agent.decision.voting import MAX_WINDOWS, count_votes, push_all
from drsn.agent.monitoring.findings import NO_MONITOR, OBSERVED
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.diagnosis import Diagnoses
    from drsn.model.contract import ModelContract

_ONE_VOTE, _MOST_VOTES = np.uint16(1), np.uint16(MAX_WINDOWS)


@dataclass(frozen=True, slots=True)
class WindowColumns:
    """What counting uses of a batch, one row a window."""

    fresh: NDArray[np.bool_]
    faulty: NDArray[np.bool_]
    rms: NDArray[np.float64]
    rpm: NDArray[np.float64]
    duration_ns: NDArray[np.int64]
    advance_ns: NDArray[np.int64]
    best: NDArray[np.intp]
    novelty: NDArray[np.float64]
    by_condition: NDArray[np.float32]
    observed: NDArray[np.float64]
    """float64[rows, observed conditions]: as `Findings.observed_nats`; no column if the agent has no monitor."""
    zone_rank: NDArray[np.int8]
    """int8[rows, observed conditions]: rank of the zone of a window that votes for the condition; else -1."""

    @classmethod
    def of(cls, diagnoses: Diagnoses, observed: int) -> WindowColumns:
        """The columns of a batch; `observed`: conditions that monitors raise, `len(OBSERVED)` or 0."""
        batch, rows, found = diagnoses.batch, slice(diagnoses.batch.size), diagnoses.findings
        assert found is None or observed, "the engine of an agent with monitors has their conditions"
        nats, ranks = _not_monitored(batch.size, observed)
        if found is not None:
            nats, ranks = found.observed_nats.astype(np.float64), found.zone_ranks()
        return cls(
            batch.fresh[rows],
            batch.fault[rows] != NO_FAULT,
            batch.rms[rows],
            batch.rpm[rows],
            batch.duration_ns[rows],
            batch.advance_ns[rows],
            diagnoses.best,
            diagnoses.novelty,
            diagnoses.summed,
            nats,
            ranks,
        )

    def single(self) -> list[OneWindow]:
        """Each row in Python numbers."""
        return list(map(OneWindow, *(getattr(self, field.name).tolist() for field in fields(self))))

    def rows(self, which: NDArray[np.intp]) -> WindowColumns:
        """Some of the rows."""
        return WindowColumns(*(getattr(self, field.name)[which] for field in fields(self)))


@lru_cache(maxsize=256)
def _not_monitored(rows: int, observed: int) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """`WindowColumns.observed` and `zone_rank` of a batch without findings; nothing may change them."""
    return np.full((rows, observed), NO_MONITOR), np.full((rows, observed), -1, np.int8)


@dataclass(frozen=True, slots=True)
class Counted:
    """Windows of distinct sensors, counted."""

    condition: NDArray[np.int8]
    """Index of the condition that each counts as, in `WindowCounter.names`."""
    suppressor: NDArray[np.int8]
    """Code of what suppresses the machine conditions; of a window with a sensor fault, that."""
    may_change: NDArray[np.bool_]
    """bool[rows]: a condition may change."""


class WindowCounter:
    """Counts windows of distinct sensors. A call of numpy costs more than its work here, so there are few.

    Args:
        contract: of the model.
        conditions: the columns of the counters.
        ratios: of the contract.
    """

    def __init__(self, contract: ModelContract, conditions: Sequence[str], ratios: LogLikelihoodRatios) -> None:
        self.names = window_conditions(contract)
        """What a window may count as."""
        self.parameters = SlotParameters(conditions)
        self._threshold, self._ratios = contract.abstention_threshold, ratios
        faults = [name for name in contract.alarm_conditions if name != NORMAL]
        self._votes = np.array([[c == n or (c == ANY_FAULT and n in faults) for c in conditions] for n in self.names])
        """bool[names, columns]: a window that counts as the name votes for the column."""
        self._always = np.array([name == SENSOR_FAULT for name in conditions])
        """bool[columns]: the condition counts every window."""
        self._diagnosed = np.array([name != SILENT for name in conditions])
        """bool[columns]: the condition counts a window that is diagnosed."""
        self._unknown, self._sensor_fault = np.int8(len(self.names) - 2), np.int8(len(self.names) - 1)
        self._any_fault = len(faults)
        """Column of `ANY_FAULT`; those before it are of the model's faults."""
        assert conditions[self._any_fault] == ANY_FAULT, "the columns are those of the engine"
        self.observed = sum(name in OBSERVED for name in conditions)
        """Conditions that monitors raise; they are the last columns."""
        self._own = len(conditions) - self.observed

    def at_rest(
        self, slots: NDArray[np.intp], plain: NDArray[np.bool_], before: NDArray[np.bool_], unchanged: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """bool[rows]: the sensors whose records one more plain window would leave as they are.

        A plain window has no evidence above 0 and no vote. A record that it leaves as it is has none either, and has
        counted as many windows as it ever counts. So each other plain window leaves it as it is, too.

        Args:
            slots: of the sensors.
            plain: the windows that were counted.
            before: the sensors that were at rest before them.
            unchanged: the records are the same after them.
        """
        at_rest: NDArray[np.bool_] = unchanged & (before | (plain & self.parameters.calm(slots)))
        return at_rest

    def count(self, counters: NDArray[np.void], slots: NDArray[np.intp], windows: WindowColumns) -> Counted:
        """Count one window of each of some sensors.

        Args:
            counters: before the windows; they become those after them, but for `period_s`.
            slots: of the sensors, none twice.
            windows: in the same order.
        """
        parameters = self.parameters.rows(slots)
        known = windows.novelty <= parameters["novelty"]
        condition = np.where(known, windows.best.astype(np.int8), self._unknown)
        counts = np.where(known[:, np.newaxis], self._diagnosed, parameters["counts_doubt"])
        by = self._suppressors(counters, parameters, windows)
        may_change = parameters["suppressible"] & (by != parameters["suppressor"])
        if np.count_nonzero(windows.faulty):
            condition[windows.faulty], by[windows.faulty] = self._sensor_fault, BY_SENSOR_FAULT
        if np.count_nonzero(by):
            counts &= (by == BY_NOTHING)[:, np.newaxis] | self._always
        votes = self._votes.take(condition, axis=0)
        if self.observed:
            nats, present = windows.observed, parameters["present"][:, self._own :]
            counts[:, self._own :] &= present & ~np.isnan(nats)
            np.greater(nats, 0, out=votes[:, self._own :])
            worse = windows.zone_rank > parameters["worse_than"][:, self._own :]
            may_change |= (((nats > NO_MONITOR) & ~present) | worse).any(axis=1)  # or the sensor gets the condition
        changes = self._count(counters, parameters, windows, counts, votes)
        if np.count_nonzero(changes):
            may_change |= changes.any(axis=1)
        return Counted(condition, by, may_change)

    def _suppressors(
        self, counters: NDArray[np.void], parameters: NDArray[np.void], windows: WindowColumns
    ) -> NDArray[np.int8]:
        """What suppresses the machine conditions after the windows, by code; updates the gates in place."""
        by = parameters["fault_active"].astype(np.int8)  # 1 is BY_SENSOR_FAULT
        if self.parameters.any_gate:
            is_open = update_gates(counters, parameters, windows.rms, windows.rpm, windows.advance_ns, ~windows.faulty)
            by[~is_open & (by == BY_NOTHING)] = BY_GATE
        return by

    def _count(
        self, counters: NDArray[np.void], parameters: NDArray[np.void], windows: WindowColumns,
        counts: NDArray[np.bool_], votes: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Count the windows in place; return which conditions of each may change: bool[rows, columns]."""
        if np.count_nonzero(windows.fresh):
            for name in ("bits", "cast", "evidence", "held_ns"):
                counters[name][windows.fresh] = 0
        active, held_ns, advance_ns = parameters["active"], counters["held_ns"], windows.advance_ns[:, np.newaxis]
        any_active = np.count_nonzero(active)
        bits, cast = push_all(counters["bits"], votes), counters["cast"]
        np.copyto(counters["bits"], bits, where=counts[..., np.newaxis])
        np.add(cast, _ONE_VOTE, out=cast, where=counts)
        np.minimum(cast, _MOST_VOTES, out=cast)
        decisive: NDArray[Any] = count_votes(bits, parameters["mask"], self.parameters.vote_words)
        if any_active:
            decisive = np.where(active, np.minimum(cast, parameters["of"]) - decisive, decisive)
        met: NDArray[np.bool_] = decisive >= parameters["votes"]
        if self.parameters.any_weighed:
            met = self._weigh(counters, parameters, windows, counts, met)
        else:
            np.copyto(counters["evidence"], 0.0, where=counts)
        np.multiply(held_ns + advance_ns, met, out=held_ns, where=counts)
        changes: NDArray[np.bool_] = counts & met & (held_ns >= parameters["delay_ns"])
        if any_active:
            self._keep_up(parameters, changes)
            active_ns = counters["active_ns"]
            np.add(active_ns, advance_ns, out=active_ns, where=counts & active)
            active_ns[:, self._any_fault] = 0
            changes |= active_ns >= parameters["escalates_ns"]
        return changes

    def _keep_up(self, parameters: NDArray[np.void], changes: NDArray[np.bool_]) -> None:
        """Leave out, in place, what changes nothing: the only alarm stays while faults go on; their end itself."""
        of_any, active = self._any_fault, parameters["active"]
        kept = parameters["one_fault"] & ~changes[:, of_any]
        changes[:, :of_any] &= ~(kept[:, np.newaxis] & active[:, :of_any])
        changes[:, of_any] &= ~active[:, of_any]

    def _weigh(
        self, counters: NDArray[np.void], parameters: NDArray[np.void], windows: WindowColumns,
        counts: NDArray[np.bool_], met: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Update the evidence in place, 0 where votes decide; return where the rule is met."""
        evidence, threshold_nats, weighed = counters["evidence"], parameters["threshold_nats"], parameters["weighed"]
        z = np.full_like(threshold_nats, -BOUND_NATS)  # as of a condition without a ratio
        if self.parameters.any_machine_weighed:
            z[:, : self._any_fault + 1] = self._ratios.rows(windows.by_condition)
        z[:, self._own :] = np.minimum(np.fmax(windows.observed, -BOUND_NATS), BOUND_NATS)
        np.negative(z, out=z, where=parameters["active"])
        ceilings = np.where(parameters["machine_weighed"], ceilings_nats(windows.novelty, self._threshold), BOUND_NATS)
        ceilings = np.repeat(ceilings[:, np.newaxis], z.shape[1], axis=1)
        ceilings[:, self._own :] = BOUND_NATS
        share = windows.advance_ns / windows.duration_ns
        after = accumulate_all(evidence, z, share[:, np.newaxis], ceilings)
        after = np.minimum(threshold_nats, after)
        np.multiply(after, weighed, out=evidence, where=counts)
        reset = counts & weighed & (after == 0.0)  # the votes count since the evidence was 0
        np.copyto(counters["cast"], 0, where=reset)
        np.copyto(counters["bits"], 0, where=reset[..., np.newaxis])
        is_met: NDArray[np.bool_] = (after >= threshold_nats) | (met & ~weighed)
        return is_met
