from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.io import savemat

from drsn.model.data.content import ANY, Choice, Content
from drsn.model.data.readers.matlab import read_mat
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X = np.sin(np.arange(64.0))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Content]:
    def of(choice: Choice = ANY, **variables: Any) -> Content:  # noqa: ANN401 (what scipy takes)
        savemat(tmp_path / "a.mat", variables)
        return read_mat(tmp_path / "a.mat", choice)

    return of


def test_a_field_of_a_struct_has_the_rate_beside_it(read: Callable[..., Content]):
    rig = {"acc": X[:, None], "fs": 12_000.0, "info": {"fs": 1.0, "who": "me"}}
    found = read(rig=rig)
    assert (found.rate_hz, found.samples.shape) == (12_000.0, (64,))


def test_rates_that_differ_are_refused(read: Callable[..., Content]):
    with pytest.raises(BadDataError, match=r"a\.fs = 1000, b\.fs = 2000; keep one"):
        read(a={"fs": 1000.0}, b={"fs": 2000.0}, x=X)


@pytest.mark.parametrize("variable", ["rig.channels.y", "y", "*.y"])
def test_structs_told_apart_by_their_name_are_parts_of_a_path(read: Callable[..., Content], variable: str):
    signals = np.zeros(2, dtype=[("Name", object), ("Data", object)])
    signals[0], signals[1] = ("x", X[None]), ("y", -X[None])
    found = read(Choice(variable=variable), rig={"channels": signals})
    np.testing.assert_array_equal(np.ravel(found.samples), -X)


def test_a_time_beside_the_only_array_gives_the_rate(read: Callable[..., Content]):
    assert read(acc=X, t=np.arange(64) / 2000).rate_hz == 2000
    with pytest.raises(BadDataError, match="'t' has no unit"):
        read(acc=X, t=np.arange(64) / 2.0)


def test_cells_and_deep_structs_end(read: Callable[..., Content]):
    deep: Any = {"x": X}
    for _ in range(12):
        deep = {"inner": deep}
    with pytest.raises(BadDataError, match="no array"):
        read(deep=deep)
