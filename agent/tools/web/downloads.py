"""The windows of a record as files: .npz as the agent keeps it, .csv and .wav for other programs."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.evidence import npz_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.evidence.record import Record
    from drsn.agent.tools.web.picture import Signal

FULL_SCALE: Final = 32_767
"""Largest sample of a 16-bit WAV."""


def npz_bytes(record: Record, _signal: Signal) -> bytes:
    """The record whole, as `drsn-agent evidence` reads it."""
    return npz_form.to_bytes(record)


def csv_bytes(_record: Record, signal: Signal) -> bytes:
    """A row for each sample: seconds from the first one, number of the window, and the channels in the unit."""
    unit = f"_{signal.unit}" if signal.unit else ""
    _, channels, count = signal.samples.shape
    out = io.StringIO(newline="")
    out.write(",".join(["t_s", "window", *(f"channel_{n + 1}{unit}" for n in range(channels))]) + "\n")
    for number, (start_s, window) in enumerate(zip(signal.starts_s, signal.samples, strict=True)):
        times_s = start_s + np.arange(count) / signal.sample_rate_hz
        for time_s, values in zip(times_s.tolist(), window.T.tolist(), strict=True):
            out.write(f"{time_s:.7f},{number}," + ",".join(f"{value:.7g}" for value in values) + "\n")
    return out.getvalue().encode()


def wav_bytes(_record: Record, signal: Signal) -> bytes:
    """The windows one after the other, each sample once: 16-bit PCM whose peak is full scale."""
    rate_hz, count = signal.sample_rate_hz, signal.samples.shape[2]
    parts, end_s = [], signal.starts_s[0]
    for start_s, window in zip(signal.starts_s, signal.samples, strict=True):
        skipped = min(count, max(0, round((end_s - start_s) * rate_hz)))
        parts.append(window[:, skipped:])
        end_s = max(end_s, start_s + count / rate_hz)
    samples = np.concatenate(parts, axis=1)
    samples = samples - samples.mean(axis=1, keepdims=True)
    peak = float(np.abs(samples).max()) or 1.0
    pcm = np.round(samples / peak * FULL_SCALE).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(pcm.shape[0])
        writer.setsampwidth(2)
        writer.setframerate(round(rate_hz))
        writer.writeframes(pcm.T.tobytes())
    return file.getvalue()


FORMATS: Final[Mapping[str, tuple[str, Callable[[Record, Signal], bytes]]]] = {
    "npz": ("application/octet-stream", npz_bytes),
    "csv": ("text/csv; charset=utf-8", csv_bytes),
    "wav": ("audio/wav", wav_bytes),
}
"""Ending -> media type, and what makes the file."""
