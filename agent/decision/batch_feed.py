"""Decides about a batch: the windows that change nothing all at once, each of the others by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.counters import counter_dtype
from drsn.agent.decision.slot_parameters import SUPPRESSORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.batch_step import WindowColumns, WindowCounter
    from drsn.agent.decision.diagnosis import Diagnoses, Diagnosis
    from drsn.agent.decision.sensor_table import SensorTable
    from drsn.agent.decision.silence_timer import SilenceTimer


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the windows of a batch led to. A sensor's state is `counters.merged(cold, record)`."""

    diagnoses: Diagnoses
    outcomes: list[tuple[int, Outcome]]
    """Row and outcome of each window that changed a condition or was the first of its sensor, by row."""
    suppressed: NDArray[np.int8]
    """int8[rows]: what suppresses the machine conditions, as an index of `SUPPRESSORS`; `Outcome.suppressed_by`."""
    condition: NDArray[np.int8]
    """int8[rows]: what each window counted as, with the allowance of a baseline; an index of `WindowCounter.names`."""
    before: NDArray[np.void]
    """The counters of each row's sensor before the window, with the fields of `counter_dtype`."""
    after: NDArray[np.void]
    """The same after the window."""
    before_cold: list[SensorState | None]
    """The other part of the states before the windows, by reference; None: the sensor is new."""
    after_cold: list[SensorState]
    """The same after the windows."""
    conditions: tuple[str, ...]
    """Names of the codes in `condition`."""
    slots: NDArray[np.intp]
    """int[rows]: slot of each row's sensor in the table."""

    def diagnosis(self, row: int) -> Diagnosis:
        """The diagnosis of one row as an object, with the allowance of a baseline."""
        diagnosis = self.diagnoses.diagnosis(row)
        condition = self.conditions[self.condition[row]]
        return diagnosis if condition == diagnosis.condition else replace(diagnosis, condition=condition)

    @property
    def conditions_per_sensor(self) -> int:
        """Conditions of each sensor, which the counters have columns of."""
        return int(self.before["cast"].shape[1])


class BatchFeed:
    """Feeds batches to the sensors of a table.

    Args:
        table: the states; the sensors of a batch are in it.
        counter: counts windows.
        silence: the timers of the sensors.
        feed: applies one window by itself.
    """

    def __init__(
        self,
        table: SensorTable,
        counter: WindowCounter,
        silence: SilenceTimer,
        feed: Callable[[Diagnosis, int], Outcome],
    ) -> None:
        self._table, self._counter, self._silence, self._feed = table, counter, silence, feed
        self._dtype = counter_dtype(len(table.conditions))

    def __call__(self, diagnoses: Diagnoses, decided_unix_ns: Sequence[int], new: Iterable[str]) -> Decisions:
        """Apply the windows of a batch, those of one sensor in their order.

        Args:
            diagnoses: of the batch.
            decided_unix_ns: of each row, the agent's clock.
            new: the sensors that have no window yet.
        """
        slots = np.array(self._table.slots(diagnoses.batch.sensors), np.intp)
        decisions, first = self._undecided(diagnoses, slots), set(new)
        windows, rounds = self._counter.columns(diagnoses), list(rounds_of(slots))
        for number, rows in enumerate(rounds):
            if number:
                for row in rows.tolist():
                    decisions.before_cold[row] = decisions.after_cold[row] = self._table.cold[slots[row]]
            if len(rounds) == 1:
                slow = self._count(decisions, slice(None), slots, windows)
            else:
                slow = rows[self._count(decisions, rows, slots[rows], windows.rows(rows))]
            for row in slow.tolist():
                self._decide(decisions, row, int(slots[row]), decided_unix_ns, first)
        decisions.outcomes.sort(key=itemgetter(0))
        return decisions

    def _undecided(self, diagnoses: Diagnoses, slots: NDArray[np.intp]) -> Decisions:
        size, cold = len(slots), [self._table.cold[slot] for slot in slots.tolist()]
        words = np.empty((2, size, self._table.words.shape[1]), np.int64)
        before, after = words.view(self._dtype)[..., 0]
        suppressed, condition = np.empty((2, size), np.int8)
        names = self._counter.names
        return Decisions(diagnoses, [], suppressed, condition, before, after, [*cold], cold, names, slots)

    def _count(
        self, decisions: Decisions, rows: slice | NDArray[np.intp], slots: NDArray[np.intp], windows: WindowColumns
    ) -> NDArray[np.intp]:
        """Count one window of each of some sensors; return those, by position, that must be decided one by one."""
        table = self._table
        before = table.words.take(slots, axis=0)
        words = before.copy()
        counters = words.view(self._dtype)[:, 0]
        counted = self._counter.count(counters, slots, windows)
        slow = counted.may_change | table.outside.take(slots)
        quiet: slice | NDArray[np.bool_] = ~slow if slow.any() else slice(None)
        counters["period_s"][quiet] = self._silence.restart(slots[quiet])
        table.put_words(slots[quiet], words[quiet])
        decisions.before[rows], decisions.after[rows] = before.view(self._dtype)[:, 0], counters
        decisions.suppressed[rows], decisions.condition[rows] = counted.suppressor, counted.condition
        return np.flatnonzero(slow)

    def _decide(
        self, decisions: Decisions, row: int, slot: int, decided_unix_ns: Sequence[int], first: set[str]
    ) -> None:
        """Apply one window by itself."""
        outcome = self._feed(decisions.diagnoses.diagnosis(row), decided_unix_ns[row])
        assert outcome.diagnosis is not None
        decisions.after[row] = self._table.words[slot].view(self._dtype)[0]
        decisions.after_cold[row] = self._table.cold[slot]
        decisions.suppressed[row] = SUPPRESSORS.index(outcome.suppressed_by)
        decisions.condition[row] = self._counter.names.index(outcome.diagnosis.condition)
        if outcome.name in first:
            first.remove(outcome.name)
            decisions.before_cold[row] = None
        elif not outcome.changes:
            return
        decisions.outcomes.append((row, outcome))


def rounds_of(slots: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """The rows in rounds: the n-th holds the n-th row of each slot, so no slot is twice in a round."""
    size = len(slots)
    if len(set(slots.tolist())) == size:
        yield np.arange(size)
        return
    by_slot = np.argsort(slots, kind="stable")
    first = np.flatnonzero(np.diff(slots[by_slot], prepend=-1))
    nth = np.empty(size, np.intp)
    nth[by_slot] = np.arange(size) - np.repeat(first, np.diff(first, append=size))
    yield from np.split(np.argsort(nth, kind="stable"), np.cumsum(np.bincount(nth))[:-1])
