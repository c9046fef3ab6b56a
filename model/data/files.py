"""Reads a recording from a file of any format in `drsn.model.data.formats`."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.content import Choice
from drsn.model.data.formats import format_of
from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError, DrsnError, StorageError, excerpt, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.model.data.content import Content

MOST_CHANNELS = 64
"""More rows are windows or repetitions, not channels; a packet holds 255 at most."""

LONG_AXIS = 16
"""An array that is this many times longer than wide has time along its longer axis."""


@dataclass(frozen=True)
class FileReading:
    """A recording, the names of its channels (or none), the format, and how the file was read."""

    recording: Recording
    names: tuple[str, ...]
    format: str
    notes: tuple[str, ...]


def read_recording(
    path: Path,
    sample_rate_hz: float | None,
    *,
    variable: str | None = None,
    channels: Sequence[int | str] = (),
    decimal: str | None = None,
) -> Recording:
    """Read one file; `Choice` describes the arguments.

    Raises:
        StorageError: the file can't be read.
        BadDataError: it holds no recording, lacks a channel, or its rate is unknown.
        UnavailableError: the library of its format is not installed.
    """
    return read_file(path, Choice(sample_rate_hz, variable, tuple(channels), decimal)).recording


def read_file(path: Path, choice: Choice) -> FileReading:
    """Read one file, with how it was read.

    Raises:
        StorageError: the file can't be read.
        BadDataError: it holds no recording, lacks a channel, or its rate is unknown.
        UnavailableError: the library of its format is not installed.
    """
    try:
        file_format = format_of(path)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")  # what a library would print becomes a note
            content = file_format.read(path, choice)
    except DrsnError:
        raise
    except Exception as error:  # noqa: BLE001 (numpy, scipy, zipfile and others raise a dozen unrelated types)
        if isinstance(error, OSError) and error.strerror:  # h5py raises one without it for a damaged file
            raise StorageError(f"{path}: {error.strerror}; check the file and its permissions") from None
        what = f"{type(error).__name__}: {excerpt(error)}"
        raise BadDataError(
            f"{path}: no recording: damaged, or not what its name says ({what}); export it again"
        ) from None
    samples, turned = _checked(path, content)
    samples, names = _chosen(path, samples, () if turned else content.names, choice.channels, content.notes)
    if len(samples) > MOST_CHANNELS:
        raise BadDataError(
            f"{path}: {len(samples)} channels of {samples.shape[1]} samples: rows of windows? Save them one after the "
            "other, or name --channels"
        )
    recording = Recording(path.stem, "", samples, _rate(path, content, choice), rpm=content.rpm)
    said = tuple(dict.fromkeys(f"{file_format.name}: {printable(str(each.message)[:200])}" for each in warned))
    return FileReading(recording, names, file_format.name, (*content.notes, *turned, *said))


def _checked(path: Path, content: Content) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """float32[channels, samples], finite, and a note if the array was transposed."""
    if content.samples.dtype.kind not in "iuf":
        raise BadDataError(f"{path}: holds {str(content.samples.dtype)[:60]}, not numbers; save it as float32")
    with np.errstate(over="ignore"):  # what passes float32 is refused as infinite, just below
        samples = np.atleast_2d(content.samples.astype(np.float32))
    if samples.ndim != 2 or not samples.size:
        raise BadDataError(
            f"{path}: an array of shape {samples.shape}, not float[samples] or [channels, samples]; save it as such"
        )
    if not np.isfinite(samples).all():
        where = np.argwhere(~np.isfinite(samples))[0]
        raise BadDataError(f"{path}: sample {where[1]} of channel {where[0]} is not a finite number; cut it there")
    if samples.shape[0] >= LONG_AXIS * samples.shape[1]:
        return np.ascontiguousarray(samples.T), ("time runs along the longer axis: transposed",)
    if samples.shape[0] > samples.shape[1]:
        raise BadDataError(
            f"{path}: {samples.shape[0]} channels of {samples.shape[1]} samples; transpose it to [channels, samples]"
        )
    return samples, ()


def _rate(path: Path, content: Content, choice: Choice) -> float:
    rate_hz = content.rate_hz or choice.sample_rate_hz
    if rate_hz is None:
        raise BadDataError(f"{path}: holds no sample rate; give --sample-rate-hz, or sample_rate_hz in a recipe's data")
    if not 0 < rate_hz < math.inf:
        raise BadDataError(f"{path}: a sample rate of {rate_hz} Hz can't be; give the true one")
    return float(rate_hz)


def _chosen(
    path: Path,
    samples: NDArray[np.float32],
    names: tuple[str, ...],
    channels: Sequence[int | str],
    notes: tuple[str, ...],
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Select the requested channels; a name that matches no column may be a channel number."""
    numbers = []
    for channel in channels:
        if isinstance(channel, str) and channel in names:
            numbers.append(names.index(channel))
            continue
        number = int(channel) if isinstance(channel, int) or re.fullmatch("[0-9]{1,4}", channel) else -1
        if not 0 <= number < len(samples):
            raise BadDataError(
                f"{path}: no channel {channel!r}; name one of {list(names) or f'0 to {len(samples) - 1}'}"
                f"{f' ({notes[-1]})' if notes else ''}"
            )
        numbers.append(number)
    if not numbers:
        return samples, names
    return np.ascontiguousarray(samples[numbers]), tuple(names[number] for number in numbers) if names else ()
