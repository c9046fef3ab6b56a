from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.data.entry import RecordingEntry
from drsn.model.data.manifest import read_manifest
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[RecordingEntry, ...]]:
    def of(text: str, group_pattern: str | None = None) -> tuple[RecordingEntry, ...]:
        (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
        return read_manifest(tmp_path, group_pattern)

    return of


def test_a_line_says_all_of_a_recording(read: Callable[..., tuple[RecordingEntry, ...]], tmp_path: Path):
    text = (
        "File,Label,group,set,sample_rate_hz,rpm,channels,note\n"
        "a/1.wav,normal,pump 1,Test,25600,1497.5,x;2,after the repair\n"
    )
    assert read(text) == (
        RecordingEntry(tmp_path / "a/1.wav", "a/1.wav[x;2]", "normal", "pump 1", "test", 25_600.0, 1497.5, ("x", "2")),
    )


def test_only_file_and_label_are_needed_and_a_file_is_its_own_group(read: Callable[..., tuple[RecordingEntry, ...]]):
    (first, second) = read("\ufefflabel;file\nnormal;1.wav\n;\nball;2.wav\n")
    assert (first.label, first.group, first.set, first.rpm, first.channels) == ("normal", "1.wav", None, None, ())
    assert second.group == "2.wav"


def test_a_group_comes_from_its_column_or_else_from_the_pattern(read: Callable[..., tuple[RecordingEntry, ...]]):
    entries = read("file,label,group\np1_a.wav,normal,\np1_b.wav,normal,own\n", r"(?P<group>p\d)")
    assert [entry.group for entry in entries] == ["p1", "own"]


def test_channels_of_one_file_are_recordings_of_one_group(read: Callable[..., tuple[RecordingEntry, ...]]):
    entries = read("file,label,channel\nrig.csv,normal,1\nrig.csv,ball,2\n")
    assert [(entry.label, entry.channels, entry.group) for entry in entries] == [
        ("normal", ("1",), "rig.csv"), ("ball", ("2",), "rig.csv"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column file"),
        ("file,group\na,b\n", "no column label"),
        ("file,label,grup\na,b,c\n", r"has columns \['grup'\]"),
        ("file,label,file\na,b,c\n", "each once"),
        ("file,label\n", "lists no recordings"),
        ("file,label\n,normal\n", "line 2: no file or no label"),
        ("file,label\na,normal,x\n", "line 2: 3 values for 2 columns"),
        ('file,label\na,"normal\n', "line 2"),
        ("file,label,set\na,normal,dev\n", "line 2: set 'dev' is not one of train, validation, test"),
        ("file,label,set\na,normal,test\nb,normal,\n", "some have none"),
        ("file,label,rpm\na,normal,1\nb,normal,fast\n", "line 3: rpm 'fast'"),
        ("file,label,sample_rate_hz\na,normal,-1\n", "above 0"),
        ("file,label\na,normal\na,ball\n", "lists a twice"),
    ],
)
def test_a_line_that_can_not_be_meant_is_named(text: str, said: str, read: Callable[..., tuple[RecordingEntry, ...]]):
    with pytest.raises(BadDataError, match=said):
        read(text)


def test_a_manifest_in_another_encoding_says_how_to_save_it(tmp_path: Path):
    (tmp_path / "manifest.csv").write_bytes("file,label\nprüfstand,normal\n".encode("latin-1"))
    with pytest.raises(BadDataError, match="save it as CSV UTF-8"):
        read_manifest(tmp_path)


def test_a_manifest_that_can_not_be_read_is_a_matter_of_storage(tmp_path: Path):
    with pytest.raises(StorageError, match=r"manifest\.csv: No such file"):
        read_manifest(tmp_path)


def test_any_text_is_a_manifest_or_refused(read: Callable[..., tuple[RecordingEntry, ...]]):
    @given(st.text(st.sampled_from('abc,;"\n\r\0 1.-é'), max_size=60))
    def read_or_refuse(text: str) -> None:
        try:
            entries = read("file,label,set,rpm\n" + text)
        except BadDataError:
            return
        assert all(entry.name and entry.label for entry in entries)

    read_or_refuse()


def test_load_and_machine_are_conditions_that_can_be_left_out(read: Callable[..., tuple[RecordingEntry, ...]]):
    (entry,) = read("file,label,load,machine\n1.wav,normal,2 hp,pump 1\n")
    assert (entry.load, entry.machine) == ("2 hp", "pump 1")
