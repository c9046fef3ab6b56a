"""A record as a file: .npz as the agent keeps it, .csv and .wav for other programs."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.evidence import npz_form
from drsn.agent.tools.web.picture import starts_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.evidence.record import Record

FULL_SCALE: Final = 32_767
"""Largest sample of a 16-bit WAV."""


def csv_bytes(record: Record) -> bytes:
    """A row for each sample: seconds from the first one, number of the window, and the channels in the unit."""
    unit, samples = f"_{record.header.unit}" if record.header.unit else "", record.samples
    _, channels, count = samples.shape
    offsets_s = np.arange(count) / record.header.sample_rate_hz
    rows = [",".join(["t_s", "window", *(f"channel_{number + 1}{unit}" for number in range(channels))])]
    for number, (start_s, window) in enumerate(zip(starts_s(record), samples, strict=True)):
        for time_s, values in zip((start_s + offsets_s).tolist(), window.T.tolist(), strict=True):
            rows.append(f"{time_s:.7f},{number}," + ",".join([f"{value:.7g}" for value in values]))
    return ("\n".join(rows) + "\n").encode()


def wav_bytes(record: Record) -> bytes:
    """The windows one after the other, each sample once: 16-bit PCM whose peak is full scale."""
    rate_hz, samples = record.header.sample_rate_hz, record.samples
    count, starts = samples.shape[2], starts_s(record)
    parts, end_s = [], starts[0]
    for start_s, window in zip(starts, samples, strict=True):
        skipped = min(count, max(0, round((end_s - start_s) * rate_hz)))
        parts.append(window[:, skipped:])
        end_s = max(end_s, start_s + count / rate_hz)
    signal = np.concatenate(parts, axis=1)
    signal = signal - signal.mean(axis=1, keepdims=True)
    peak = float(np.abs(signal).max()) or 1.0
    pcm = np.round(signal / peak * FULL_SCALE).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(pcm.shape[0])
        writer.setsampwidth(2)
        writer.setframerate(round(rate_hz))
        writer.writeframes(pcm.T.tobytes())
    return file.getvalue()


FORMATS: Final[Mapping[str, tuple[str, Callable[[Record], bytes]]]] = {
    "npz": ("application/octet-stream", npz_form.to_bytes),
    "csv": ("text/csv; charset=utf-8", csv_bytes),
    "wav": ("audio/wav", wav_bytes),
}
"""Ending -> media type, and what makes the file."""
