from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.model.data.folder import list_folder
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Make empty files; returns the folder of all."""

    def lay(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return lay


def test_folders_of_sets_are_a_split_made_by_hand(put: Callable[..., Path]):
    folder = put("train/ball/b.wav", "train/ball/a.npy", "validation/normal/a.csv", "test/normal/a.mat")
    entries, notes = list_folder(folder)
    assert [(e.name, e.set, e.label) for e in entries] == [
        ("train/ball/a.npy", "train", "ball"),
        ("train/ball/b.wav", "train", "ball"),
        ("validation/normal/a.csv", "validation", "normal"),
        ("test/normal/a.mat", "test", "normal"),
    ]
    assert len({entry.group for entry in entries}) == 4
    assert notes == ()


def test_folders_of_labels_leave_the_split_to_us(put: Callable[..., Path]):
    entries, _ = list_folder(put("normal/a.wav", "ball/a.WAV", "ball/b.txt"))
    assert [(e.name, e.set, e.label, e.group) for e in entries] == [
        ("ball/a.WAV", None, "ball", "ball/a.WAV"),
        ("ball/b.txt", None, "ball", "ball/b.txt"),
        ("normal/a.wav", None, "normal", "normal/a.wav"),
    ]


def test_files_in_a_folder_below_their_label_are_one_group_across_labels(put: Callable[..., Path]):
    entries, _ = list_folder(put("normal/pump1/a.wav", "normal/pump1/b.wav", "ball/pump1/c.wav", "ball/d.wav"))
    assert [entry.group for entry in entries] == ["ball/d.wav", "pump1", "pump1", "pump1"]


def test_a_pattern_finds_the_group_in_the_path_below_the_label(put: Callable[..., Path]):
    folder = put("normal/day1/p7_1.wav", "ball/p7_2.wav", "ball/p8_1.wav")
    entries, _ = list_folder(folder, r"(?P<group>p\d+)_")
    assert [entry.group for entry in entries] == ["p7", "p8", "p7"]
    with pytest.raises(BadDataError, match=r"ball/p7_2\.wav: group_pattern .* finds no group"):
        list_folder(folder, r"day(?P<group>\d+)")


def test_a_manifest_goes_before_all_folders(put: Callable[..., Path]):
    folder = put("train/normal/a.wav", "x/b.wav")
    (folder / "manifest.csv").write_text("file,label\nx/b.wav,ball\n")
    assert [(e.name, e.label) for e in list_folder(folder).entries] == [("x/b.wav", "ball")]


def test_what_is_not_read_is_said(put: Callable[..., Path]):
    folder = put("train/normal/a.wav", "validation/normal/a.wav", "test/normal/a.wav")
    put("spare/normal/b.wav", "train/normal/a.xyz", "train/loose.wav", ".git/x.wav", "train/normal/._a.wav")
    entries, (note,) = list_folder(folder)
    assert len(entries) == 3
    assert "3 files" in note
    assert "spare/normal/b.wav, train/loose.wav, train/normal/a.xyz" in note


def test_an_empty_set_or_folder_says_how_to_fill_it(put: Callable[..., Path], tmp_path: Path):
    with pytest.raises(BadDataError, match="no recordings; lay them out as LABEL/FILE"):
        list_folder(put("notes.wav"))
    with pytest.raises(BadDataError, match="validation: no recordings; lay them out as validation/LABEL/FILE"):
        list_folder(put("train/normal/a.wav"))
    with pytest.raises(BadDataError, match="no such folder"):
        list_folder(tmp_path / "nowhere")


def test_a_pattern_finds_speed_load_and_machine_too(put: Callable[..., Path]):
    folder = put("ball/p7_1480rpm_2hp.wav", "ball/p8_990rpm_0hp.wav")
    entries, _ = list_folder(folder, r"(?P<machine>p\d+)_(?P<rpm>\d+)rpm_(?P<load>\d+hp)")
    assert [(e.machine, e.rpm, e.load) for e in entries] == [("p7", 1480.0, "2hp"), ("p8", 990.0, "0hp")]
    assert entries[0].group == "ball/p7_1480rpm_2hp.wav"
    with pytest.raises(BadDataError, match="finds no speed in 'p7'"):
        list_folder(folder, r"(?P<rpm>p\d)")
