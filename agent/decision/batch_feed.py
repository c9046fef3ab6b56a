"""Decides about a batch: the windows that change nothing all at once, each of the others by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.batch_step import WindowColumns
from drsn.agent.decision.counters import Counters, counter_dtype
from drsn.agent.decision.slot_parameters import SUPPRESSORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.batch_step import WindowCounter
    from drsn.agent.decision.diagnosis import Diagnoses, Diagnosis
    from drsn.agent.decision.sensor_table import SensorTable
    from drsn.agent.decision.silence_timer import SilenceTimer
    from drsn.agent.decision.single_step import OneWindow, SingleCounter


FEW_ROWS = 4
"""So many rows cost less one by one than in arrays: 25 us each, and 130 us for the first row in arrays."""


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
        counter: counts windows of many sensors.
        single: counts windows one by one.
        silence: the timers of the sensors.
        feed: applies one window by itself.
        few_rows: so many rows of distinct sensors are counted one by one.
    """

    def __init__(
        self,
        table: SensorTable,
        counter: WindowCounter,
        single: SingleCounter,
        silence: SilenceTimer,
        feed: Callable[[Diagnosis, int], Outcome],
        few_rows: int,
    ) -> None:
        self._table, self._counter, self._single = table, counter, single
        self._silence, self._feed, self._few_rows = silence, feed, few_rows
        self._dtype = counter_dtype(len(table.conditions))

    def __call__(
        self, diagnoses: Diagnoses, slots: NDArray[np.intp], decided_unix_ns: Sequence[int], new: Iterable[str]
    ) -> Decisions:
        """Apply the windows of a batch, those of one sensor in their order.

        Args:
            diagnoses: of the batch.
            slots: int[rows], of its sensors.
            decided_unix_ns: of each row, the agent's clock.
            new: the sensors that have no window yet.
        """
        windows, first, rounds = WindowColumns.of(diagnoses), set(new), rounds_of(slots)
        large = [rows for rows in rounds if len(rows) > self._few_rows]
        if len(large) == len(rounds) == 1:
            return self._round(diagnoses, large[0], slots, windows, decided_unix_ns, first)
        if not large:
            return self._one_by_one(diagnoses, np.arange(len(slots)), slots, windows.single(), decided_unix_ns, first)
        parts = [
            self._round(diagnoses, rows, slots[rows], windows.rows(rows), decided_unix_ns, first) for rows in large
        ]
        if len(large) < len(rounds):
            rows = np.concatenate(rounds[len(large) :])  # no round is larger than the one before it
            parts.append(self._one_by_one(diagnoses, rows, slots[rows], windows.single(), decided_unix_ns, first))
            rounds[len(large) :] = [rows]
        return _joined(rounds, parts)

    def _one_by_one(
        self,
        diagnoses: Diagnoses,
        rows: NDArray[np.intp],
        slots: NDArray[np.intp],
        windows: list[OneWindow],
        decided_unix_ns: Sequence[int],
        first: set[str],
    ) -> Decisions:
        """As `_round`, for rows in any number of rounds."""
        table, count, parameters = self._table, self._single.count, self._counter.parameters
        decisions = self._undecided(diagnoses, slots)
        before, after, codes = [], [], []
        for at, (row, slot) in enumerate(zip(rows.tolist(), slots.tolist(), strict=True)):
            record = table.record(slot)
            before.append(record)
            decisions.before_cold[at] = decisions.after_cold[at] = table.cold[slot]
            if not table.outside[slot]:
                counters = Counters.from_bytes(record)
                counted = count(counters, parameters.single(slot), windows[row])
                if not counted.may_change:
                    counters.period_s = self._silence.restart(slot)
                    after.append(counters.to_bytes())
                    table.put_record(slot, after[-1])
                    codes.append((counted.suppressor, counted.condition))
                    continue
            self._decide(decisions, at, row, slot, decided_unix_ns, first)
            codes.append((int(decisions.suppressed[at]), int(decisions.condition[at])))
            after.append(table.record(slot))
        decisions.suppressed[:], decisions.condition[:] = np.array(codes, np.int8).reshape(-1, 2).T
        decisions.before[:] = np.frombuffer(b"".join(before), self._dtype)
        decisions.after[:] = np.frombuffer(b"".join(after), self._dtype)
        return decisions

    def _undecided(self, diagnoses: Diagnoses, slots: NDArray[np.intp]) -> Decisions:
        size, cold = len(slots), [self._table.cold[slot] for slot in slots.tolist()]
        codes, records = np.empty((2, size), np.int8), np.empty((2, size), self._dtype)
        names = self._counter.names
        return Decisions(diagnoses, [], codes[0], codes[1], records[0], records[1], [*cold], cold, names, slots)

    def _round(
        self,
        diagnoses: Diagnoses,
        rows: NDArray[np.intp],
        slots: NDArray[np.intp],
        windows: WindowColumns,
        decided_unix_ns: Sequence[int],
        first: set[str],
    ) -> Decisions:
        """Apply one window of each of some sensors; the rows of the decisions are these."""
        table = self._table
        before = table.words.take(slots, axis=0)
        words = before.copy()
        counters = words.view(self._dtype)[:, 0]
        counted = self._counter.count(counters, slots, windows)
        cold = [table.cold[slot] for slot in slots.tolist()]
        slow = counted.may_change | table.outside.take(slots)
        some = np.count_nonzero(slow)
        quiet = np.flatnonzero(~slow) if some else slice(None)
        counters["period_s"][quiet] = self._silence.restart_all(slots[quiet])
        table.put_words(slots[quiet], words[quiet])
        before_cold: list[SensorState | None] = [*cold]
        decisions = Decisions(
            diagnoses, [], counted.suppressor, counted.condition, before.view(self._dtype)[:, 0], counters,
            before_cold, cold, self._counter.names, slots,
        )  # fmt: skip
        for at in np.flatnonzero(slow).tolist() if some else ():
            self._decide(decisions, at, int(rows[at]), int(slots[at]), decided_unix_ns, first)
        return decisions

    def _decide(
        self, decisions: Decisions, at: int, row: int, slot: int, decided_unix_ns: Sequence[int], first: set[str]
    ) -> None:
        """Apply one window by itself; `at` is its place in the decisions, `row` that in the diagnoses."""
        outcome = self._feed(decisions.diagnoses.diagnosis(row), decided_unix_ns[row])
        assert outcome.diagnosis is not None
        decisions.after[at] = self._table.words[slot].view(self._dtype)[0]
        decisions.after_cold[at] = self._table.cold[slot]
        decisions.suppressed[at] = SUPPRESSORS.index(outcome.suppressed_by)
        decisions.condition[at] = self._counter.names.index(outcome.diagnosis.condition)
        if outcome.name in first:
            first.remove(outcome.name)
            decisions.before_cold[at] = None
        elif not outcome.changes:
            return
        decisions.outcomes.append((row, outcome))


