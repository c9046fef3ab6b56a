"""Reads HDF5 by h5py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data.content import ANY, Choice, Content, library_missing
from drsn.model.data.readers.arrays import RATE_NAMES, content_of_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_hdf5(path: Path, choice: Choice = ANY) -> Content:
    """Read the one data set of a file, or `choice.variable`; the rate is a data set or an attribute.

    Raises:
        BadDataError: no data set, or several.
        UnavailableError: h5py is not installed.
        Exception: h5py's own, of many types.
    """
    found, attributes = arrays_of_hdf5(path, "HDF5")
    return content_of_arrays(path, {**attributes, **found}, choice)


def arrays_of_hdf5(
    path: Path, kind: str, separator: str = "/"
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Data sets of numbers by their paths, and attributes that name a rate.

    Raises:
        UnavailableError: h5py is not installed.
    """
    try:
        import h5py  # noqa: PLC0415 (of the extra `files`)
    except ImportError:
        raise library_missing(path, kind, "h5py") from None
    found: dict[str, NDArray[Any]] = {}
    attributes: dict[str, NDArray[Any]] = {}

    def visit(name: str, node: Any) -> None:  # noqa: ANN401 (h5py has no types)
        if name.startswith("#"):  # MATLAB's references
            return
        for key, value in node.attrs.items():
            if key.lower() in (*RATE_NAMES, "rpm") and np.size(value) == 1 and np.asarray(value).dtype.kind in "iuf":
                attributes[f"{name}{separator}{key}"] = np.asarray(value)
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "iuf" and node.attrs.get("MATLAB_class") != b"char":
            found[name.replace("/", separator)] = np.asarray(node[()])

    with h5py.File(path, "r") as file:
        visit("", file)
        file.visititems(visit)
    return found, attributes
