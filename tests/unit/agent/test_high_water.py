from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from drsn.agent.high_water import FILE, SIZE, HighWater

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_the_number_of_the_last_commit_to_a_database_of_this_epoch(tmp_path: Path):
    with closing(HighWater(tmp_path)) as mark:
        assert mark.reached("a1") == 0
        for number in (7, 123_456, 8):
            mark.rise("a1", number)
            assert (mark.reached("a1"), mark.reached("b2")) == (number, 0)
    assert HighWater(tmp_path).reached("a1") == 8
    assert (tmp_path / FILE).stat().st_size == SIZE


@pytest.mark.parametrize("content", [b"", b"a1", b"a1 x", b"a1 1 2", b"\xff\xfe", bytes(64)])
def test_what_nobody_can_read_says_nothing(content: bytes, tmp_path: Path):
    (tmp_path / FILE).write_bytes(content)
    assert HighWater(tmp_path).reached("a1") == 0


def test_where_it_can_t_be_written_nothing_happens(tmp_path: Path):
    with closing(HighWater(tmp_path / "nowhere")) as mark:
        mark.rise("a1", 1)
        assert mark.reached("a1") == 0
