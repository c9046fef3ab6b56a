"""Formats that need a library of the extra `files`: read back what the library itself wrote."""

from __future__ import annotations

import contextlib
import sys
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.data.content import Choice
from drsn.model.data.files import read_file
from drsn.model.data.formats import FORMATS
from drsn.model.errors import BadDataError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

N, RATE_HZ = 512, 25_600.0
X = np.random.default_rng(0).normal(0, 1, N).astype(np.float32)
TIME_S = np.arange(N) / RATE_HZ
UFF_NODES = {
    "rsp_node": 1, "rsp_dir": 1, "ref_node": 1, "ref_dir": 1, "id1": "a", "orddenom_spec_data_type": 0,
    "z_axis_spec_data_type": 0, "ordinate_spec_data_type": 12, "abscissa_spec_data_type": 17, "abscissa_spacing": 1,
}  # fmt: skip


def hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        data = file.create_dataset("rig/acc", data=X)
        data.attrs["sample_rate_hz"] = RATE_HZ


def mat73(path: Path) -> None:
    """The layout that MATLAB writes: a user block of 512 bytes, columns as rows."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("bearing/gs", data=X[None, :])
        file.create_dataset("bearing/sr", data=np.array([[RATE_HZ]]))
        name = file.create_dataset("note", data=np.frombuffer(b"a\0b\0", np.uint16))
        name.attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def tdms(path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")
    with nptdms.TdmsWriter(path) as file:
        options = {"wf_increment": 1 / RATE_HZ}
        file.write_segment([nptdms.ChannelObject("rig", name, X * k, options) for name, k in (("x", 1), ("z", 2))])


def uff(path: Path) -> None:
    pyuff = pytest.importorskip("pyuff")
    record = {"type": 58, "binary": 0, "func_type": 1, "data": X, "x": TIME_S, "abscissa_inc": 1 / RATE_HZ, **UFF_NODES}
    pyuff.UFF(str(path)).write_sets(record, mode="overwrite")


def parquet(path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"time_s": TIME_S, "x": X, "z": X * 2}), path)


def parquet_stamps(path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stamps = np.datetime64("2026-01-02") + (TIME_S * 1e9).astype("timedelta64[ns]")
    parquet.write_table(pa.table({"when": pa.array(stamps), "x": X, "z": X * 2}), path)


def mdf(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of its imports
        asammdf = pytest.importorskip("asammdf")
    with asammdf.MDF() as file:
        signals = [asammdf.Signal(X * k, TIME_S, name=name) for name, k in (("x", 1), ("z", 2))]
        file.append(signals, common_timebase=True)
        file.save(path)


CASES = {
    "a.h5": (hdf5, 1),
    "a.mat": (mat73, 1),
    "a.tdms": (tdms, 2),
    "a.uff": (uff, 1),
    "a.parquet": (parquet, 2),
    "b.parquet": (parquet_stamps, 2),
    "a.mf4": (mdf, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_library_wrote_is_read_with_its_rate(name: str, tmp_path: Path):
    write, channels = CASES[name]
    write(tmp_path / name)
    found = read_file(tmp_path / name, Choice())
    assert found.recording.sample_rate_hz == pytest.approx(RATE_HZ, rel=1e-6)
    np.testing.assert_allclose(found.recording.samples, [X * k for k in range(1, channels + 1)], rtol=1e-5, atol=1e-5)
    assert found.names in ((), ("x", "z"))


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_file_is_a_recording_or_refused(name: str, tmp_path: Path):
    CASES[name][0](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:20], whole[:30] + b"\xff" * 40 + whole[70:]):
        (tmp_path / name).write_bytes(content)
        with contextlib.suppress(BadDataError):
            assert np.isfinite(read_file(tmp_path / name, Choice(1000.0)).recording.samples).all()


@pytest.mark.parametrize(
    ("name", "module", "start"),
    [
        ("a.h5", "h5py", b"\x89HDF\r\n\x1a\n"),
        ("a.mat", "h5py", b"MATLAB 7.3 MAT-file"),
        ("a.tdms", "nptdms", b"TDSm"),
        ("a.uff", "pyuff", b"    -1\n    58\n"),
        ("a.parquet", "pyarrow", b"PAR1"),
        ("a.mf4", "asammdf", b"MDF     4.10"),
        ("b.mat", "scipy.io", b"MATLAB 5.0 MAT-file"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    name: str, module: str, start: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)  # what an import finds where the library is not installed
    (tmp_path / name).write_bytes(start)
    with pytest.raises(UnavailableError, match=r"pip install 'drsn-edge\[files\]'") as caught:
        read_file(tmp_path / name, Choice())
    library = next(each.library for each in FORMATS if name.endswith(each.suffixes))
    assert any(word in str(caught.value) for word in library.replace(";", " ").split())
