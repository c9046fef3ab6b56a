"""Several named arrays of one file: which of them is the recording, and what the others state."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data.content import Choice, Content
from drsn.model.data.readers.time_column import TIME, Stated, find_time
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

RATE_NAMES = frozenset(
    {
        "sample_rate_hz", "fs", "sr", "samplerate", "sample_rate", "samplingrate", "sampling_rate",
        "samplefrequency", "sample_frequency", "samplingfrequency", "sampling_frequency", "fsample",
    }
)  # fmt: skip
"""Names of the scalar that holds the sampling rate, in lower case. Not `rate`: MFPT calls the shaft's speed so."""

SHOWN = 8


def content_of_arrays(
    path: Path,
    found: Mapping[str, NDArray[Any]],
    choice: Choice,
    *,
    rate_hz: float | None = None,
    columns: bool = False,
) -> Content:
    """The recording among named arrays.

    Args:
        path: for errors.
        found: name -> array; a name may be a path of parts between `.` or `/`.
        choice: what the user states.
        rate_hz: known otherwise, such as from an attribute.
        columns: all arrays of equal length are channels of one recording; else one array must be named.

    Raises:
        BadDataError: none, or several without a choice.
    """
    scalars = {name: _scalar(value) for name, value in found.items() if value.size == 1 and value.dtype.kind in "iufb"}
    scalars = {name: value for name, value in scalars.items() if not math.isnan(value)}  # NaN states nothing
    arrays = _arrays(path, found)
    if choice.variable is None:
        arrays, timed_hz = _without_times(path, arrays, choice)
        rate_hz = rate_hz or timed_hz
        arrays = {name: value for name, value in arrays.items() if value.dtype.kind in "iuf"} or arrays
    chosen = {name: value for name, value in arrays.items() if _matches(name, choice.variable or "*")}
    rate_hz = rate_hz or _of_scalars(path, scalars, chosen, RATE_NAMES)
    known = {name: value for name, value in scalars.items() if not math.isnan(value)}  # evidence writes NaN: unknown
    rpm = _of_scalars(path, known, chosen, frozenset({"rpm"}))
    if columns and len(chosen) > 1 and len({value.shape for value in chosen.values()}) == 1:
        names = tuple(_last(name) for name in chosen)
        return Content(
            np.stack(list(chosen.values())), rate_hz, rpm, names if len({*names}) == len(names) else tuple(chosen)
        )
    if len(chosen) != 1:
        raise _not_one(path, chosen, arrays, choice)
    ((name, samples),) = chosen.items()
    return Content(samples, rate_hz, rpm, notes=(f"array {name}",))


def _arrays(path: Path, found: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What is no scalar, without axes of length 1.

    Raises:
        BadDataError: a rate has several values.
    """
    for name, value in found.items():
        if _last(name).lower() in RATE_NAMES and value.size != 1:
            raise BadDataError(f"{path}: {name} has {value.size} values; keep one")
    return {name: np.squeeze(value) for name, value in found.items() if value.size > 1}


def _not_one(path: Path, chosen: Mapping[str, Any], arrays: Mapping[str, Any], choice: Choice) -> BadDataError:
    count = "several arrays" if chosen else "no array"
    known = [*arrays][:SHOWN] if arrays else ["(none)"]
    more = f" … ({len(arrays)} in all)" if len(arrays) > SHOWN else ""
    return BadDataError(
        f"{path}: {count} called {choice.variable or '*'}; name one with --variable (a recipe's data.variable): "
        f"{', '.join(known)}{more}"
    )


def _scalar(value: NDArray[Any]) -> float:
    return float(value.reshape(-1)[0])


def _last(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2]


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(_last(name), pattern)


def _without_times(
    path: Path, arrays: Mapping[str, NDArray[Any]], choice: Choice
) -> tuple[dict[str, NDArray[Any]], float | None]:
    """The arrays without those of time beside one of equal length, and the rate in Hz that a time gives."""
    lengths = [value.size for value in arrays.values()]
    times = {
        name: value
        for name, value in arrays.items()
        if TIME.fullmatch(_last(name))
        and value.ndim == 1
        and value.dtype.kind in "iuf"
        and lengths.count(value.size) > 1
    }
    if not times or len(times) == len(arrays):
        return dict(arrays), None
    name, time = next(iter(times.items()))
    table = np.stack([time.astype(np.float64), np.zeros(time.size)], axis=1)
    found = find_time(path, table, Stated((_last(name), ""), (), None, choice.sample_rate_hz), {})
    return {name: value for name, value in arrays.items() if name not in times}, found.rate_hz


def _of_scalars(
    path: Path,
    scalars: Mapping[str, float],
    chosen: Mapping[str, Any],
    names: frozenset[str],
) -> float | None:
    """A scalar by its name, that of the same struct first.

    Raises:
        BadDataError: several differ.
    """
    found = {name: value for name, value in scalars.items() if _last(name).lower() in names}
    if chosen:
        prefix = next(iter(chosen)).replace("/", ".").rpartition(".")[0]
        found = {n: v for n, v in found.items() if n.replace("/", ".").rpartition(".")[0] == prefix} or found
    if len({*found.values()}) > 1:
        raise BadDataError(
            f"{path}: states {', '.join(f'{name} = {value:g}' for name, value in found.items())}; keep one"
        )
    return next(iter(found.values()), None)
