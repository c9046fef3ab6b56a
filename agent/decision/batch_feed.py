"""Decides about a batch: the windows that change nothing all at once, each of the others by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from struct import pack
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drsn.agent.acquisition.rounds import rounds_of
from drsn.agent.decision.batch_step import WindowColumns
from drsn.agent.decision.counters import Counters, counter_dtype, period_offset
from drsn.agent.decision.slot_parameters import BY_NOTHING, SUPPRESSORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.batch_step import WindowCounter
    from drsn.agent.decision.diagnosis import Diagnoses, Diagnosis
    from drsn.agent.decision.plain_window import PlainWindow
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
    """int8[rows]: what each window counted as, with the allowance of a baseline; an index of `names`."""
    before: NDArray[np.void]
    """The counters of each row's sensor before the window, with the fields of `counter_dtype`."""
    after: NDArray[np.void]
    """The same after the window."""
    before_cold: list[SensorState | None]
    """The other part of the states before the windows, by reference; None: the sensor is new."""
    after_cold: list[SensorState]
    """The same after the windows."""
    slots: NDArray[np.intp]
    """int[rows]: slot of each row's sensor in the table."""

    @property
    def names(self) -> tuple[str, ...]:
        """What a window may count as."""
        return self.diagnoses.interpreter.names

    def diagnosis(self, row: int) -> Diagnosis:
        """One row as an object, with the allowance of a baseline."""
        diagnosis, condition = self.diagnoses.diagnosis(row), self.names[self.condition[row]]
        return diagnosis if diagnosis.condition == condition else replace(diagnosis, condition=condition)


class _Work(NamedTuple):
    """A batch under way."""

    diagnoses: Diagnoses
    slots: NDArray[np.intp]
    windows: WindowColumns
    decided_unix_ns: Sequence[int]
    new: set[str]
    """Sensors whose first window is still to come."""


