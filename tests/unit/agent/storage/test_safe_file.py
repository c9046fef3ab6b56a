"""The agent starts with anything in the place of a state file, because nothing repairs it between two starts."""

from __future__ import annotations

import json
import os
import socket
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from events import CURSOR, SENSOR, event
from hypothesis import example, given
from hypothesis import strategies as st

from drsn.agent.service import run_id as instance
from drsn.agent.service.run_id import RunId
from drsn.agent.storage import poison_guard, rollback_guard
from drsn.agent.storage.journal import FILE as DATABASE
from drsn.agent.storage.journal import Journal
from drsn.agent.storage.poison_guard import PoisonGuard
from drsn.agent.storage.rollback_guard import RollbackGuard
from drsn.agent.storage.safe_file import read_regular
from drsn.agent.storage.state_dir import StateDir
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

GIGABYTE = 1 << 30


def sparse(path: Path) -> None:
    """A file of a gigabyte that takes no room."""
    path.touch()
    os.truncate(path, GIGABYTE)


def listening(path: Path) -> None:
    """A socket; its name stays when it is closed."""
    here = Path.cwd()
    os.chdir(path.parent)  # its name may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as place:
            place.bind(path.name)
    finally:
        os.chdir(here)


ODD = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a socket": listening,
    "a gigabyte": sparse,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a name of nothing": lambda path: path.symlink_to("nowhere/at/all"),
    "a name of itself": lambda path: path.symlink_to(path.name),
}
odd = pytest.mark.parametrize("lay", ODD.values(), ids=ODD.keys())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)
LEFT = st.fixed_dictionaries({"clean": JSON, "ends": st.dictionaries(st.text(), JSON)})
CONTENT = (
    st.binary(max_size=1100) | (JSON | LEFT).map(json.dumps).map(str.encode) | st.integers(1, 1024).map(b"[".__mul__)
)


def start(folder: Path, make_message: Callable) -> None:
    """What a start does with the small files."""
    found = PoisonGuard(folder)
    assert found.probation in (0, poison_guard.PROBATION_PACKETS)
    assert found.begin(make_message())
    found.finish()
    found.close_clean()
    RunId.drawn(folder, 0).remember(folder)
    with closing(RollbackGuard(folder)) as guard:
        guard.missing_commits("a1", 7)
        guard.record("a1", 8)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "name", [poison_guard.FILE, instance.FILE, f"{instance.FILE}.new", rollback_guard.FILE, "lock"]
)
@odd
def test_it_starts_with_anything_in_the_place_of_a_state_file(
    lay: Callable[[Path], None], name: str, tmp_path: Path, make_message
):
    lay(tmp_path / name)
    start(tmp_path, make_message)
    directory = StateDir(tmp_path)
    with suppress(StorageError) if name == "lock" else nullcontext():  # without a lock it goes on in memory
        directory.lock()
    directory.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@odd
def test_it_starts_with_anything_in_the_place_of_its_database(lay: Callable[[Path], None], suffix: str, tmp_path: Path):
    if suffix:
        with closing(Journal(tmp_path)) as journal:
            journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(1)])
    lay(tmp_path / f"{DATABASE}{suffix}")
    with closing(Journal(tmp_path)) as journal:
        journal.commit({"a": SENSOR}, {"a": CURSOR}, [event(2)])
        assert journal.load().sensors == {"a": SENSOR}


@example(content=b"[" * 1024)
@example(content=b'{"clean": true, "ends": {"a": 1e999}}')
@given(content=CONTENT)
@pytest.mark.promise(
    "The agent starts whatever is in the place of a state file: content that it cannot read is logged and "
    "written again.",
    where="storage/safe_file",
    topic="alarms",
)
def test_any_content_is_survived(content: bytes, make_message):
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in (poison_guard.FILE, instance.FILE, rollback_guard.FILE):
            (folder / file).write_bytes(content)
        PoisonGuard(folder).begin(make_message())
        RunId.drawn(folder, 0)
        with closing(RollbackGuard(folder)) as guard:
            assert guard.last_commit("a1") >= 0
        found = PoisonGuard(folder)
        assert found.probation == poison_guard.PROBATION_PACKETS
        left = json.loads((folder / poison_guard.FILE).read_text())
        assert 1 <= len(left["ends"]) <= poison_guard.MAX_SUSPECTS


@pytest.mark.parametrize(
    "content",
    [b"[" * 1024, b"1e999", b'{"clean": true, "ends": {"a": 1e999}}', b"9" * 1024, b"\0" * 1024, b" " * (100 << 20)],
    ids=["deep", "infinite", "infinite within", "long", "zeros", "100 MB"],
)
@pytest.mark.parametrize("file", [poison_guard.FILE, instance.FILE, rollback_guard.FILE])
def test_an_unreadable_file_is_logged_once_and_rewritten(
    file: str, content: bytes, tmp_path: Path, make_message, caplog
):
    (tmp_path / file).write_bytes(content)
    for _ in range(2):
        start(tmp_path, make_message)
    warned = [record.getMessage() for record in caplog.records]
    assert len(warned) == 1, warned
    assert (tmp_path / file).stat().st_size <= 1024


@odd
def test_only_a_plain_file_is_read_and_only_so_far(lay: Callable[[Path], None], tmp_path: Path):
    lay(tmp_path / "x")
    with pytest.raises(OSError, match=r"regular file|larger than|No such|Too many levels"):
        read_regular(tmp_path / "x", 8)
