from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from drsn.model.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_is_replaced_with_its_mode(tmp_path: Path):
    path = tmp_path / "a.bin"
    for content in (b"old", b"new"):
        write_whole(path, content, 0o644)
        assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_written_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "a.bin"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
