"""Reads a recording from a file: .npy, .npz, .wav, or a CWRU .mat (which needs scipy)."""

from __future__ import annotations

import math
import wave
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError, DrsnError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".wav", ".mat")


def read_recording(path: Path, sample_rate_hz: float | None) -> Recording:
    """Read one file; `sample_rate_hz` is for those that do not say it.

    Raises:
        StorageError: the file can't be read.
        BadDataError: it holds no recording, or nobody says its rate.
    """
    if path.suffix not in SUFFIXES:
        raise BadDataError(f"{path}: a recording is one of {', '.join(SUFFIXES)}")
    try:
        content, own_rate_hz, rpm = {".wav": _wav, ".mat": _mat}.get(path.suffix, _numpy)(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from None
    except DrsnError:
        raise
    except Exception as error:  # noqa: BLE001 (numpy, wave and zipfile raise a dozen unrelated types)
        raise BadDataError(f"{path}: no recording: {error!r}") from None
    rate_hz = own_rate_hz or sample_rate_hz
    if rate_hz is None:
        raise BadDataError(f"{path}: holds no sample rate; give --sample-rate-hz")
    if not 0 < rate_hz < math.inf:
        raise BadDataError(f"{path}: a sample rate of {rate_hz} Hz can't be")
    if content.dtype.kind not in "iuf":
        raise BadDataError(f"{path}: holds {content.dtype}, not numbers")
    with np.errstate(over="ignore"):  # what passes float32 is refused as infinite, just below
        samples = np.atleast_2d(content.astype(np.float32))
    if samples.ndim != 2 or not samples.size or not np.isfinite(samples).all():
        raise BadDataError(f"{path}: not float[samples] or float[channels, samples] of finite numbers")
    return Recording(name=path.stem, label="", samples=samples, sample_rate_hz=float(rate_hz), rpm=rpm)


def _numpy(path: Path) -> tuple[NDArray[Any], float | None, float | None]:
    with path.open("rb") as file:
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content, None, None
        with content:
            rate = float(content["sample_rate_hz"]) if "sample_rate_hz" in content else None
            rpm = float(content["rpm"]) if "rpm" in content else None
            return np.asarray(content["samples"]), rate, rpm


def _wav(path: Path) -> tuple[NDArray[Any], float | None, float | None]:
    with wave.open(str(path), "rb") as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        data = file.readframes(file.getnframes())
    if width not in (2, 4):
        raise BadDataError(f"{path}: {8 * width}-bit samples; 16 and 32 bit can be read")
    counts = np.frombuffer(data, dtype=f"<i{width}").reshape(-1, channels).T
    return (counts / float(2 ** (8 * width - 1))).astype(np.float32), float(rate), None


def _mat(path: Path) -> tuple[NDArray[Any], float | None, float | None]:
    from drsn.model.data import cwru  # noqa: PLC0415 (needs scipy, which is no base need)

    recording = cwru.read(path)
    return recording.samples, recording.sample_rate_hz, recording.rpm
