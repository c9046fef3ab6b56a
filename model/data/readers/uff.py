"""Reads Universal File Format, data set 58, by pyuff: time records are the channels of the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.content import ANY, Choice, Content, library_missing
from drsn.model.data.readers.arrays import content_of_arrays
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path

TIME_RESPONSE = (0, 1)
"""Function types: general, and time response. Spectra are other types."""


def read_uff(path: Path, choice: Choice = ANY) -> Content:
    """Read the time records of data set 58.

    Raises:
        BadDataError: none, or records of several rates.
        UnavailableError: pyuff is not installed.
        Exception: pyuff's own, of many types.
    """
    try:
        import pyuff  # noqa: PLC0415 (of the extra `files`)
    except ImportError:
        raise library_missing(path, "UFF58", "pyuff") from None
    sets = pyuff.UFF(str(path)).read_sets()
    records = [
        one
        for one in (sets if isinstance(sets, list) else [sets])
        if one.get("type") == 58 and int(one.get("func_type", 0)) in TIME_RESPONSE
    ]
    steps_s = {round(float(np.diff(one["x"][:2])[0]), 12) for one in records if np.size(one.get("x", ())) > 1}
    if len(steps_s) > 1:
        raise BadDataError(f"{path}: records of several rates; export those of one rate into one file")
    found = {f"{n} node {one.get('rsp_node', '?')}": np.asarray(one["data"]) for n, one in enumerate(records)}
    return content_of_arrays(path, found, choice, rate_hz=1 / steps_s.pop() if steps_s else None, columns=True)
