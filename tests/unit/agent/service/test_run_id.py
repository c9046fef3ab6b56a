"""Each run is told from every other one, and knows the one before it."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from drsn.agent.service.run_id import FILE, ID, RunId

if TYPE_CHECKING:
    from pathlib import Path


def test_each_start_draws_a_new_one(tmp_path: Path):
    first, second = RunId.drawn(tmp_path, 0), RunId.drawn(tmp_path, 0)
    assert ID.fullmatch(first.id)
    assert first.id != second.id
    assert (first.since, first.before) == ("1970-01-01T00:00:00.000Z", None)


def test_a_run_knows_the_last_one_that_took_the_name(tmp_path: Path):
    """Not one that never got so far: what it may find at the broker is of the one before."""
    first = RunId.drawn(tmp_path, 0)
    first.remember(tmp_path)
    RunId.drawn(tmp_path, 0)
    assert RunId.drawn(tmp_path, 0).before == first.id


def test_it_is_on_the_disk_before_it_takes_the_place_of_the_one_before(tmp_path: Path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: [synced.append((tmp_path / FILE).exists()), sync(file)])
    RunId.drawn(tmp_path, 0).remember(tmp_path)
    assert (synced, (tmp_path / FILE).exists()) == ([False], True)


@pytest.mark.parametrize("left", [b"", b"0123456", b"x" * 8, b"\xff" * 8, b"01234567\n"])
def test_what_nobody_of_us_wrote_is_not_known(tmp_path: Path, left: bytes):
    (tmp_path / FILE).write_bytes(left)
    assert RunId.drawn(tmp_path, 0).before is None


def test_a_directory_that_can_not_be_written_is_said_and_stops_nothing(tmp_path: Path, caplog):
    RunId.drawn(tmp_path / "away", 0).remember(tmp_path / "away")
    assert [record.getMessage() for record in caplog.records] == ["cannot write the id of this run"]


def test_of_any_two_exactly_one_gives_way():
    runs = [RunId(name, since) for name in ("0a", "f0") for since in ("1970", "2026", "2027")]
    for one, other in itertools.permutations(runs, 2):
        assert one.precedes(other.since, other.id) != other.precedes(one.since, one.id)
