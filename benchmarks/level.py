"""RMS velocity: its error against the exact value, by window and seconds of signal, and its cost for each window.

The rows "one window" are what a spectrum of each window by itself would give (Hann, no frame of several windows): the
reason why windows are joined. Written to `results/level.json`.
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from _report import report

from drsn.agent.monitoring.impulsiveness import kurtosis_of
from drsn.agent.monitoring.velocity import PERIODS, FrameKind, VelocityFrames
from drsn.agent.monitoring.velocity_meter import NewSamples, VelocityMeter

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_HZ = 12_000.0
WINDOWS = {"171 ms": 2048, "341 ms": 4096}
SECONDS = (1.0, 2.0, 4.0)
LINES_HZ = (10.0, 12.5, 16.6, 24.9, 50.0, 120.0, 900.0)
BATCH = 32
WHOLE_FRAMES = 84
"""Windows of a sensor in one timing: frames have 3, 6 or 7, so that each transform is counted."""


def machine_signal(seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A machine at 1,490 rpm with harmonics, hum, sway of the floor at 3 Hz, gravity and noise, and its velocity.

    Returns:
        float[samples], in mm/s²; the velocity of the lines within the band, in mm/s. The noise, 100 mm/s² up to 6 kHz,
        adds 0.1 mm/s.
    """
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    velocities = {24.83: 2.0, 49.67: 0.7, 74.5: 0.3, 100.0: 0.2, 733.0: 0.1}
    signal = 9806.65 + 100.0 * rng.standard_normal(len(t))
    signal += 150.0 * np.sin(2 * np.pi * 3.0 * t + rng.uniform(0, 6))  # 5.6 mm/s RMS below the band
    for f_hz, rms in velocities.items():
        signal += math.sqrt(2) * rms * 2 * np.pi * f_hz * np.sin(2 * np.pi * f_hz * t + rng.uniform(0, 6))
    return signal, math.hypot(*velocities.values())


def by_frames(signal: np.ndarray, window: int, seconds: float | None) -> np.ndarray:
    """The velocity of each frame of so many seconds; None: of each window by itself."""
    low_hz = 10.0 if seconds is None else PERIODS / seconds
    if seconds is None:
        return by_windows(signal, window)
    frames = _Band(FrameKind(1, window, RATE_HZ, low_hz, velocity=False))
    index, found = np.array([frames.begin()]), [np.zeros(0)]
    for start in range(0, len(signal) - window + 1, window):
        samples = signal[np.newaxis, np.newaxis, start : start + window].astype(np.float32)
        found.append(frames.add(index, samples, np.array([start > 0]))[1])
    return np.concatenate(found)


class _Band(VelocityFrames):
    """Frames as long as for a lower band, whose bins begin at 10 Hz all the same."""

    def __init__(self, kind: FrameKind) -> None:
        super().__init__(kind)
        first = round((10.0 - kind.low_hz) * self._length / (kind.sample_rate_hz / self._factor))
        self._band, self._weights = slice(self._band.start + first, self._band.stop), self._weights[first:]


def by_windows(signal: np.ndarray, window: int) -> np.ndarray:
    """Without a frame: Hann, Fourier transform, division by the squared frequency, of each window."""
    windows = signal[: len(signal) // window * window].reshape(-1, window)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    f_hz = np.fft.rfftfreq(window, 1 / RATE_HZ)
    band = (f_hz >= 10) & (f_hz <= 1000)
    spectrum = np.fft.rfft((windows - windows.mean(axis=1, keepdims=True)) * taper)[:, band]
    weights = 2 / (window * np.square(taper).sum()) / np.square(2 * np.pi * f_hz[band])
    return np.sqrt(np.square(np.abs(spectrum)) @ weights)


def error_rows() -> list[list[object]]:
    """The errors in per cent: of single lines, the largest; of the machine, mean and spread of 60 s."""
    rows: list[list[object]] = []
    t = np.arange(round(20 * RATE_HZ)) / RATE_HZ
    machine, exact = machine_signal(120.0, np.random.default_rng(0))
    for name, window in WINDOWS.items():
        for seconds in (None, *SECONDS):
            errors = []
            for f_hz in LINES_HZ:
                found = by_frames(np.sin(2 * np.pi * f_hz * t + 0.3), window, seconds)
                errors.append(100 * float(np.abs(found * math.sqrt(2) * 2 * np.pi * f_hz - 1).max()))
            velocity = by_frames(machine, window, seconds)
            mean, spread = 100 * (velocity.mean() / exact - 1), 100 * velocity.std() / exact
            frame = "one window" if seconds is None else f"{seconds:g} s"
            rows.append([name, frame, errors[0], max(errors[1:3]), max(errors[3:]), float(mean), float(spread)])
    return rows


def cost_rows() -> list[list[object]]:
    """Microseconds of CPU time for each window: the meter in batches of 32 sensors and of one, and the kurtosis."""
    rows: list[list[object]] = []
    for rate_hz, window in ((12_000.0, 2048), (12_000.0, 4096), (25_600.0, 4096), (25_600.0, 4369), (51_200.0, 8192)):
        samples = np.random.default_rng(0).standard_normal((BATCH, 1, window)).astype(np.float32)
        cells: list[object] = [rate_hz, window]
        for sensors in (BATCH, 1):
            meter = VelocityMeter()
            for slot in range(sensors):
                meter.begin(slot, 10.0)
            yes, no = np.ones(sensors, np.bool_), np.zeros(sensors, np.bool_)
            new = NewSamples(
                np.arange(sensors), samples[:sensors], rate_hz, np.full(sensors, window), ["g"] * sensors, yes, no, yes
            )
            cells.append(cpu_us(partial(_several, meter, new), 3) / (WHOLE_FRAMES * sensors))
        cells += [cpu_us(partial(kurtosis_of, samples), 50) / BATCH, meter.nbytes / 4e3]
        rows.append(cells)
    return rows


def cpu_us(call: Callable[[], object], count: int) -> float:
    """Microseconds of CPU time for each call, the least of 15 rounds: other processes may share the cores."""
    best_s = math.inf
    for _ in range(15):
        started_s = time.process_time()
        for _ in range(count):
            call()
        best_s = min(best_s, (time.process_time() - started_s) / count)
    return best_s * 1e6


def _several(meter: VelocityMeter, new: NewSamples) -> None:
    for _ in range(WHOLE_FRAMES):
        meter.measure(new)


def main() -> None:
    """Measure errors and costs."""
    report(
        "level_errors",
        ["window", "signal", "10 Hz %", "12.5, 16.6 Hz %", "25 Hz to 900 Hz %", "machine: mean %", "spread %"],
        error_rows(),
    )
    report(
        "level_cost",
        ["rate Hz", "window", "velocity, 32 sensors, us", "one sensor, us", "kurtosis us", "kB a sensor"],
        cost_rows(),
    )


if __name__ == "__main__":
    main()
