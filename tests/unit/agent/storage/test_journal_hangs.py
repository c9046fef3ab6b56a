"""A disk that hangs: its calls neither return nor fail."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event

from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.storage.database import Database
from drsn.agent.storage.journal import Journal
from drsn.agent.storage.limits import JournalLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


LIMITS = JournalLimits(timeout_s=0.1, timeout_per_row_s=0.0)


class Hangs:
    """Every call of a database waits from `begin` to `end`, and is executed then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._answers = threading.Event()
        self._answers.set()
        for name in ("commit", "read", "events", "reply", "load"):
            monkeypatch.setattr(Database, name, self._slowed(getattr(Database, name)))
        self.open = self._slowed(Database)
        self.begin, self.end = self._answers.clear, self._answers.set

    def _slowed(self, call: Callable[..., object]) -> Callable[..., object]:
        def slowly(*arguments: object) -> object:
            assert self._answers.wait(20)
            return call(*arguments)

        return slowly


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hangs]:
    made = Hangs(monkeypatch)
    yield made
    made.end()


@pytest.fixture
def journal(hangs: Hangs, tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path, LIMITS, hangs.open)) as opened:
        opened.commit({"a": SENSOR}, {"a": CURSOR}, [event(1)])
        yield opened


def recovers(journal: Journal) -> None:
    now_s, deadline_s = 0.0, time.monotonic() + 20
    while journal.problem is not None:
        assert time.monotonic() < deadline_s, journal.problem
        journal.tend(now_s := now_s + 100.0)


def seqs(journal: Journal) -> list[int]:
    return [entry.seq for entry in journal.read(0, 100)]


@pytest.mark.promise(
    "The same on a disk that gives no answer, neither success nor error: the agent waits for it once, not for "
    "each commit.",
    where="storage/disk_executor, storage/journal",
    topic="alarms",
)
def test_it_is_waited_for_once_and_then_all_goes_on_in_memory(journal: Journal, hangs: Hangs, tmp_path: Path):
    hangs.begin()
    began_s = time.monotonic()
    for seq in range(2, 40):
        journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(seq)])
        journal.tend(100.0 * seq)
    assert time.monotonic() - began_s < 2, "not 0.1 s for each"
    (reason,) = journal.reasons
    assert reason.startswith(
        "store: the disk still does not answer; the agent continues in memory: new events are lost if it"
    )
    assert seqs(journal) == list(range(1, 40))
    assert journal.reply("r") is None, "a command is answered all the same"
    hangs.end()
    recovers(journal)
    journal.close()
    with closing(Journal(tmp_path)) as again:
        assert seqs(again) == list(range(1, 40))
        assert again.load().last_id == 39


def test_what_was_written_after_all_is_not_there_twice(journal: Journal, hangs: Hangs, tmp_path: Path):
    """The commit that timed out is executed when the disk works again, and its content is then written once more."""
    hangs.begin()
    journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(2)])
    assert "has not answered for 0.1 s" in journal.reasons[0]
    hangs.end()
    recovers(journal)
    journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(3)])
    journal.close()
    with closing(Journal(tmp_path)) as again:
        assert [entry.id for entry in again.read(0, 100)] == seqs(again) == [1, 2, 3]
        assert again.reasons == ()


def test_while_it_hangs_the_agent_ends_without_it(journal: Journal, hangs: Hangs, caplog: pytest.LogCaptureFixture):
    hangs.begin()
    journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(2)])
    began_s = time.monotonic()
    journal.close()
    assert time.monotonic() - began_s < 2
    assert "agent stopped, but some state is not on the disk" in caplog.messages


def test_at_the_start_it_is_waited_for_however_long_it_takes(hangs: Hangs, journal: Journal, tmp_path: Path):
    """Without the saved state the agent would use event numbers twice, or begin another history."""
    epoch = journal.load().epoch
    journal.close()
    hangs.begin()
    threading.Timer(0.5, hangs.end).start()
    with closing(Journal(tmp_path, LIMITS, hangs.open)) as again:
        assert (again.load().epoch, again.reasons) == (epoch, ())


def test_an_alarm_and_its_packet_s_acknowledgement_wait_no_longer_than_that(hangs: Hangs, start):
    plant = start(StubBroker(), raise_after="1/1", clear_after="1/1")
    plant.journal.disk.timeout_s = 0.1
    plant.say("a", "normal")
    plant.turn()
    hangs.begin()
    plant.say("a", "inner_race")
    plant.turn()
    assert plant.retained("drsn/v1/a/alarm")["condition"] == "inner_race"
    assert [told["condition"] for told in plant.heard("drsn/v1/a/event")] == ["inner_race"]
    assert not plant.ingest.in_flight
