"""Reads Parquet by pyarrow: columns are channels, and one may be the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.content import ANY, Choice, Content, library_missing
from drsn.model.data.readers.arrays import content_of_arrays
from drsn.model.data.readers.time_column import Stated, find_time
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path


def read_parquet(path: Path, choice: Choice = ANY) -> Content:
    """Read the columns of numbers; a column of time, in numbers or as timestamps, gives the rate.

    Raises:
        BadDataError: no column of numbers, or missing values.
        UnavailableError: pyarrow is not installed.
        Exception: pyarrow's own, of many types.
    """
    try:
        from pyarrow import parquet  # noqa: PLC0415 (of the extra `files`)
    except ImportError:
        raise library_missing(path, "Parquet", "pyarrow") from None
    table = parquet.read_table(path)
    columns = {
        name: np.asarray(table[name].to_numpy()) for name in table.column_names if not name.startswith("__index")
    }
    if choice.variable is not None:
        return content_of_arrays(path, columns, choice, columns=True)
    stamps = {n: value for n, value in columns.items() if value.dtype.kind == "M"}
    numbers = {n: value for n, value in columns.items() if value.dtype.kind in "iuf"}
    if not numbers:
        raise BadDataError(f"{path}: no column of numbers among {', '.join(columns) or '(none)'}; export float columns")
    order = [*stamps, *numbers]
    cells = np.stack(
        [np.full(len(table), np.nan) if n in stamps else numbers[n].astype(np.float64) for n in order], axis=1
    )
    written = {
        i: (stamps[n] - stamps[n][0]).astype("timedelta64[ns]").astype(np.int64) / 1e9 for i, n in enumerate(stamps)
    }
    time = find_time(path, cells, Stated(tuple(order), (), None, choice.sample_rate_hz), written)
    kept = [i for i in range(len(order)) if i not in time.columns]
    return Content(
        cells[:, kept].T, time.rate_hz, names=tuple(order[i] for i in kept), notes=tuple(filter(None, [time.note]))
    )
