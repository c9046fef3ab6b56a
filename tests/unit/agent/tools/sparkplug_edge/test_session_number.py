from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.sparkplug_edge.session_number import SessionNumber

if TYPE_CHECKING:
    from pathlib import Path


def test_it_goes_on_after_a_restart_and_begins_again_after_255(tmp_path: Path):
    path = tmp_path / "bdseq"
    assert [SessionNumber(path).advance() for _ in range(3)] == [0, 1, 2]
    path.write_text("254\n")
    number = SessionNumber(path)
    assert [number.advance() for _ in range(3)] == [255, 0, 1]


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", b"1" * 9])
def test_a_damaged_file_is_replaced(tmp_path: Path, caplog, content: bytes):
    (tmp_path / "bdseq").write_bytes(content)
    assert SessionNumber(tmp_path / "bdseq").advance() == 0
    assert "not readable" in caplog.text
    assert SessionNumber(tmp_path / "bdseq").advance() == 1


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path: Path, caplog):
    number = SessionNumber(tmp_path / "none" / "bdseq")
    assert [number.advance(), number.advance()] == [0, 1]
    assert "not stored" in caplog.text
