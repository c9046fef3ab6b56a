"""Folders of labelled recordings: never overwritten silently, and whole at every moment."""

from __future__ import annotations

import csv
import math
import multiprocessing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.tools.labelling.labelled_folder import COLUMNS, TABLE, EventLabel, add, rows_of
from drsn.agent.tools.labelling.stretches import Stretch
from drsn.model.data.files import read_recording
from drsn.model.errors import BadDataError, StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

RECORDING = Stretch(np.arange(8, dtype=np.float32).reshape(2, 4), 12_000.0, "g", 1500.0, 1)
EVENT = EventLabel("e1", "normal", "press4", "ball", "2026-01-01T00:00:00.000Z", "ana", "new bearing")


def test_the_table_has_the_columns_that_training_reads(tmp_path: Path):
    added = add(tmp_path / "new" / "folder", EVENT, [RECORDING])
    assert (added.files, added.new) == (("normal/e1.npz",), True)
    with (tmp_path / "new" / "folder" / TABLE).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "file": "normal/e1.npz", "label": "normal", "sensor": "press4", "condition": "ball", "event_id": "e1",
        "sample_rate_hz": "12000", "by": "ana", "comment": "new bearing", "decided_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip


@pytest.mark.parametrize(("rpm", "read"), [(1500.0, 1500.0), (math.nan, None)])
def test_the_readers_of_training_read_the_file(tmp_path: Path, rpm: float, read: float | None):
    add(tmp_path, EVENT, [replace(RECORDING, rpm=rpm)])
    recording = read_recording(tmp_path / "normal" / "e1.npz", None)
    assert np.array_equal(recording.samples, RECORDING.samples)
    assert (recording.sample_rate_hz, recording.rpm) == (12_000.0, read)
    with np.load(tmp_path / "normal" / "e1.npz", allow_pickle=False) as content:
        assert (str(content["unit"]), content["samples"].dtype) == ("g", np.float32)


def test_a_recording_in_parts_has_a_row_for_each(tmp_path: Path):
    assert add(tmp_path, EVENT, [RECORDING, RECORDING]).files == ("normal/e1.npz", "normal/e1-2.npz")
    assert [row.event_id for row in rows_of(tmp_path)] == ["e1", "e1"]


def test_the_same_label_again_changes_nothing(tmp_path: Path):
    add(tmp_path, EVENT, [RECORDING])
    before = (tmp_path / TABLE).read_bytes()
    again = add(tmp_path, replace(EVENT, by="ben"), [RECORDING])
    assert (again.files, again.new, (tmp_path / TABLE).read_bytes()) == (("normal/e1.npz",), False, before)


def test_a_file_that_is_missing_is_written_again(tmp_path: Path):
    add(tmp_path, EVENT, [RECORDING])
    (tmp_path / "normal" / "e1.npz").unlink()
    assert add(tmp_path, EVENT, [RECORDING]).new
    assert len(rows_of(tmp_path)) == 1


def test_another_label_is_refused_until_it_is_to_replace_the_first(tmp_path: Path):
    add(tmp_path, EVENT, [RECORDING, RECORDING])
    add(tmp_path, replace(EVENT, event_id="e2"), [RECORDING])
    other = replace(EVENT, label="inner_race")
    with pytest.raises(UsageError, match="has the label 'normal' by 'ana'"):
        add(tmp_path, other, [RECORDING])
    assert not (tmp_path / "inner_race").exists()
    add(tmp_path, other, [RECORDING], replace=True)
    assert [(row.file, row.label) for row in rows_of(tmp_path)] == [
        ("normal/e2.npz", "normal"), ("inner_race/e1.npz", "inner_race")
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "normal").iterdir()) == ["e2.npz"]


@pytest.mark.parametrize("label", ["", ".", "..", "../x", "a/b", "a b", "-x", "x" * 65, "é"])
def test_a_label_is_the_name_of_a_folder(tmp_path: Path, label: str):
    with pytest.raises(UsageError, match="label"):
        add(tmp_path / "out", replace(EVENT, label=label), [RECORDING])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["file,label\n", "", "\n\n", ",".join(COLUMNS) + "\nnormal/x.npz,normal\n"])
def test_a_table_of_other_columns_is_left_as_it_is(tmp_path: Path, text: str):
    (tmp_path / TABLE).write_text(text)
    with pytest.raises(BadDataError, match=TABLE):
        add(tmp_path, EVENT, [RECORDING])
    assert (tmp_path / TABLE).read_text() == text


def test_a_row_cannot_remove_a_file_outside(tmp_path: Path):
    folder, outside = tmp_path / "folder", tmp_path / "outside.npz"
    outside.write_bytes(b"x")
    add(folder, EVENT, [RECORDING])
    table = (folder / TABLE).read_text()
    (folder / TABLE).write_text(table.replace("normal/e1.npz", "../outside.npz"))
    add(folder, replace(EVENT, label="ball"), [RECORDING], replace=True)
    assert outside.exists()


@pytest.mark.parametrize("comment", ["=1+1", "@x", "+1", "-1", "two\nlines", 'a "quoted", text'])
def test_a_comment_is_no_formula_and_no_second_row(tmp_path: Path, comment: str):
    add(tmp_path, replace(EVENT, comment=comment), [RECORDING])
    (row,) = rows_of(tmp_path)
    assert not row.comment.startswith(("=", "+", "-", "@"))
    assert "\n" not in row.comment


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        add(tmp_path / "file", EVENT, [RECORDING])


def _add_some(folder: Path, first: int) -> None:
    for number in range(first, first + 10):
        add(folder, replace(EVENT, event_id=f"e{number}"), [RECORDING])


def test_several_programs_may_add_at_the_same_time(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_some, args=(tmp_path, first)) for first in (0, 10, 20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(row.event_id for row in rows_of(tmp_path)) == sorted(f"e{number}" for number in range(30))
    assert not list(tmp_path.rglob("*.part"))
