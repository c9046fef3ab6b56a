"""Signals as curves of few points: minimum and maximum of each column, spectra, and the learned thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_COLUMNS: Final = 2000
"""Columns of a curve: more than a screen has."""

DIGITS: Final = 5
"""Significant digits of a value in JSON."""

MAX_GAP: Final = 1.5
"""Samples between two windows from which the signal has a gap."""


def waveform_columns(
    starts_s: Sequence[float], windows: NDArray[np.float32], rate_hz: float, columns: int = MAX_COLUMNS
) -> dict[str, list[float | None]]:
    """Minimum and maximum of each column of a signal; the extremes of the signal are kept.

    Args:
        starts_s: time of the first sample of each window, relative to the first one; rising.
        windows: float32[windows, samples]; windows may overlap, and may have gaps between them.
        rate_hz: sample rate.
        columns: at most so many, and one for each gap.

    Returns:
        `t`, `min` and `max`, the time that of the first sample of a column; at a gap `min` and `max` are None.
    """
    count = windows.shape[1]
    total = len(starts_s) * count
    size = max(1, -(-total // columns))
    t: list[float] = []
    low: list[float | None] = []
    high: list[float | None] = []
    end_s = starts_s[0]
    for start_s, window in zip(starts_s, windows, strict=True):
        skipped = min(count, max(0, round((end_s - start_s) * rate_hz)))
        if t and start_s - end_s > MAX_GAP / rate_hz:
            t, low, high = [*t, end_s], [*low, None], [*high, None]
        fresh = window[skipped:]
        at = np.arange(0, fresh.size, size)
        if at.size:
            t += np.round(start_s + (skipped + at) / rate_hz, 7).tolist()
            low += rounded(np.minimum.reduceat(fresh, at))
            high += rounded(np.maximum.reduceat(fresh, at))
        end_s = max(end_s, start_s + count / rate_hz)
    return {"t": list(t), "min": low, "max": high}


def spectrum(windows: NDArray[np.float32], rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean amplitude spectrum with a Hann window.

    Args:
        windows: float32[windows, samples].
        rate_hz: sample rate.

    Returns:
        Frequencies in Hz, and amplitudes in the unit of the samples: a sine of amplitude 1 at a bin has 1.
    """
    taper = np.hanning(windows.shape[1])
    swing = windows - windows.mean(axis=1, keepdims=True)
    amplitude = 2 * np.abs(np.fft.rfft(swing * taper, axis=1)) / taper.sum()
    f_hz: NDArray[np.float64] = np.arange(amplitude.shape[1]) * (rate_hz / windows.shape[1])
    return f_hz, amplitude.mean(axis=0).astype(np.float64)


def curve(
    f_hz: NDArray[np.float64], amplitude: NDArray[np.float64], top_hz: float, columns: int = MAX_COLUMNS
) -> dict[str, list[float]]:
    """A spectrum up to a frequency; of the bins that are merged the largest is kept, so no line is lost."""
    inside = f_hz <= top_hz
    f_hz, amplitude = f_hz[inside], amplitude[inside]
    size = max(1, -(-f_hz.size // columns))
    begins = np.arange(0, f_hz.size, size)
    best = [begin + int(np.argmax(amplitude[begin : begin + size])) for begin in begins]
    return {"f_hz": np.round(f_hz[best], 3).tolist(), "amplitude": rounded(amplitude[best])}


def threshold_blocks(alpha: NDArray[np.float32], blocks: Sequence[int]) -> list[dict[str, Any]]:
    """Mean and largest learned threshold factor of each block of the network, over all windows.

    Args:
        alpha: float32[windows, units].
        blocks: number of units of each block.
    """
    found, begin = [], 0
    for block, units in enumerate(blocks):
        part = alpha[:, begin : begin + units]
        found.append({"block": block, "alpha_mean": _digits(part.mean()), "alpha_max": _digits(part.max())})
        begin += units
    return found


def rounded(values: NDArray[np.floating[Any]]) -> list[Any]:
    """Values with few digits."""
    return [_digits(value) for value in values.tolist()]


def _digits(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
