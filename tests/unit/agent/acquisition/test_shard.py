"""Sharding by rendezvous hashing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.shard import Shard, shard_of


@given(st.text(), st.integers(1, 12))
def test_each_sensor_has_exactly_one_shard(sensor, count):
    owners = [k for k in range(1, count + 1) if Shard(k, count).owns(sensor)]
    assert owners == [shard_of(sensor, count)]


@given(st.text(), st.integers(1, 12))
def test_one_more_shard_moves_a_sensor_to_the_new_shard_or_not_at_all(sensor, count):
    assert shard_of(sensor, count + 1) in (shard_of(sensor, count), count + 1)


def test_the_shards_are_of_about_equal_size():
    sizes = Counter(shard_of(f"pump{n}", 5) for n in range(10_000))
    assert sorted(sizes) == [1, 2, 3, 4, 5]
    assert all(1_850 < size < 2_150 for size in sizes.values())  # 2,000; standard deviation 40


def test_the_hash_is_the_documented_one_for_ever():
    """Agents of another version, and other programs, must find the same shard."""
    assert [shard_of(sensor, 5) for sensor in ("pump1", "pump2", "mill3-de", "Käfig/é")] == VECTORS


VECTORS = [4, 1, 4, 4]


@pytest.mark.parametrize("text", ["0/5", "6/5", "2", "2/", "/5", "02/5", "2/5 ", "-1/5", "1/1001", "a/b", "2/5/1", ""])
def test_another_form_is_refused(text):
    with pytest.raises(ValueError, match="such as 2/5"):
        Shard.parse(text)


def test_a_shard_is_read_and_written():
    assert Shard.parse("2/5") == Shard(2, 5)
    assert str(Shard.parse("1/1000")) == "1/1000"
