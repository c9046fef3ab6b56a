from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.memory_quota import MemoryQuota, most_bytes


@pytest.fixture
def evicted() -> list[str]:
    return []


@pytest.fixture
def quota(evicted: list[str]) -> MemoryQuota:
    return MemoryQuota(100, evicted.append)


def test_each_reservation_is_granted_while_there_is_room(quota: MemoryQuota, evicted: list[str]):
    assert quota.reserve("a", 60)
    assert quota.reserve("b", 40)
    assert (quota.used, quota.reserved("a"), quota.reserved("c"), evicted) == (100, 60, 0, [])


def test_a_smaller_reservation_evicts_the_largest_one(quota: MemoryQuota, evicted: list[str]):
    for name, nbytes in (("a", 20), ("b", 70), ("c", 10)):
        assert quota.reserve(name, nbytes)
    assert quota.reserve("d", 15)
    assert (evicted, quota.used, quota.reserved("b")) == (["b"], 45, 0)


def test_a_reservation_as_large_as_the_largest_is_refused(quota: MemoryQuota, evicted: list[str]):
    """Otherwise sensors of one rate would evict each other in turn, and none would keep its memory."""
    assert quota.reserve("a", 60)
    assert not quota.reserve("b", 60)
    assert (evicted, quota.used) == ([], 60)


def test_a_refused_reservation_is_granted_after_a_release(quota: MemoryQuota):
    assert quota.reserve("a", 60)
    assert not quota.reserve("b", 60)
    quota.release("a")
    assert quota.reserve("b", 60)
    quota.release_all()
    assert quota.reserve("a", 100)


def test_a_reservation_replaces_the_earlier_one_of_its_name(quota: MemoryQuota):
    for nbytes in (60, 90, 30):
        assert quota.reserve("a", nbytes)
        assert quota.used == nbytes
    assert not quota.reserve("a", 101)
    assert (quota.used, quota.reserved("a")) == (0, 0), "the earlier reservation is gone: it was for another size"


def test_repeated_refusals_do_not_search_all_reservations(quota: MemoryQuota, monkeypatch: pytest.MonkeyPatch):
    quota.reserve("a", 60)
    assert not quota.reserve("b", 60)
    monkeypatch.setattr(quota, "_evict_larger", lambda _: pytest.fail("all reservations were searched"))
    assert not quota.reserve("b", 60)
    assert not quota.reserve("c", 61)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 120)), max_size=60))
def test_the_limit_holds_and_an_even_share_is_always_granted(wants: list[tuple[int, int]]):
    held: dict[str, int] = {}
    quota = MemoryQuota(100, held.pop)
    for sensor, nbytes in wants:
        held.pop(str(sensor), None)
        if quota.reserve(str(sensor), nbytes):
            held[str(sensor)] = nbytes
        else:
            assert nbytes > 10, "ten sensors"
        assert quota.used == sum(held.values()) <= 100
        assert {name: quota.reserved(name) for name in held} == held


def test_the_limit_suffices_for_all_sensors_at_five_times_the_bundles_rate(contract):
    per_window = contract.window * contract.channels
    assert most_bytes(contract, 1000, 16, 0) == 1000 * 5 * 16 * per_window
    assert most_bytes(contract, 1, 16, 10**9) == 10**9
