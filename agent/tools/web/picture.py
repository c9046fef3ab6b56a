"""The windows of a record, or of a snapshot, as the page draws them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from drsn.agent.evidence.record import Record
from drsn.agent.evidence.snapshot import WindowSnapshot
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.tools.evidence.figure import HARMONICS, UP_TO_HZ, lines_hz
from drsn.agent.tools.web.reduction import curve, rounded, spectrum, threshold_blocks, waveform_columns
from drsn.model.report.envelope import envelope_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

NS_PER_S: Final = 1e9

UNITS_OF_BLOCKS: Final = {64: (32, 32), 80: (16, 32, 32), 104: (24, 32, 48), 112: (16, 32, 32, 32)}
"""Number of threshold factors -> those of each residual unit, of the shipped networks and of the default one."""

AnyWindows: TypeAlias = Record | WindowSnapshot


def picture(found: AnyWindows) -> dict[str, Any]:
    """What the page draws: the signal of the first channel, and the diagnosis of each window."""
    header, samples = found.header, found.samples
    rpm = header.windows[-1].rpm
    if rpm is None and isinstance(found, WindowSnapshot):
        rpm = found.header.rpm
    lines = lines_hz(header.bearing, rpm)
    rate_hz, bandwidth_hz = header.sample_rate_hz, header.contract.bandwidth_hz
    first, band_hz = samples[:, 0, :], (bandwidth_hz / 4, bandwidth_hz)
    envelopes = [envelope_spectrum(window, rate_hz, band_hz) for window in first]
    top_hz = min(max([UP_TO_HZ, *(1.1 * HARMONICS * hz for hz in lines.values())]), rate_hz / 2)
    channels = samples.shape[1]
    return {
        "sensor": header.sensor,
        "event_id": found.event.event_id if isinstance(found, Record) else None,
        "t0": iso_utc(starts_unix_ns(found)[0]),
        "sample_rate_hz": rate_hz,
        "unit": header.unit,
        "rpm": rpm,
        "channels": [f"channel {number}" for number in range(1, channels + 1)] if channels > 1 else [header.sensor],
        "windows": [_window(found, index) for index in range(len(header.windows))],
        "waveform": waveform_columns(starts_s(found), first, rate_hz),
        "spectrum": curve(*spectrum(first, rate_hz), rate_hz / 2),
        "envelope": curve(envelopes[0][0], np.mean([each for _, each in envelopes], axis=0), top_hz),
        "marks": [
            {"name": name, "f_hz": round(harmonic * hz, 3), "harmonic": harmonic}
            for name, hz in lines.items()
            for harmonic in range(1, HARMONICS + 1)
        ],
        "thresholds": _thresholds(found.arrays.alpha),
    }


def starts_unix_ns(found: AnyWindows) -> list[int]:
    """Time of the first sample of each window."""
    length_ns = round(found.arrays.counts.shape[2] / found.header.sample_rate_hz * NS_PER_S)
    return [window.t_end_unix_ns - length_ns for window in found.header.windows]


def starts_s(found: AnyWindows) -> list[float]:
    """The same, relative to the first window; never falling, whatever the sensor's clock did."""
    first, *_ = starts = starts_unix_ns(found)
    rising: list[float] = np.maximum.accumulate([(start - first) / NS_PER_S for start in starts]).tolist()
    return rising


def _window(found: AnyWindows, index: int) -> dict[str, Any]:
    window, novelty = found.header.windows[index], float(found.arrays.novelty[index])
    labels = [label.name for label in found.header.contract.labels]
    return {
        "t0": iso_utc(starts_unix_ns(found)[index]),
        "label": window.label,
        "condition": window.condition,
        "probabilities": dict(zip(labels, rounded(found.arrays.probabilities[index]), strict=True)),
        "novelty": novelty if math.isfinite(novelty) else None,
        "suppressed_by": window.suppressed_by,
    }


def _thresholds(alpha: NDArray[np.float32]) -> list[dict[str, Any]] | None:
    """The factors of each block; of a network of another size, all as one block."""
    units = alpha.shape[1]
    return threshold_blocks(alpha, UNITS_OF_BLOCKS.get(units, (units,))) if units else None
