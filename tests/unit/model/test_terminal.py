from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from drsn.model.errors import StorageError, UnavailableError
from drsn.model.terminal import bar, made, torch_needed

if TYPE_CHECKING:
    from pathlib import Path


def test_what_the_base_install_lacks_is_named_with_the_extra_that_has_it():
    expected = r"training needs no_such_module; pip install 'drsn-edge\[train\]'"
    with pytest.raises(UnavailableError, match=expected), torch_needed():
        importlib.import_module("no_such_module")


def test_a_folder_that_can_not_be_made_says_where(tmp_path: Path):
    assert made(tmp_path / "a" / "b").is_dir()
    assert made(tmp_path / "a" / "b").is_dir()  # again is no error
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/below"):
        made(tmp_path / "file" / "below")


def test_all_that_is_shown_goes_to_stderr_as_it_is(capsys: pytest.CaptureFixture[str]):
    with bar(3) as shown:
        shown.say("split [by] recording")  # brackets are no markup
        shown.step(3, 0.25)
    written = capsys.readouterr()
    assert written.out == ""
    assert "split [by] recording" in written.err
    assert "loss 0.250" in written.err


def test_the_bar_counts_the_trainings_on_the_folds_too(capsys: pytest.CaptureFixture[str]):
    with bar(4) as shown:
        shown.expect(8)
        for step in (1, 2, 3, 4, 1, 2, 1, 2):
            shown.step(step, 0.5)
            assert shown.done <= 8
        assert shown.done == 8
    assert "100%" in capsys.readouterr().err


def test_the_bar_of_a_resumed_training_begins_where_it_was(capsys: pytest.CaptureFixture[str]):
    with bar(4) as shown:
        shown.step(3, 0.5)
        assert shown.done == 3
    assert "100%" in capsys.readouterr().err, "the end is the end, whatever was counted"
