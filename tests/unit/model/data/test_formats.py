from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drsn.model.data.content import Choice
from drsn.model.data.files import MOST_CHANNELS, read_file, read_recording
from drsn.model.data.formats import FORMATS, SUFFIXES, format_of, is_recording
from drsn.model.errors import BadDataError


def test_each_suffix_and_each_magic_has_one_format():
    assert len({*SUFFIXES}) == len(SUFFIXES)
    magics = [magic for each in FORMATS for magic in each.magic]
    assert len({*magics}) == len(magics)


def test_first_bytes_decide_before_the_suffix(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.arange(99.0))
    (tmp_path / "a.txt").write_bytes((tmp_path / "a.npy").read_bytes())
    assert format_of(tmp_path / "a.txt").name == "NumPy array"
    assert read_recording(tmp_path / "a.txt", 1000.0).n_samples == 99


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook; save the sheet as CSV"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook; save the sheet as CSV"),
        ("a.xlsx", b"PK\x03\x04", "an Excel workbook; save the sheet as CSV"),
        ("a.csv", b"\x1f\x8b\x08\0", "compressed by gzip; unpack it"),
        ("a.mat", b"\n <html><body>404", "a web page, not the file; download it again"),
        ("a.csv", bytes(range(256)), "binary, not text"),
        ("a.docx", b"PK\x07\x08", "a recording is one of"),
    ],
)
def test_what_people_take_for_a_recording_is_named(name: str, content: bytes, said: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadDataError, match=said):
        read_file(tmp_path / name, Choice(1000.0))


def test_names_that_end_in_a_number_are_text():
    assert is_recording(Path("2003.10.22.12.06.24"))
    assert is_recording(Path("a.CSV"))
    assert not is_recording(Path("README"))
    assert not is_recording(Path("a.md"))


def test_more_rows_than_a_machine_has_channels_are_windows(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.zeros((MOST_CHANNELS + 1, 128)))
    with pytest.raises(BadDataError, match=r"65 channels of 128 samples: rows of windows\?"):
        read_recording(tmp_path / "a.npy", 1000.0)
    assert len(read_recording(tmp_path / "a.npy", 1000.0, channels=(3, 64)).samples) == 2


def test_an_array_that_is_transposed_says_so(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.zeros((400, 2)))
    found = read_file(tmp_path / "a.npy", Choice(1000.0))
    assert found.recording.samples.shape == (2, 400)
    assert found.notes == ("time runs along the longer axis: transposed",)


def test_the_readers_import_no_library_before_a_file_needs_it():
    """A Jetson has the base install alone."""
    libraries = ("scipy", "h5py", "nptdms", "pyuff", "pyarrow", "asammdf", "torch", "onnx", "rich")
    code = f"import sys, drsn.model.look_command; print([n for n in {libraries} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
