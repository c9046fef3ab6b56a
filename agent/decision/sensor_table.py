"""The states of all sensors: counters as one array of records, and beside it what only a change of a condition touches.

As a mapping it takes and gives whole states, made when somebody asks. The batch step reads and writes the records.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drsn.agent.decision.alarm_state import AnyFault, SensorState
from drsn.agent.decision.counters import (
    ABSENT,
    OF_ANY_FAULT,
    Counters,
    counter_dtype,
    merged,
    packed,
    period_offset,
    split,
    without_counters,
)
from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.agent.decision.running_gate import Gate
from drsn.agent.monitoring.findings import OBSERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

_FIRST_SLOTS = 64  # doubled when they are used up

OUTSIDE, AT_REST, CHANGED, COLD_CHANGED = range(4)
"""Flags of each slot."""

PERIOD_TOLERANCE, PERIOD_TOLERANCE_S = 0.1, 0.1
"""A record of which only the period has changed is written again if it has changed by more than this part of it, and by
more than this time. The period of a live sensor moves with each of its windows, and is of use after a restart alone."""


class ChangedSensor(NamedTuple):
    """A sensor whose state has changed since the last `take_changed`."""

    name: str
    cold: SensorState
    """By reference; its counters do not count (drsn.agent.decision.counters)."""
    record: bytes
    """Its counters."""
    cold_changed: bool


class SensorTable(MutableMapping[str, SensorState]):
    """Sensor -> state, in the order in which the sensors came. Each has a slot, its index in the arrays.

    Args:
        conditions: the columns of the records.
        on_free: called with each slot that becomes free; another sensor may get it.
    """

    def __init__(self, conditions: Sequence[str], on_free: Callable[[int], None] = lambda _slot: None) -> None:
        self.conditions = tuple(conditions)
        self.names: list[str] = []
        """Sensor by slot."""
        self.cold: list[SensorState] = []
        """Cold part by slot."""
        self.version = 0
        """Rises with each state that is set or removed by name."""
        self.words: NDArray[np.int64] = _empty(_FIRST_SLOTS, len(self.conditions))
        """int64[slots, words]: the records. numpy copies rows of words three times as fast as structured rows."""
        self._flags = np.zeros((4, _FIRST_SLOTS), np.bool_)
        self._period = period_offset(len(self.conditions)) // self.words.itemsize
        """Index of `period_s` in the words of a record."""
        self._written_s = np.zeros(_FIRST_SLOTS)
        """float64[slots]: the period that `take_changed` has given last."""
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._on_free = on_free
        self._last: tuple[SensorState, bytes, SensorState] | None = None  # parts, whole: it is often asked for again

    @property
    def outside(self) -> NDArray[np.bool_]:
        """bool[slots]: the next window of the sensor must take the one-window path; set with each state by name."""
        flags: NDArray[np.bool_] = self._flags[OUTSIDE]
        return flags

    @property
    def at_rest(self) -> NDArray[np.bool_]:
        """bool[slots]: one more plain window (`plain_window`) leaves the record of the sensor as it is.

        Only `period_s` changes then. False after each other change of the record.
        """
        flags: NDArray[np.bool_] = self._flags[AT_REST]
        return flags

    def __getitem__(self, name: str) -> SensorState:
        slot = self._slots[name]
        cold, record = self.cold[slot], self.record(slot)
        if self._last is None or self._last[0] is not cold or self._last[1] != record:
            self._last = (cold, record, merged(cold, record))
        return self._last[2]

    def __setitem__(self, name: str, state: SensorState) -> None:
        cold, record = split(state, self.conditions)
        slot = self._slots.get(name)
        if slot is None:
            slot = self._new_slot(name, cold)
        self._write(slot, cold, record)
        self.outside[slot] = True
        self.version += 1

    def load(self, name: str, cold: SensorState, record: bytes | None = None) -> None:
        """Add the state of a sensor as an earlier run left it; it does not count as changed.

        Args:
            name: of a new sensor.
            cold: its cold part.
            record: its counters, perhaps of another bundle; None: they are in `cold`.
        """
        slot = self._new_slot(name, cold)
        if record is None or not _fits(cold, record, self.conditions):
            record = packed(cold if record is None else merged(cold, record), self.conditions)
        self.put_record(slot, record)
        self.outside[slot], self._flags[CHANGED, slot], self._flags[COLD_CHANGED, slot] = True, False, False
        self._written_s[slot] = self.words[slot].view(np.float64)[self._period]

    def __delitem__(self, name: str) -> None:
        slot = self._slots.pop(name)
        self._free.append(slot)
        self._flags[CHANGED, slot] = self._flags[COLD_CHANGED, slot] = False
        self._on_free(slot)
        self.version += 1

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, name: object) -> bool:
        return name in self._slots

    def slot(self, name: str) -> int:
        """The slot of a sensor, which must be there."""
        return self._slots[name]

    def slots(self, names: list[str]) -> list[int | None]:
        """The slots of sensors; None: there is no such sensor."""
        return list(map(self._slots.get, names))

    def cold_of(self, name: str) -> SensorState | None:
        """The cold part of a sensor's state; None: there is no such sensor."""
        slot = self._slots.get(name)
        return None if slot is None else self.cold[slot]

    def is_regular(self, slot: int) -> bool:
        """The sensor has exactly the conditions of the columns, in any order; of `OBSERVED` some may be absent.

        `ANY_FAULT` is no condition.
        """
        conditions = self.cold[slot].conditions
        absent = [name for name in self.conditions if name not in conditions]
        return len(conditions) + len(absent) == len(self.conditions) and all(
            name in (ANY_FAULT, *OBSERVED) for name in absent
        )

    def put(self, slot: int, state: SensorState, changed: Collection[str]) -> None:
        """Set the state of a sensor after a window, of which only the counters and the `changed` conditions differ."""
        cold = self.cold[slot]
        if not (self.is_regular(slot) and len(state.conditions) == len(cold.conditions)):
            self._write(slot, *split(state, self.conditions))
            return
        if changed:
            conditions = {**cold.conditions, **{name: state.conditions[name] for name in changed}}
            parts = {name: without_counters(condition) for name, condition in conditions.items()}
            cold = replace(cold, conditions=parts, seq=state.seq, gate=Gate(), period_s=0.0, any_fault=AnyFault())
        record = packed(state, self.conditions)
        self._write(slot, cold, record)
        self._last = (self.cold[slot], record, state)

    def record(self, slot: int) -> bytes:
        """The record of a sensor."""
        record: bytes = self.words[slot].tobytes()
        return record

    def put_record(self, slot: int, record: bytes, *, at_rest: bool = False) -> None:
        """Set the record of a sensor, and whether it is at rest now."""
        self.words[slot] = np.frombuffer(record, np.int64)
        self.at_rest[slot] = at_rest
        if not (at_rest and _is_close(self.words[slot].view(np.float64)[self._period], self._written_s[slot])):
            self._flags[CHANGED, slot] = True

    def put_words(self, slots: NDArray[np.intp], words: NDArray[np.int64], at_rest: NDArray[np.bool_]) -> None:
        """Set the records of sensors, and whether these are at rest now; slots may not repeat."""
        self.words[slots] = words
        self._flags[CHANGED, slots] |= ~(
            at_rest & _is_close(words.view(np.float64)[:, self._period], self._written_s[slots])
        )
        self.at_rest[slots] = at_rest

    def mark_stored(self) -> None:
        """No state has changed since it was loaded; with its first change a state is given whole."""
        self._flags[CHANGED, :] = False

    def take_changed(self) -> list[ChangedSensor]:
        """The sensors whose state has changed since the last call, by slot; of those at rest, by more than a little."""
        slots = np.flatnonzero(self._flags[CHANGED])
        words = self.words.take(slots, axis=0)
        data, size = words.tobytes(), words.shape[1] * words.itemsize
        self._written_s[slots] = words.view(np.float64)[:, self._period]
        cold_changed = self._flags[COLD_CHANGED, slots].tolist()
        self._flags[CHANGED, slots] = self._flags[COLD_CHANGED, slots] = False
        return [
            ChangedSensor(self.names[slot], self.cold[slot], data[at * size : (at + 1) * size], cold_changed[at])
            for at, slot in enumerate(slots.tolist())
        ]

    def _write(self, slot: int, cold: SensorState, record: bytes) -> None:
        before = self.cold[slot]
        # A record refers to the conditions by their position.
        if cold is not before and (cold != before or list(cold.conditions) != list(before.conditions)):
            self.cold[slot] = cold
            self._flags[COLD_CHANGED, slot] = True
        self.put_record(slot, record)

    def _new_slot(self, name: str, cold: SensorState) -> int:
        if self._free:
            slot = self._free.pop()
            self.names[slot], self.cold[slot] = name, cold
        else:
            slot = len(self.names)
            self.names.append(name)
            self.cold.append(cold)
            if slot == len(self.words):
                self.words = np.concatenate([self.words, _empty(slot, len(self.conditions))])
                self._flags = np.concatenate([self._flags, np.zeros((4, slot), np.bool_)], axis=1)
                self._written_s = np.concatenate([self._written_s, np.zeros(slot)])
        self._slots[name] = slot
        self._flags[COLD_CHANGED, slot] = True
        return slot


def _fits(cold: SensorState, record: bytes, conditions: tuple[str, ...]) -> bool:
    """The columns of the record are these."""
    names, places = list(cold.conditions), Counters.from_bytes(record).place
    no_conditions = {ABSENT: None, OF_ANY_FAULT: ANY_FAULT}
    columns = [no_conditions[place] if place in no_conditions else names[place] for place in places]
    return conditions == tuple(columns)


def _empty(slots: int, conditions: int) -> NDArray[np.int64]:
    """Records of so many conditions without a count, as words: int64[slots, words]."""
    return np.zeros(slots, counter_dtype(conditions)).view(np.int64).reshape(slots, -1)


def _is_close(period_s: NDArray[np.float64], written_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a period is as good as the one that was written."""
    close: NDArray[np.bool_] = np.abs(period_s - written_s) <= PERIOD_TOLERANCE_S + PERIOD_TOLERANCE * written_s
    return close
