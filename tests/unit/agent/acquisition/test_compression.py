from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.acquisition.compression import COMPRESSED, decompressed


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, 9)])
def test_gzip_and_zlib_are_decompressed(compress):
    packed = compress(b"samples" * 100)
    assert packed[:2] in COMPRESSED
    assert decompressed(packed, 700) == b"samples" * 100
    with pytest.raises(PacketError) as refusal:
        decompressed(packed, 699)
    assert refusal.value.reason is Reason.TOO_LARGE


def test_a_bomb_takes_no_more_memory_than_the_limit():
    bomb = gzip.compress(bytes(100 << 20))
    with pytest.raises(PacketError, match="more than 1048576 bytes"):
        decompressed(bomb, 1 << 20)


@given(st.sampled_from(sorted(COMPRESSED)), st.binary(max_size=200))
def test_samples_that_begin_like_it_by_chance_stay_as_they_are(begin: bytes, rest: bytes):
    assert decompressed(begin + rest, 1000) == begin + rest


def test_a_damaged_one_is_left_to_the_codec():
    packed = gzip.compress(b"samples" * 100)
    for damaged in (packed[:-1], packed + b"x", packed[:-5] + b"\0" + packed[-4:]):
        assert decompressed(damaged, 1000) == damaged
