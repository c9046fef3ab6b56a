"""The table of file formats that are read: suffixes, first bytes, library, reader."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.model.data.readers.hdf5 import read_hdf5
from drsn.model.data.readers.matlab import read_mat
from drsn.model.data.readers.mdf import read_mdf
from drsn.model.data.readers.numpy_file import read_npy, read_npz
from drsn.model.data.readers.parquet import read_parquet
from drsn.model.data.readers.tdms import read_tdms
from drsn.model.data.readers.text import read_text
from drsn.model.data.readers.uff import read_uff
from drsn.model.data.readers.wav import read_wav
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.model.data.content import Choice, Content


@dataclass(frozen=True)
class FileFormat:
    """One format."""

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...]
    """First bytes of a file; empty where a format has none."""
    library: str
    """Package of the extra `files`; empty for formats that the base install reads."""
    holds: str
    read: Callable[[Path, Choice], Content]


FORMATS = (
    FileFormat(
        "text", (".csv", ".txt", ".tsv", ".dat", ".asc", ".lvm", ".xls"), (), "",
        "a line is a moment, a column a channel; see below", read_text,
    ),
    FileFormat(
        "WAVE", (".wav",), (b"RIFF", b"RF64", b"BW64"), "",
        "8, 16, 24, 32 bit or floats, also RF64 above 4 GB, and streams whose header has no size", read_wav,
    ),
    FileFormat(
        "NumPy array", (".npy",), (b"\x93NUMPY",), "", "float[samples] or [channels, samples]", read_npy
    ),
    FileFormat(
        "NumPy archive", (".npz",), (b"PK\x03\x04",), "",
        "`samples`, or its only array, or `variable`; and if known `sample_rate_hz` or `fs`, `rpm`", read_npz,
    ),
    FileFormat(
        "MATLAB", (".mat",), (b"MATLAB 5.0", b"MATLAB 7.3"), "scipy; h5py for version 7.3",
        "one array, or `variable`; structs and cells as `bearing.gs`, `Y.vibration_1`, `data{2}`", read_mat,
    ),
    FileFormat(
        "HDF5", (".h5", ".hdf5", ".hdf"), (b"\x89HDF\r\n\x1a\n",), "h5py",
        "one data set, or `variable`; the rate as data set or attribute", read_hdf5,
    ),
    FileFormat(
        "TDMS", (".tdms",), (b"TDSm",), "npTDMS", "channels of one length; `wf_increment` is the rate",
        read_tdms,
    ),
    FileFormat("UFF58", (".uff", ".unv"), (), "pyuff", "time records of data set 58", read_uff),
    FileFormat("Parquet", (".parquet",), (b"PAR1",), "pyarrow", "columns, one of which may be the time", read_parquet),
    FileFormat(
        "MDF", (".mf4", ".mdf"), (b"MDF     ",), "asammdf", "channels of one length; timestamps are the rate",
        read_mdf,
    ),
)  # fmt: skip
"""All formats. Their first bytes decide, then the suffix of the name."""

SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)

NUMBERED = re.compile(r"\.\d+")
"""IMS names its text files by the time: 2003.10.22.12.06.24."""

NO_RECORDINGS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file; run git lfs pull"),
    (b"<!doctype", "a web page, not the file; download it again"),
    (b"<html", "a web page, not the file; download it again"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook; save the sheet as CSV"),
    (b"\x1f\x8b", "compressed by gzip; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"%PDF", "a PDF; export the numbers"),
)


def is_recording(path: Path) -> bool:
    """True for a name with the suffix of a recording."""
    return path.suffix.lower() in SUFFIXES or bool(NUMBERED.fullmatch(path.suffix))


def format_of(path: Path) -> FileFormat:
    """The format of a file.

    Raises:
        OSError: the file can't be read.
        BadDataError: the file has none of these formats.
    """
    with path.open("rb") as file:
        head = file.read(64)
    for start, what in NO_RECORDINGS:
        if head.lower().lstrip().startswith(start.lower()):
            raise BadDataError(f"{path}: {what}")
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        raise BadDataError(f"{path}: an Excel workbook; save the sheet as CSV")
    by_magic = next((each for each in FORMATS if head.startswith(each.magic)), None) if head else None
    by_suffix = next((each for each in FORMATS if suffix in each.suffixes), None)
    if found := by_magic or by_suffix or (FORMATS[0] if NUMBERED.fullmatch(suffix) else None):
        return found
    raise BadDataError(
        f"{path}: a recording is one of {', '.join(SUFFIXES)}; export it as one (docs/reference/files.md)"
    )
