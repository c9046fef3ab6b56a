"""Reads MATLAB files: version 4 to 7.2 by scipy, 7.3 by h5py; structs and cells are paths such as `bearing.gs`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data import cwru
from drsn.model.data.content import ANY, Choice, Content
from drsn.model.data.mat import variables
from drsn.model.data.readers.arrays import content_of_arrays
from drsn.model.data.readers.hdf5 import arrays_of_hdf5

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DEEPEST = 6
"""Levels of structs and cells that are read."""


def read_mat(path: Path, choice: Choice = ANY) -> Content:
    """Read the one array of a .mat, or `choice.variable`; the longer axis of a matrix is time.

    An official file of CWRU is read by its number.

    Raises:
        BadDataError: no array, or several.
        UnavailableError: scipy, or for version 7.3 h5py, is not installed.
    """
    with path.open("rb") as file:
        newer = file.read(10) == b"MATLAB 7.3"
    if newer:
        found, _ = arrays_of_hdf5(path, "MATLAB 7.3", separator=".")
        content = content_of_arrays(path, found, choice)
    else:
        loaded = variables(path)
        number = re.match(r"\d+", path.name)
        if (
            not choice.variable
            and number
            and int(number[0]) in cwru.LABEL_AND_LOAD
            and f"X{number[0]:0>3}_DE_time" in loaded
        ):
            official = cwru.read(path)
            return Content(official.samples, official.sample_rate_hz, official.rpm, notes=("an official file of CWRU",))
        content = content_of_arrays(path, flattened(loaded), choice)
    samples = content.samples
    if samples.ndim == 2 and samples.shape[0] > samples.shape[1]:
        samples = samples.T
    return Content(samples, content.rate_hz, content.rpm, content.names, content.notes)


def flattened(loaded: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Arrays by their paths: fields of structs behind a dot, cells in braces.

    An array of structs with a field `Name` (Paderborn) is told apart by it.
    """
    out: dict[str, NDArray[Any]] = {}
    for name, value in loaded.items():
        _add(name, value, out, 0)
    return out


def _add(name: str, value: Any, out: dict[str, NDArray[Any]], depth: int) -> None:  # noqa: ANN401 (scipy has no types)
    if not isinstance(value, np.ndarray) or depth > DEEPEST:
        return
    if value.dtype.names:
        for number, element in enumerate(value.reshape(-1), start=1):
            label = _label(element) if value.size > 1 else ""
            prefix = name if value.size == 1 else f"{name}.{label}" if label else f"{name}({number})"
            fields = ("Data",) if label and "Data" in value.dtype.names else value.dtype.names
            for field in fields:
                _add(prefix if label else f"{prefix}.{field}", element[field], out, depth + 1)
    elif value.dtype == object:
        for number, element in enumerate(value.reshape(-1), start=1):
            _add(name if value.size == 1 else f"{name}{{{number}}}", element, out, depth + 1)
    elif value.dtype.kind in "iufbc" and value.size:
        out[name] = value


def _label(element: Any) -> str:  # noqa: ANN401 (a record of numpy)
    """The text of a struct's field `Name`; empty without it."""
    names = element.dtype.names or ()
    return str(np.squeeze(element["Name"])) if "Name" in names and np.size(element["Name"]) == 1 else ""
