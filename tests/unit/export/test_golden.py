from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from drsn.export.golden import npz_bytes

ARRAYS = {
    "x": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "count": np.array(8, np.int64),  # as a batch norm counts its batches: no axis at all
}


def test_numpy_reads_back_what_was_written_scalars_among_it():
    with np.load(io.BytesIO(npz_bytes(ARRAYS)), allow_pickle=False) as arrays:
        assert set(arrays) == set(ARRAYS)
        for name, expected in ARRAYS.items():
            assert (arrays[name].shape, arrays[name].dtype) == (expected.shape, expected.dtype)
            np.testing.assert_array_equal(arrays[name], expected)


def test_the_bytes_depend_on_the_arrays_alone():
    content = npz_bytes(ARRAYS)
    assert content == npz_bytes({name: array.copy() for name, array in ARRAYS.items()})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_objects_which_only_pickle_could_hold_are_refused():
    with pytest.raises(ValueError, match="allow_pickle"):
        npz_bytes({"x": np.array([{}], dtype=object)})
