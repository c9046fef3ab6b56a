"""Reads a recording from a file: .npy, .npz, .wav, .csv, .txt, or a .mat (which needs scipy)."""

from __future__ import annotations

import math
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from drsn.model.data.recording import Recording
from drsn.model.data.text import read_text
from drsn.model.data.wav import read_wav
from drsn.model.errors import BadDataError, DrsnError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".wav", ".csv", ".txt", ".mat")

RATE_NAMES = ("sample_rate_hz", "fs")
"""Names of the scalar in a .mat that holds the sampling rate, in lower or upper case."""

RISING = 16
"""A text column of at least this many samples that only rises is a time axis, not a vibration."""


class Content(NamedTuple):
    """Contents of a file: numbers[samples] or [channels, samples], rate in Hz, speed in rpm, channel names."""

    samples: NDArray[Any]
    rate_hz: float | None = None
    rpm: float | None = None
    names: tuple[str, ...] = ()


def read_recording(
    path: Path, sample_rate_hz: float | None, *, variable: str | None = None, channels: Sequence[int | str] = ()
) -> Recording:
    """Read one file.

    Args:
        path: the file; its suffix says the format.
        sample_rate_hz: for files that do not say it.
        variable: of a .mat or .npz, the array to read; `*` and `?` as in file names.
        channels: to keep, in this order, by number from 0 or by name; all where empty.

    Raises:
        StorageError: the file can't be read.
        BadDataError: it holds no recording, lacks a channel, or nobody says its rate.
        UnavailableError: a .mat without scipy.
    """
    content = _read(path, variable)
    rate_hz = content.rate_hz or sample_rate_hz
    if rate_hz is None:
        raise BadDataError(f"{path}: holds no sample rate; give --sample-rate-hz, or sample_rate_hz in a recipe's data")
    if not 0 < rate_hz < math.inf:
        raise BadDataError(f"{path}: a sample rate of {rate_hz} Hz can't be; give the true one")
    if content.samples.dtype.kind not in "iuf":
        raise BadDataError(f"{path}: holds {content.samples.dtype}, not numbers; save it as float32")
    with np.errstate(over="ignore"):  # what passes float32 is refused as infinite, just below
        samples = np.atleast_2d(content.samples.astype(np.float32))
    if samples.ndim != 2 or not samples.size or not np.isfinite(samples).all():
        raise BadDataError(f"{path}: not float[samples] or float[channels, samples] of finite numbers; save it as such")
    if samples.shape[0] > samples.shape[1]:
        raise BadDataError(
            f"{path}: {samples.shape[0]} channels of {samples.shape[1]} samples; transpose it to [channels, samples]"
        )
    samples = _chosen(path, samples, content.names, channels)
    if path.suffix.lower() in (".csv", ".txt"):
        _refuse_counters(path, samples)
    return Recording(name=path.stem, label="", samples=samples, sample_rate_hz=float(rate_hz), rpm=content.rpm)


def _read(path: Path, variable: str | None) -> Content:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadDataError(f"{path}: a recording is one of {', '.join(SUFFIXES)}; export it as one")
    try:
        if suffix == ".wav":
            return Content(*read_wav(path))
        if suffix in (".csv", ".txt"):
            samples, rate_hz, names = read_text(path)
            return Content(samples, rate_hz, names=names)
        return _mat(path, variable) if suffix == ".mat" else _numpy(path, variable)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; check the file and its permissions") from None
    except DrsnError:
        raise
    except Exception as error:  # noqa: BLE001 (numpy, scipy and zipfile raise a dozen unrelated types)
        raise BadDataError(f"{path}: no recording: {error!r}; export it again") from None


def _chosen(
    path: Path, samples: NDArray[np.float32], names: tuple[str, ...], channels: Sequence[int | str]
) -> NDArray[np.float32]:
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
            )
        numbers.append(number)
    return np.ascontiguousarray(samples[numbers]) if numbers else samples


def _refuse_counters(path: Path, samples: NDArray[np.float32]) -> None:
    """Refuse an unnamed time axis, which would otherwise be read as vibration."""
    if samples.shape[1] < RISING:
        return
    for number, channel in enumerate(samples):
        if (np.diff(channel) >= 0).all() and channel[-1] > channel[0]:
            raise BadDataError(
                f"{path}: channel {number} only rises, as time or a counter does; "
                "name it time in a header line, or choose others with channels"
            )


def _numpy(path: Path, variable: str | None) -> Content:
    with path.open("rb") as file:
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return Content(content)
        with content:
            rate = float(content["sample_rate_hz"]) if "sample_rate_hz" in content else None
            rpm = float(content["rpm"]) if "rpm" in content else None
            return Content(np.asarray(content[_one(path, list(content), variable or "samples")]), rate, rpm)


def _mat(path: Path, variable: str | None) -> Content:
    """Read an official CWRU file, or any .mat with one array; the longer axis of a matrix is time."""
    from drsn.model.data import cwru, mat  # noqa: PLC0415 (they need scipy, which is no base need)

    with path.open("rb") as file:
        if file.read(10) == b"MATLAB 7.3":
            raise BadDataError(f"{path}: saved as version 7.3, which can't be read; save it with -v7")
    found = mat.variables(path)
    number = re.match(r"\d+", path.name)
    if not variable and number and int(number[0]) in cwru.LABEL_AND_LOAD and f"X{number[0]:0>3}_DE_time" in found:
        official = cwru.read(path)
        return Content(official.samples, official.sample_rate_hz, official.rpm)
    numeric = {n: v for n, v in found.items() if isinstance(v, np.ndarray) and v.dtype.kind in "iuf"}
    scalars = {name.lower(): float(value.item()) for name, value in numeric.items() if value.size == 1}
    arrays = [name for name, value in numeric.items() if value.size > 1]
    samples = np.squeeze(numeric[_one(path, arrays, variable or "*")])
    if samples.ndim == 2 and samples.shape[0] > samples.shape[1]:
        samples = samples.T
    rate = next((scalars[name] for name in RATE_NAMES if name in scalars), None)
    return Content(samples, rate, scalars.get("rpm"))


def _one(path: Path, names: list[str], pattern: str) -> str:
    """Return the only matching name.

    Raises:
        BadDataError: none does, or more than one.
    """
    matching = [name for name in names if fnmatchcase(name, pattern)]
    if len(matching) != 1:
        count = "several arrays" if matching else "no array"
        raise BadDataError(
            f"{path}: {count} called {pattern}; let variable name one of {', '.join(names[:8]) or '(none)'}"
        )
    return matching[0]