class BatchFeed:
    """Feeds batches to the sensors of a table.

    Args:
        table: the states; the sensors of a batch are in it.
        counter: counts windows of many sensors.
        single: counts windows one by one.
        plain: tells which windows leave a sensor at rest as it is.
        silence: the timers of the sensors.
        feed: applies one window by itself.
        few_rows: so many rows of distinct sensors are counted one by one.
    """

    def __init__(
        self,
        table: SensorTable,
        counter: WindowCounter,
        single: SingleCounter,
        plain: PlainWindow,
        silence: SilenceTimer,
        feed: Callable[[Diagnosis, int], Outcome],
        few_rows: int,
    ) -> None:
        self._table, self._counter, self._single, self._plain = table, counter, single, plain
        self._silence, self._feed, self._few_rows = silence, feed, few_rows
        self._dtype, self._period = counter_dtype(len(table.conditions)), period_offset(len(table.conditions))

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
        windows, rounds = WindowColumns.of(diagnoses, self._counter.observed), rounds_of(slots)
        work = _Work(diagnoses, slots, windows, decided_unix_ns, set(new))
        large = [rows for rows in rounds if len(rows) > self._few_rows]
        if not large:
            return self._one_by_one(work, np.arange(len(slots)))
        parts = [self._round(work, rows) for rows in large]
        if len(large) < len(rounds):
            rows = np.concatenate(rounds[len(large) :])  # no round is larger than the one before it
            parts.append(self._one_by_one(work, rows))
            large.append(rows)
        return parts[0] if len(parts) == 1 else _joined(large, parts)

    def _round(self, work: _Work, rows: NDArray[np.intp]) -> Decisions:
        """Apply one window of each of some sensors; the rows of the decisions are these."""
        table, everything = self._table, len(rows) == len(work.slots)
        slots = work.slots if everything else work.slots[rows]
        windows = work.windows if everything else work.windows.rows(rows)
        before = table.words.take(slots, axis=0)
        words, size = before.copy(), len(slots)
        counters, cold = words.view(self._dtype)[:, 0], [table.cold[slot] for slot in slots.tolist()]
        normal = np.full(size, self._plain.normal, np.int8)
        decisions = Decisions(
            work.diagnoses, [], np.full(size, BY_NOTHING, np.int8), normal, before.view(self._dtype)[:, 0], counters,
            [*cold], cold, slots,
        )  # fmt: skip
        plain, outside = self._plain.rows(windows), table.outside.take(slots)
        rests = plain & table.at_rest.take(slots) & ~outside
        moving = size - np.count_nonzero(rests)
        if moving <= self._few_rows:
            counted, at_rest = rests, rests
        else:
            found = self._counter.count(counters, slots, windows)
            decisions.suppressed[:], decisions.condition[:] = found.suppressor, found.condition
            counted = ~(found.may_change | outside)
            at_rest = self._counter.at_rest(slots, plain, table.at_rest.take(slots), unchanged(before, words))
        self._put(decisions, words, counted, at_rest)
        if size - np.count_nonzero(counted):
            self._few(work, rows, decisions, words, np.flatnonzero(~counted))
        return decisions

    def _put(
        self, decisions: Decisions, words: NDArray[np.int64], counted: NDArray[np.bool_], at_rest: NDArray[np.bool_]
    ) -> None:
        """Put the records of the rows that are counted into the table, with the periods of their sensors."""
        slots, periods_s = decisions.slots, decisions.after["period_s"]
        if np.count_nonzero(counted) < len(counted):
            periods_s[counted] = self._silence.restart_all(slots[counted])
            self._table.put_words(slots[counted], words[counted], at_rest[counted])
        else:
            periods_s[:] = self._silence.restart_all(slots)
            self._table.put_words(slots, words, at_rest)

    def _few(
        self, work: _Work, rows: NDArray[np.intp], decisions: Decisions, words: NDArray[np.int64], few: NDArray[np.intp]
    ) -> None:
        """Apply those windows of a round that are not counted yet, one by one."""
        table = self._table
        windows = work.windows.rows(rows[few]).single()
        for at, window in zip(few.tolist(), windows, strict=True):
            slot = int(decisions.slots[at])
            if work.new and table.names[slot] in work.new:
                decisions.before_cold[at] = None
            code = self._single_code(slot, table.record(slot), window)
            code = self._alone(work, int(rows[at]), decisions.outcomes) if code is None else code
            decisions.suppressed[at], decisions.condition[at] = code
            words[at], decisions.after_cold[at] = table.words[slot], table.cold[slot]

    def _one_by_one(self, work: _Work, rows: NDArray[np.intp]) -> Decisions:
        """As `_round`, for rows of any sensors, each after the one before it."""
        table, windows = self._table, work.windows.single()
        records: tuple[list[bytes], list[bytes]] = ([], [])
        codes: list[tuple[int, int]] = []
        outcomes: list[tuple[int, Outcome]] = []
        before_cold: list[SensorState | None] = []
        after_cold: list[SensorState] = []
        for row, slot in zip(rows.tolist(), work.slots[rows].tolist(), strict=True):
            records[0].append(table.record(slot))
            before_cold.append(None if work.new and table.names[slot] in work.new else table.cold[slot])
            code = self._single_code(slot, records[0][-1], windows[row])
            codes.append(self._alone(work, row, outcomes) if code is None else code)
            records[1].append(table.record(slot))
            after_cold.append(table.cold[slot])
        suppressed, condition = np.array(codes, np.int8).reshape(-1, 2).T
        before, after = (np.frombuffer(b"".join(each), self._dtype) for each in records)
        return Decisions(
            work.diagnoses, outcomes, suppressed, condition, before, after, before_cold, after_cold, work.slots[rows]
        )

    def _single_code(self, slot: int, record: bytes, window: OneWindow) -> tuple[int, int] | None:
        """Count a window; return the codes of suppressor and condition, or None if it may change something."""
        table = self._table
        if table.outside[slot]:
            return None
        plain, rests = self._plain.one(window), bool(table.at_rest[slot])
        if plain and rests:
            record = record[: self._period] + pack("d", self._silence.restart(slot)) + record[self._period + 8 :]
            table.put_record(slot, record, at_rest=True)
            return BY_NOTHING, self._plain.normal
        counters, parameters = Counters.from_bytes(record), self._counter.parameters.single(slot)
        counted = self._single.count(counters, parameters, window)
        if counted.may_change:
            return None
        rests = (rests or (plain and parameters.calm)) and counters.to_bytes() == record
        counters.period_s = self._silence.restart(slot)
        table.put_record(slot, counters.to_bytes(), at_rest=rests)
        return counted.suppressor, counted.condition

    def _alone(self, work: _Work, row: int, outcomes: list[tuple[int, Outcome]]) -> tuple[int, int]:
        """Apply a window by itself, note an outcome that counts, and return the codes of suppressor and condition."""
        outcome = self._feed(work.diagnoses.diagnosis(row), work.decided_unix_ns[row])
        assert outcome.diagnosis is not None
        if outcome.changes or outcome.name in work.new:
            work.new.discard(outcome.name)
            outcomes.append((row, outcome))
        return SUPPRESSORS.index(outcome.suppressed_by), self._counter.names.index(outcome.diagnosis.condition)


def unchanged(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[rows]: the words of a record are the same."""
    same: NDArray[np.bool_] = (before == after).all(axis=1)
    return same


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
        np.concatenate([part.slots for part in parts])[order],
    )
