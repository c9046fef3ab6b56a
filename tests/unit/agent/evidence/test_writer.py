from __future__ import annotations

import errno
import threading

import pytest
from witness import about, tell

from drsn.agent.evidence import writer as module
from drsn.agent.evidence.npz_form import from_bytes
from drsn.agent.evidence.record_files import RecordFiles, listed
from drsn.agent.evidence.writer import Writer


@pytest.fixture
def snapshots(contract):
    story = tell(contract, "ball", "ball", "ball", "normal", "normal", "normal")
    story.keeper.release()
    return story.desk.taken


@pytest.fixture
def writer(tmp_path, contract):
    return Writer(RecordFiles(tmp_path, 1 << 20, 0), lambda _sensor: about(contract))


def test_records_are_written_before_an_ordered_stop(writer, snapshots, tmp_path):
    for snapshot in snapshots:
        assert writer.take(snapshot)
    writer.close()
    assert (writer.written, writer.failed, writer.problem) == (2, 0, None)
    events = {from_bytes(kept.path.read_bytes()).event.event_id for kept in listed(tmp_path)}
    assert events == {snapshot.event.event_id for snapshot in snapshots}


def test_a_full_disk_is_counted_and_told_and_over_when_it_is_over(writer, snapshots, monkeypatch, caplog):
    put, failures = RecordFiles.put, [OSError(errno.ENOSPC, "No space left on device"), KeyError("a hole of ours")]

    def fails(*arguments: object) -> None:
        if failures:
            raise failures.pop(0)
        put(*arguments)

    monkeypatch.setattr(RecordFiles, "put", fails)
    writer.take(snapshots[0])
    writer.take(snapshots[1])
    writer.close()
    assert (writer.written, writer.failed) == (0, 2)
    assert writer.problem is not None
    assert [r.levelname for r in caplog.records if r.getMessage() == "evidence lost"] == ["ERROR"], "once, not twice"
    again = Writer(writer._shelf, writer._about)
    again.take(snapshots[0])
    again.close()
    assert (again.written, again.problem) == (1, None)


def test_a_disk_that_hangs_holds_nobody(snapshots, monkeypatch, tmp_path, contract):
    monkeypatch.setattr(module, "WAITING_BYTES", 2 * snapshots[0].nbytes)
    monkeypatch.setattr(module, "FAREWELL_S", 0.05)
    hangs = threading.Event()
    monkeypatch.setattr(RecordFiles, "put", lambda *_: hangs.wait(10))
    writer = Writer(RecordFiles(tmp_path, 1 << 20, 0), lambda _sensor: about(contract))
    assert [writer.take(snapshots[0]) for _ in range(4)] == [True, True, False, False]
    writer.close()
    hangs.set()


def test_nothing_to_write_starts_no_thread(writer):
    writer.close()
    assert not writer._thread.is_alive()


def test_a_system_without_threads_loses_evidence_and_no_more(writer, snapshots, monkeypatch):
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert not writer.take(snapshots[0])
    writer.close()
