from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.memory_quota import MemoryQuota, most_bytes


@pytest.fixture
def gone() -> list[str]:
    return []


@pytest.fixture
def room(gone: list[str]) -> MemoryQuota:
    return MemoryQuota(100, gone.append)


def test_all_find_room_while_there_is_some(room: MemoryQuota, gone: list[str]):
    assert room.take("a", 60)
    assert room.take("b", 40)
    assert (room.used, room.of("a"), room.of("c"), gone) == (100, 60, 0, [])


def test_who_wants_less_gets_the_room_of_the_one_that_has_most(room: MemoryQuota, gone: list[str]):
    for name, nbytes in (("a", 20), ("b", 70), ("c", 10)):
        assert room.take(name, nbytes)
    assert room.take("d", 15)
    assert (gone, room.used, room.of("b")) == (["b"], 45, 0)


def test_who_wants_as_much_as_the_largest_is_turned_away(room: MemoryQuota, gone: list[str]):
    """Else sensors of one rate would throw each other out by turns, and none would keep anything."""
    assert room.take("a", 60)
    assert not room.take("b", 60)
    assert (gone, room.used) == ([], 60)


def test_who_is_turned_away_finds_room_when_somebody_leaves(room: MemoryQuota):
    assert room.take("a", 60)
    assert not room.take("b", 60)
    room.leave("a")
    assert room.take("b", 60)
    room.clear()
    assert room.take("a", 100)


def test_another_size_takes_the_place_of_the_one_before(room: MemoryQuota):
    for nbytes in (60, 90, 30):
        assert room.take("a", nbytes)
        assert room.used == nbytes
    assert not room.take("a", 101)
    assert (room.used, room.of("a")) == (0, 0), "it has nothing: what it had was of another size"


def test_who_is_turned_away_again_and_again_is_not_looked_for_among_all(
    room: MemoryQuota, monkeypatch: pytest.MonkeyPatch
):
    room.take("a", 60)
    assert not room.take("b", 60)
    monkeypatch.setattr(room, "_make", lambda _: pytest.fail("a look at all"))
    assert not room.take("b", 60)
    assert not room.take("c", 61)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 120)), max_size=60))
def test_the_bound_holds_and_an_even_share_is_always_given(wants: list[tuple[int, int]]):
    held: dict[str, int] = {}
    room = MemoryQuota(100, held.pop)
    for sensor, nbytes in wants:
        held.pop(str(sensor), None)
        if room.take(str(sensor), nbytes):
            held[str(sensor)] = nbytes
        else:
            assert nbytes > 10, "ten sensors"
        assert room.used == sum(held.values()) <= 100
        assert {name: room.of(name) for name in held} == held


def test_a_room_is_for_all_sensors_at_five_times_the_bundles_rate(contract):
    per_window = contract.window * contract.channels
    assert most_bytes(contract, 1000, 16, 0) == 1000 * 5 * 16 * per_window
    assert most_bytes(contract, 1, 16, 10**9) == 10**9
