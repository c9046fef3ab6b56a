"""The windows of a record, or of a snapshot, as the page draws them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.tools.evidence.figure import HARMONICS, UP_TO_HZ, lines_hz
from drsn.agent.tools.web.reduction import curve, rounded, spectrum, threshold_blocks, waveform_columns
from drsn.model.report.envelope import envelope_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.evidence.record import Record
    from drsn.agent.evidence.window_history import Arrays
    from drsn.agent.schema.bearing import AnyBearing
    from drsn.model.contract import ModelContract

NS_PER_S: Final = 1e9

UNITS_OF_BLOCKS: Final = {64: (32, 32), 80: (16, 32, 32), 104: (24, 32, 48), 112: (16, 32, 32, 32)}
"""Number of threshold factors -> those of each residual unit, of the shipped networks and of the default one."""


@dataclass(frozen=True, slots=True)
class WindowFact:
    """What is known of one window."""

    t_end_unix_ns: int
    label: str
    condition: str
    suppressed_by: str | None
    rpm: float | None


@dataclass(frozen=True, slots=True)
class Signal:
    """Windows of one sensor with their diagnosis."""

    sensor: str
    event_id: str | None
    unit: str | None
    sample_rate_hz: float
    bearing: AnyBearing | None
    contract: ModelContract
    windows: Sequence[WindowFact]
    samples: NDArray[np.float32]
    """float32[windows, channels, samples], in the unit."""
    arrays: Arrays

    @property
    def starts_unix_ns(self) -> list[int]:
        """Time of the first sample of each window."""
        length_ns = round(self.samples.shape[2] / self.sample_rate_hz * NS_PER_S)
        return [window.t_end_unix_ns - length_ns for window in self.windows]

    @property
    def starts_s(self) -> list[float]:
        """The same, relative to the first window; not falling, whatever the sensor's clock did."""
        first, *_ = starts = self.starts_unix_ns
        rising: list[float] = np.maximum.accumulate([(start - first) / NS_PER_S for start in starts]).tolist()
        return rising


def signal_of(record: Record) -> Signal:
    """The windows of a record."""
    header = record.header
    facts = [WindowFact(w.t_end_unix_ns, w.label, w.condition, w.suppressed_by, w.rpm) for w in header.windows]
    return Signal(
        header.sensor,
        record.event.event_id,
        header.unit,
        header.sample_rate_hz,
        header.bearing,
        header.contract,
        facts,
        record.samples,
        record.arrays,
    )


def picture(signal: Signal) -> dict[str, Any]:
    """What the page draws of it: the first channel, and the diagnosis of each window."""
    rpm = signal.windows[-1].rpm
    lines = lines_hz(signal.bearing, rpm)
    rate_hz, bandwidth_hz = signal.sample_rate_hz, signal.contract.bandwidth_hz
    band_hz = (bandwidth_hz / 4, bandwidth_hz)
    first = signal.samples[:, 0, :]
    envelopes = [envelope_spectrum(window, rate_hz, band_hz) for window in first]
    top_hz = min(max([UP_TO_HZ, *(1.1 * HARMONICS * hz for hz in lines.values())]), rate_hz / 2)
    channels = signal.samples.shape[1]
    return {
        "sensor": signal.sensor,
        "event_id": signal.event_id,
        "t0": iso_utc(signal.starts_unix_ns[0]),
        "sample_rate_hz": rate_hz,
        "unit": signal.unit,
        "rpm": rpm,
        "channels": [f"channel {number}" for number in range(1, channels + 1)] if channels > 1 else [signal.sensor],
        "windows": [_window(signal, index) for index in range(len(signal.windows))],
        "waveform": waveform_columns(signal.starts_s, first, rate_hz),
        "spectrum": curve(*spectrum(first, rate_hz), rate_hz / 2),
        "envelope": curve(envelopes[0][0], np.mean([each for _, each in envelopes], axis=0), top_hz),
        "marks": [
            {"name": name, "f_hz": round(harmonic * hz, 3), "harmonic": harmonic}
            for name, hz in lines.items()
            for harmonic in range(1, HARMONICS + 1)
        ],
        "thresholds": _thresholds(signal.arrays.alpha),
    }


def _window(signal: Signal, index: int) -> dict[str, Any]:
    window, novelty = signal.windows[index], float(signal.arrays.novelty[index])
    labels = [label.name for label in signal.contract.labels]
    return {
        "t0": iso_utc(signal.starts_unix_ns[index]),
        "label": window.label,
        "condition": window.condition,
        "probabilities": dict(zip(labels, rounded(signal.arrays.probabilities[index]), strict=True)),
        "novelty": novelty if math.isfinite(novelty) else None,
        "suppressed_by": window.suppressed_by,
    }


def _thresholds(alpha: NDArray[np.float32]) -> list[dict[str, Any]] | None:
    """The factors of each block; of a network of another size, all as one block."""
    units = alpha.shape[1]
    return threshold_blocks(alpha, UNITS_OF_BLOCKS.get(units, (units,))) if units else None
