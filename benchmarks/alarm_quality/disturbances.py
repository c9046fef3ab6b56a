"""Disturbances of a signal besides noise: impacts, load steps, speed changes, faults of the cable.

Each function takes float32[n] samples of one channel at one rate and returns float32[n]. It draws where the disturbance
begins, how long it lasts and how strong it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def impact(x: NDArray[np.float32], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Impacts on the machine: one to five, 5 to 30 times the RMS high, decaying oscillations of 0.5 to 4 kHz."""
    time_s = np.arange(x.size) / rate_hz
    y = x.astype(np.float64)
    for _ in range(rng.integers(1, 6)):
        after = time_s - rng.uniform(0, time_s[-1])
        ring = np.exp(-after.clip(0) / rng.uniform(0.002, 0.02)) * np.sin(2 * np.pi * rng.uniform(500, 4000) * after)
        y += rng.uniform(5, 30) * x.std() * np.where(after >= 0, ring, 0)
    return np.asarray(y, np.float32)


def load_step(x: NDArray[np.float32], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The load changes: within 10 to 100 ms the amplitude becomes 0.3 to 3 times as large, and stays so."""
    time_s = np.arange(x.size) / rate_hz
    begun = np.clip((time_s - rng.uniform(0, time_s[-1])) / rng.uniform(0.01, 0.1), 0, 1)
    gain = np.exp(begun * rng.uniform(np.log(0.3), np.log(3)))
    return np.asarray(x * gain, np.float32)


def speed_change(x: NDArray[np.float32], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The shaft turns up to 4 % slower or faster, after a ramp of half a second."""
    change = rng.uniform(-0.04, 0.04)
    ramp = np.clip(np.arange(x.size) / (0.5 * rate_hz), 0, 1)
    at = np.cumsum(1 + change * ramp) % (x.size - 1)  # a faster shaft needs more samples than there are: start again
    return np.asarray(np.interp(at, np.arange(x.size), x), np.float32)


def loose_cable(x: NDArray[np.float32], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The contact opens up to a dozen times for 2 to 300 ms; the signal is 0, then a decaying step of 5 RMS."""
    y = x.astype(np.float64)
    for _ in range(rng.integers(1, 13)):
        start = rng.integers(x.size)
        stop = start + int(rng.uniform(0.002, 0.3) * rate_hz)
        y[start:stop] = 0
        time_s = np.arange(y[stop:].size) / rate_hz
        y[stop:] += rng.choice([-5, 5]) * x.std() * np.exp(-time_s / rng.uniform(0.01, 0.5))
    return np.asarray(y, np.float32)


def overload(x: NDArray[np.float32], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:  # noqa: ARG001 (all disturbances have one signature)
    """The gain is too high: in a part of the signal, samples are clipped at 1 to 2.5 times the RMS."""
    y: NDArray[np.float32] = x.copy()
    start, stop = np.sort(rng.integers(0, x.size, 2))
    most = x.std() * rng.uniform(1, 2.5)
    np.clip(y[start:stop], -most, most, out=y[start:stop])
    return y


def hum(x: NDArray[np.float32], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A broken shield adds 50 or 60 Hz and its odd harmonics, 1 to 5 times the RMS."""
    turns = np.arange(x.size) / rate_hz * rng.choice([50, 60])
    wave = np.sum([np.sin(2 * np.pi * (k * turns + rng.uniform())) / k for k in (1, 3, 5, 7)], axis=0)
    return np.asarray(x + rng.uniform(1, 5) * x.std() * wave / np.std(wave), np.float32)


DISTURBANCES: dict[str, Callable[[NDArray[np.float32], float, np.random.Generator], NDArray[np.float32]]] = {
    "impact": impact,
    "load step": load_step,
    "speed change": speed_change,
    "loose cable": loose_cable,
    "overload": overload,
    "hum": hum,
}
