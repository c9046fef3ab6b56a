from __future__ import annotations

import errno
import threading

import pytest
from witness import sensor_setup, tell

from drsn.agent.evidence.npz_form import from_bytes
from drsn.agent.evidence.record_files import RecordFiles, listed
from drsn.agent.evidence.writer import Writer


@pytest.fixture
def captures(contract):
    story = tell(contract, "ball", "ball", "ball", "normal", "normal", "normal")
    story.recorder.release()
    return story.writer.taken


@pytest.fixture
def writer(tmp_path, contract):
    return Writer(RecordFiles(tmp_path, 1 << 20, 0), lambda _sensor: sensor_setup(contract))


def test_records_are_written_before_an_ordered_stop(writer, captures, tmp_path):
    for capture in captures:
        assert writer.take(capture)
    writer.close()
    assert (writer.written, writer.failed, writer.problem) == (2, 0, None)
    events = {from_bytes(kept.path.read_bytes()).event.event_id for kept in listed(tmp_path)}
    assert events == {capture.event.event_id for capture in captures}


def test_a_full_disk_is_counted_and_reported_until_it_has_room(
    writer, captures, monkeypatch, caplog, tmp_path, contract
):
    put, failures = RecordFiles.put, [OSError(errno.ENOSPC, "No space left on device"), KeyError("a bug")]

    def fails(*arguments: object) -> None:
        if failures:
            raise failures.pop(0)
        put(*arguments)

    monkeypatch.setattr(RecordFiles, "put", fails)
    writer.take(captures[0])
    writer.take(captures[1])
    writer.close()
    assert (writer.written, writer.failed) == (0, 2)
    assert writer.problem is not None
    assert [r.levelname for r in caplog.records if r.getMessage() == "evidence lost"] == ["ERROR"], "once, not twice"
    again = Writer(RecordFiles(tmp_path, 1 << 20, 0), lambda _sensor: sensor_setup(contract))
    again.take(captures[0])
    again.close()
    assert (again.written, again.problem) == (1, None)


def test_a_disk_that_hangs_blocks_no_caller(captures, monkeypatch, tmp_path, contract):
    hangs = threading.Event()
    monkeypatch.setattr(RecordFiles, "put", lambda *_: hangs.wait(10))
    files = RecordFiles(tmp_path, 1 << 20, 0)
    writer = Writer(files, lambda _sensor: sensor_setup(contract), waiting_bytes=2 * captures[0].nbytes)
    assert [writer.take(captures[0]) for _ in range(4)] == [True, True, False, False]
    writer.close(timeout_s=0.05)
    hangs.set()


def test_nothing_to_write_starts_no_thread(writer):
    before = threading.active_count()
    writer.close()
    assert threading.active_count() == before


def test_a_system_without_threads_loses_evidence_and_no_more(writer, captures, monkeypatch):
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert not writer.take(captures[0])
    writer.close()
