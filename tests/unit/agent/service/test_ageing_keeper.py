from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.service.ageing_keeper import FLUSH_S, ROWS_A_TURN, AgeingKeeper
from drsn.agent.storage.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Baselines:
    """Drifts that a test sets."""

    def __init__(self, **drifts: bytes) -> None:
        self.now = drifts
        self.stored_drift: Callable[[str], bytes | None] = lambda _sensor: None

    def drifts(self) -> dict[str, bytes]:
        return dict(self.now)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    journal.load()
    yield journal
    journal.close()


def test_a_drift_is_stored_every_hour_and_replaced(journal: Journal):
    baselines = Baselines(a=b"1")
    keeper = AgeingKeeper(journal.recovery, baselines)
    keeper.tend(5.0)
    keeper.tend(5.0 + FLUSH_S - 1)
    assert baselines.stored_drift("a") is None
    keeper.tend(5.0 + FLUSH_S)
    assert baselines.stored_drift("a") == b"1"
    baselines.now["a"] = b"2"
    keeper.flush()
    assert baselines.stored_drift("a") == b"2"
    assert baselines.stored_drift("b") is None


def test_a_turn_writes_few_rows_and_a_stop_writes_all(journal: Journal):
    names = [f"s{n:03}" for n in range(3 * ROWS_A_TURN)]
    baselines = Baselines(**dict.fromkeys(names, b"x"))
    keeper = AgeingKeeper(journal.recovery, baselines)
    keeper.tend(0.0)
    keeper.tend(FLUSH_S)
    stored = [name for name in names if baselines.stored_drift(name)]
    assert len(stored) == ROWS_A_TURN
    keeper.flush()
    assert all(map(baselines.stored_drift, names))


def test_while_the_disk_fails_the_rows_wait(journal: Journal):
    baselines = Baselines(a=b"1")
    keeper = AgeingKeeper(journal.recovery, baselines)
    journal.recovery.problem = "disk full"
    keeper.flush()
    journal.recovery.problem = None
    keeper.tend(0.0)
    assert baselines.stored_drift("a") == b"1"
