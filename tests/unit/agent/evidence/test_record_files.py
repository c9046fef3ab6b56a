from __future__ import annotations

import errno
import os
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.evidence.record_files import RecordFiles, find, listed, read_file
from drsn.model.errors import BadDataError, StorageError


def ids(n: int) -> list[str]:
    return [str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(n)]


@given(
    quota=st.integers(1, 100),
    sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=25),
    restart_at=st.integers(0, 25),
)
def test_the_oldest_go_and_the_quota_is_kept_over_a_restart(tmp_path_factory, quota, sizes, restart_at):
    directory = tmp_path_factory.mktemp("files")
    files, due = RecordFiles(directory, quota, 0), {}
    for step, (number, size) in enumerate(sizes):
        if step == restart_at:
            files = RecordFiles(directory, quota, 0)
        if size > quota:
            with pytest.raises(ValueError, match="cannot be kept"):
                files.put("a", ids(10)[number], bytes(size))
            continue
        due.pop(number, None)
        while due and sum(due.values()) + size > quota:
            due.pop(next(iter(due)))
        due[number] = size
        files.put("a", ids(10)[number], bytes(size))
        path = find(directory, ids(10)[number])
        os.utime(path, ns=(step, step))  # a file system's clock may be coarser than this test
        assert {kept.event_id: kept.size for kept in listed(directory)} == {ids(10)[n]: s for n, s in due.items()}
        assert files.bytes == sum(due.values()) <= quota


def test_other_files_and_what_a_crash_left_are_no_records(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.npz").write_bytes(b"mine")
    (tmp_path / "loose.npz").write_bytes(b"mine")
    (tmp_path / "a" / f"{ids(1)[0]}.npz.part").write_bytes(b"half")
    (tmp_path / "a" / f"{ids(2)[1]}.npz").symlink_to(tmp_path / "loose.npz")
    files = RecordFiles(tmp_path, 10, 0)
    files.put("a", ids(3)[2], b"0123456789")
    assert [kept.event_id for kept in listed(tmp_path)] == [ids(3)[2]]
    assert {path.name for path in tmp_path.rglob("*.npz")} >= {"notes.npz", "loose.npz"}
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.timeout(20)
def test_what_is_no_plain_file_is_no_record_and_stops_none(tmp_path):
    """A pipe would be waited for, by the agent's loop."""
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / f"{ids(1)[0]}.npz")
    os.mkfifo(tmp_path / "a" / f"{ids(2)[1]}.npz.part")
    (tmp_path / "a" / f"{ids(3)[2]}.npz.part").mkdir()
    assert find(tmp_path, ids(1)[0]) is None
    for event_id in ids(3)[:2]:
        RecordFiles(tmp_path, 10, 0).put("a", event_id, b"1")
    assert len(listed(tmp_path)) == 2


@pytest.mark.parametrize(("sensor", "event_id"), [("../x", ids(1)[0]), ("a", "../../etc"), ("a", ""), ("", ids(1)[0])])
def test_no_name_leads_out_of_the_directory(tmp_path, sensor, event_id):
    with pytest.raises(ValueError, match="cannot be kept"):
        RecordFiles(tmp_path, 99, 0).put(sensor, event_id, b"x")
    assert find(tmp_path, "../" + ids(1)[0]) is None
    assert list(tmp_path.iterdir()) == []


def test_room_is_left_on_the_disk_for_the_alarms(tmp_path):
    with pytest.raises(OSError, match="would stay free"):
        RecordFiles(tmp_path, 99, 1 << 62).put("a", ids(1)[0], b"x")
    assert listed(tmp_path) == []


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files = RecordFiles(tmp_path, 99, 0)
    files.put("a", ids(1)[0], b"x")
    monkeypatch.setattr("drsn.agent.evidence.record_files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.put("a", ids(2)[1], b"y")
    assert [path.name for path in (tmp_path / "a").iterdir()] == [f"{ids(1)[0]}.npz"]
    assert files.bytes == 1


def test_a_file_is_read_no_further_than_allowed(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(BadDataError, match="larger than 4"):
        read_file(path, 4)
    with pytest.raises(StorageError, match="No such file"):
        read_file(tmp_path / "y", 4)
