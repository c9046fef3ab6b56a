"""Reads ASAM MDF by asammdf: channels of one length and rate are the channels of the recording."""

from __future__ import annotations

import gc
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data.content import ANY, Choice, Content, library_missing
from drsn.model.data.readers.arrays import content_of_arrays
from drsn.model.data.readers.time_column import Stated, find_time
from drsn.model.errors import BadDataError, excerpt

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_mdf(path: Path, choice: Choice = ANY) -> Content:
    """Read the channels; their timestamps give the rate.

    Raises:
        BadDataError: no channel, or channels of several lengths without a choice.
        UnavailableError: asammdf is not installed.
        Exception: asammdf's own, of many types.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of its own imports
            from asammdf import MDF  # noqa: PLC0415 (of the extra `files`)
    except ImportError:
        raise library_missing(path, "MDF", "asammdf") from None
    found: dict[str, NDArray[Any]] = {}
    times: dict[str, NDArray[np.float64]] = {}
    with _opened(path, MDF) as file:
        for signal in file.iter_channels():
            if signal.samples.dtype.kind in "iuf" and signal.samples.ndim == 1:
                found[signal.name] = signal.samples
                times[signal.name] = np.asarray(signal.timestamps, np.float64)
    content = content_of_arrays(path, found, choice, columns=True)
    name = next((name for name, value in found.items() if value.size == content.samples.shape[-1]), "")
    cells = np.stack([times[name], np.zeros(times[name].size)], axis=1)
    time = find_time(path, cells, Stated(("time_s", ""), (), None, None), {})
    return Content(content.samples, time.rate_hz, names=content.names, notes=(*content.notes, f"{time.rate_hz:g} Hz"))


def _opened(path: Path, mdf: Any) -> Any:  # noqa: ANN401 (asammdf is optional)
    """Open a file. The destructor of a damaged one prints a traceback, which a command must not show."""
    fault, hook = "", sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        return mdf(str(path))
    except Exception as error:  # noqa: BLE001 (of many types)
        fault = f"{type(error).__name__}: {excerpt(error)}"
    finally:
        gc.collect()
        sys.unraisablehook = hook
    raise BadDataError(f"{path}: no recording: a damaged MDF file ({fault}); export it again")
