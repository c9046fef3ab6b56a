"""Reads .npy and .npz, without pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.content import ANY, Choice, Content
from drsn.model.data.readers.arrays import RATE_NAMES, content_of_arrays

if TYPE_CHECKING:
    from pathlib import Path


def read_npy(path: Path, _choice: Choice = ANY) -> Content:
    """Read the one array of a .npy.

    Raises:
        Exception: numpy's own, of many types.
    """
    with path.open("rb") as file:
        return Content(np.asarray(np.load(file, allow_pickle=False)))


def read_npz(path: Path, choice: Choice = ANY) -> Content:
    """Read `samples` of a .npz, or its only array, or `choice.variable`; and `sample_rate_hz` or `fs`, and `rpm`.

    Raises:
        BadDataError: several arrays and none called so.
        Exception: numpy's own, of many types.
    """
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        found = {name: np.asarray(content[name]) for name in content}
    if choice.variable is None and "samples" in found:
        found = {
            name: value for name, value in found.items() if name == "samples" or value.size == 1 or name in RATE_NAMES
        }
    return content_of_arrays(path, found, choice)
