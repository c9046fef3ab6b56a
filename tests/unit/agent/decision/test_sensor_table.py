from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drsn.agent.decision.alarm_state import Condition, SensorState
from drsn.agent.decision.counters import merged, packed
from drsn.agent.decision.sensor_table import SensorTable
from drsn.agent.decision.voting import Votes

COLUMNS = ("ball", "unknown", "sensor_fault", "silent")


def state(votes: int, seq: int = 0, columns: tuple[str, ...] = COLUMNS) -> SensorState:
    return SensorState({name: Condition(votes=Votes(votes, 8), seq=seq) for name in columns}, seq=seq)


@pytest.fixture
def table() -> SensorTable:
    return SensorTable(COLUMNS)


def test_it_is_a_mapping_in_the_order_of_the_sensors(table: SensorTable):
    states = {f"s{number}": state(number) for number in range(200)}  # more than the first arrays hold
    for name, each in states.items():
        table[name] = each
    assert list(table.items()) == list(states.items())
    assert (len(table), "s7" in table, "s200" in table, table.get("s200")) == (200, True, False, None)
    with pytest.raises(KeyError):
        table["s200"]
    assert table.pop("s7") == states.pop("s7")
    table["s3"] = states["s3"] = state(99)
    assert list(table.items()) == list(states.items())


def test_a_slot_is_used_again_and_its_owner_hears_of_it():
    freed: list[int] = []
    table = SensorTable(COLUMNS, freed.append)
    table["a"], table["b"] = state(1), state(2)
    slot = table.slot("a")
    del table["a"]
    assert freed == [slot]
    table["c"] = state(3)
    assert (table.slot("c"), list(table.items())) == (slot, [("b", state(2)), ("c", state(3))])


def test_what_has_changed_is_taken_once(table: SensorTable):
    table["a"], table["b"], table["c"] = state(1), state(2), state(3)
    del table["c"]
    taken = {each.name: (merged(each.cold, each.record), each.cold_changed) for each in table.take_changed()}
    assert taken == {"a": (state(1), True), "b": (state(2), True)}
    assert table.take_changed() == []


@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS[::-1], (*COLUMNS, "cage"), COLUMNS[1:], ()])
def test_what_an_earlier_run_left_is_no_change(columns: tuple[str, ...], table: SensorTable):
    """Also under a bundle with other conditions."""
    left = state(5, seq=2)
    table.load("a", left)
    other = SensorTable(columns)
    other["b"] = left
    ((_, cold, record, _),) = other.take_changed()
    table.load("b", cold, record)
    assert dict(table) == {"a": left, "b": left}
    assert table.take_changed() == []
    table.put(table.slot("a"), state(6, seq=3), COLUMNS[:1])
    ((name, cold, record, cold_changed),) = table.take_changed()
    assert (name, cold_changed, merged(cold, record).seq) == ("a", True, 3)
    assert {condition.votes for condition in cold.conditions.values()} == {Votes()}


def test_votes_alone_leave_the_cold_part(table: SensorTable):
    table["a"], table["b"] = state(1), state(2)
    table.take_changed()
    cold = table.cold_of("a")
    table.put(table.slot("a"), state(5), [])
    (changed,) = table.take_changed()
    assert (changed.name, changed.cold_changed, merged(changed.cold, changed.record)) == ("a", False, state(5))
    assert changed.cold is cold
    table["a"] = state(6)  # the same, from outside
    assert [each.cold_changed for each in table.take_changed()] == [False]
    table.put(table.slot("a"), state(6, seq=1), COLUMNS)
    table.put_words(np.array([table.slot("b")]), table.words[[table.slot("a")]], np.array([False]))
    assert [(each.name, each.cold_changed) for each in table.take_changed()] == [("a", True), ("b", False)]
    assert dict(table) == {"a": state(6, seq=1), "b": state(6)}


def test_a_record_at_rest_is_written_again_when_its_period_has_changed(table: SensorTable):
    """Else each window of each healthy sensor would be written to the disk."""
    table["a"], rests = replace(state(1), period_s=10.0), np.array([True])
    slots = np.array([table.slot("a")])
    assert [each.name for each in table.take_changed()] == ["a"]
    for period_s, written in (
        (10.5, False),
        (9.5, False),
        (11.5, True),
        (11.0, False),
        (10.0, True),
        (0.1, True),
        (0.01, False),
    ):
        record = packed(replace(state(1), period_s=period_s), COLUMNS)
        table.put_words(slots, np.frombuffer(record, np.int64)[np.newaxis], rests)
        assert table["a"].period_s == period_s
        assert [merged(each.cold, each.record).period_s for each in table.take_changed()] == [period_s] * written
        table.put_record(slots[0], record, at_rest=True)
        assert table.take_changed() == []
    table.put_record(slots[0], packed(replace(state(1), period_s=10.1), COLUMNS))
    assert [each.name for each in table.take_changed()] == ["a"]


def test_a_record_finds_its_conditions_after_their_order_has_changed(table: SensorTable):
    table["a"] = state(1)
    mixed = replace(state(1), conditions=dict(reversed(state(1).conditions.items())))
    table["a"] = mixed
    assert list(table["a"].conditions) == list(reversed(COLUMNS))
    assert table["a"] == mixed


@pytest.mark.parametrize(
    ("columns", "regular"),
    [(COLUMNS, True), (COLUMNS[::-1], True), ((*COLUMNS, "cage"), False), (COLUMNS[1:], False),
     ((*COLUMNS[1:], "cage"), False)],
)  # fmt: skip
def test_a_sensor_of_another_bundle_is_kept_whole(columns: tuple[str, ...], regular: object, table: SensorTable):
    table["a"] = state(1, columns=columns)
    assert table.is_regular(table.slot("a")) is regular
    table.put(table.slot("a"), state(2, columns=columns), [])
    assert table["a"] == state(2, columns=columns)


def test_the_version_tells_what_is_set_from_outside(table: SensorTable):
    table["a"] = state(1)
    version, slot = table.version, table.slot("a")
    table.outside[slot] = False
    table.put(slot, state(2), [])
    assert (table.version, table.outside[slot]) == (version, False)
    table["a"] = state(3)
    assert (table.version, table.outside[slot]) == (version + 1, True)
    del table["a"]
    assert table.version == version + 2
