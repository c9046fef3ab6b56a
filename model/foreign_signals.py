"""Signals that no machine made, or none that the model knows: a loose sensor, a broken shield, a neighbour's whistle.

Each stays what it is for as long as it lasts: what misleads a rule once misleads it all the time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.recording import Recording
from drsn.model.noise import PAPER_NOISES, Noise, add_noise, unit_noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def hum(n: int, rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """50 or 60 Hz and seven of its multiples, white noise 40 dB below."""
    turns = np.arange(n) / rate_hz * rng.choice([50, 60])
    wave = np.sum([np.sin(2 * np.pi * (k * turns + rng.uniform())) / k for k in range(1, 8)], axis=0)
    return _in_noise(wave, 40.0, rng)


def sweep(n: int, rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A sine from one frequency to another, 100 Hz to 0.4 of the rate, white noise 0 to 20 dB below."""
    return _sine(n, rate_hz, rng.uniform(100, 0.4 * rate_hz, 2), rng)


def tone(n: int, rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A sine of 100 Hz to 0.4 of the rate, white noise 0 to 20 dB below."""
    return _sine(n, rate_hz, np.repeat(rng.uniform(100, 0.4 * rate_hz), 2), rng)


def resonance(n: int, rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """White noise through one resonance, at 300 Hz to 0.4 of the rate and 100 Hz to 4 kHz wide."""
    f_hz, centre_hz, half_hz = np.fft.rfftfreq(n, 1 / rate_hz), rng.uniform(300, 0.4 * rate_hz), rng.uniform(50, 2000)
    spectrum = np.fft.rfft(rng.standard_normal(n)) / (1 + ((f_hz - centre_hz) / half_hz) ** 2)
    return np.asarray(np.fft.irfft(spectrum, n), np.float32)


def _sine(n: int, rate_hz: float, f_hz: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    turns = np.cumsum(np.linspace(f_hz[0], f_hz[1], n)) / rate_hz
    return _in_noise(np.sin(2 * np.pi * turns), rng.uniform(0, 20), rng)


def _in_noise(wave: NDArray[np.float64], snr_db: float, rng: np.random.Generator) -> NDArray[np.float32]:
    return np.asarray(add_noise(wave[np.newaxis].astype(np.float32), snr_db, Noise.GAUSSIAN, rng)[0])


def _noise(kind: Noise, n: int, _rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    return unit_noise(kind, (n,), rng)


STRANGERS: dict[str, Callable[[int, float, np.random.Generator], NDArray[np.float32]]] = {
    **{f"{kind.value} noise": partial(_noise, kind) for kind in PAPER_NOISES},
    "hum": hum,
    "tone": tone,
    "sweep": sweep,
    "noise through a resonance": resonance,
}


def made(rate_hz: float, n: int, each: int, seed: int) -> dict[str, list[Recording]]:
    """So many streams of each kind, n samples long."""
    rng = np.random.default_rng(seed)
    return {
        kind: [Recording(kind, "", make(n, rate_hz, rng)[np.newaxis], rate_hz) for _ in range(each)]
        for kind, make in STRANGERS.items()
    }
