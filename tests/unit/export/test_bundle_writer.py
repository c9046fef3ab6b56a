from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

import pytest

from drsn.export.bundle_writer import file_entries, write_bundle
from drsn.model.bundle import Bundle, open_bundle
from drsn.model.contract import Manifest, ModelContract
from drsn.model.errors import StorageError, UsageError

FILES = {"model.onnx": b"\x08\x08", "golden.npz": b"PK", "MODEL_CARD.md": b"# card\n"}


@pytest.fixture(params=["bundle", "bundle.zip"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where to: a directory, and a .zip."""
    return tmp_path / request.param


@pytest.fixture
def write(contract: ModelContract):
    """Write a small bundle, of one version or another."""

    def written(target: Path, version: str = "1", *, force: bool = False) -> Bundle:
        files = {**FILES, "MODEL_CARD.md": f"# card {version}\n".encode()}
        manifest = Manifest(
            name="b", version=version, created="2026-01-01T00:00:00Z", contract=contract, files=file_entries(files)
        )
        return write_bundle(target, manifest, files, force=force)

    return written


def tree(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch):
    """From now on nothing reaches the disk."""

    def fill() -> None:
        def fails(_handle: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", fails)

    return fill


def test_what_is_written_opens_and_nothing_else_is_left(write, target: Path):
    bundle = write(target)
    assert bundle == open_bundle(target)
    assert bundle.read("model.onnx") == FILES["model.onnx"]
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_another_user_may_read_it(write, target: Path):
    """The agent is not who exported it."""
    write(target)
    for path in (target, *target.rglob("*")):
        assert path.stat().st_mode & 0o044 == 0o044


def test_the_same_content_gives_the_same_bytes(write, tmp_path: Path):
    first, again = write(tmp_path / "a.zip"), write(tmp_path / "b.zip")
    assert first.path.read_bytes() == again.path.read_bytes()
    assert write(tmp_path / "c").sha256 == first.sha256
    with zipfile.ZipFile(first.path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}  # whenever it was made


def test_an_older_bundle_is_replaced_only_by_force(write, target: Path):
    old = write(target, "1")
    with pytest.raises(UsageError, match="--force"):
        write(target, "2")
    assert open_bundle(target) == old
    assert write(target, "2", force=True).manifest.version == "2"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_what_is_no_bundle_is_not_replaced_by_force_either(write, target: Path):
    if target.suffix == ".zip":
        target.write_bytes(b"letters")
    else:
        target.mkdir()
        (target / "letters.txt").write_bytes(b"letters")
    before = tree(target.parent)
    with pytest.raises(UsageError, match="is no bundle"):
        write(target, force=True)
    assert tree(target.parent) == before


def test_a_full_disk_leaves_what_was_there(write, target: Path, full_disk):
    write(target, "1")
    before = tree(target.parent)
    full_disk()
    with pytest.raises(StorageError, match="No space left on device; nothing was changed"):
        write(target, "2", force=True)
    assert tree(target.parent) == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_directory_that_cannot_be_moved_leaves_what_was_there(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
):
    """The old one steps aside, then the new one moves in: either may fail."""
    old = write(tmp_path / "bundle", "1")
    rename, calls = Path.rename, []

    def fails_once(self: Path, to: Path) -> Path:
        calls.append(to)
        if len(calls) == failing:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(StorageError, match="nothing was changed"):
        write(tmp_path / "bundle", "2", force=True)
    assert open_bundle(tmp_path / "bundle") == old


def test_missing_folders_are_made_and_impossible_ones_say_so(write, tmp_path: Path):
    write(tmp_path / "new" / "folder" / "bundle")
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file" / "bundle", tmp_path / ("long" * 100)):
        with pytest.raises(StorageError, match="nothing was changed"):
            write(impossible)