def _joined(rounds: list[NDArray[np.intp]], parts: list[Decisions]) -> Decisions:
    """The decisions of all rounds, in the order of the rows."""
    order = np.argsort(np.concatenate(rounds))
    before_cold = [cold for part in parts for cold in part.before_cold]
    after_cold = [cold for part in parts for cold in part.after_cold]
    return Decisions(
        parts[0].diagnoses,
        sorted([each for part in parts for each in part.outcomes], key=itemgetter(0)),
        np.concatenate([part.suppressed for part in parts])[order],
        np.concatenate([part.condition for part in parts])[order],
        np.concatenate([part.before for part in parts])[order],
        np.concatenate([part.after for part in parts])[order],
        [before_cold[at] for at in order.tolist()],
        [after_cold[at] for at in order.tolist()],
        parts[0].conditions,
        np.concatenate([part.slots for part in parts])[order],
    )


def rounds_of(slots: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The rows in rounds: the n-th holds the n-th row of each slot, so no slot is twice in a round."""
    size = len(slots)
    if len(set(slots.tolist())) == size:
        return [np.arange(size)]
    by_slot = np.argsort(slots, kind="stable")
    first = np.flatnonzero(np.diff(slots[by_slot], prepend=-1))
    nth = np.empty(size, np.intp)
    nth[by_slot] = np.arange(size) - np.repeat(first, np.diff(first, append=size))
    return np.split(np.argsort(nth, kind="stable"), np.cumsum(np.bincount(nth))[:-1])
