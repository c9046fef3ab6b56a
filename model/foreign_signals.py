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


def resonances(n: int, rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """White noise through one to four resonances of random power, 50 Hz to 0.45 of the rate, damping 0.01 to 1.

    Over a floor 10 to 40 dB below them.
    """
    f_hz = np.fft.rfftfreq(n, 1 / rate_hz)
    gain = np.full(len(f_hz), 10 ** (rng.uniform(-40, -10) / 20))
    for _ in range(rng.integers(1, 5)):
        ratio = f_hz / np.exp(rng.uniform(np.log(50), np.log(0.45 * rate_hz)))
        damping = 10 ** rng.uniform(-2, 0)
        peak = 1 / np.hypot(1 - ratio**2, 2 * damping * ratio)
        gain += peak / peak.max() * 10 ** (rng.uniform(-20, 0) / 20)
    spectrum = np.fft.rfft(rng.standard_normal(n)) * gain
    return np.asarray(np.fft.irfft(spectrum, n), np.float32)


def shuffled(samples: NDArray[np.float32], block: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blocks of so many samples in random order: float32[..., n], the values stay, the rhythm goes.

    All channels are shuffled alike; samples after the last whole block stay at the end.
    """
    n = samples.shape[-1]
    order = rng.permutation(n // block)[:, np.newaxis] * block + np.arange(block)
    return samples[..., np.concatenate([order.ravel(), np.arange(n // block * block, n)])]


def loose_contact(n: int, rate_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Jumps between two levels at random times, 10 to 300 a second on average, white noise 20 to 40 dB below."""
    jumps = rng.uniform(size=n) < rng.uniform(10, 300) / rate_hz
    return _in_noise(np.where(np.cumsum(jumps) % 2, 1.0, -1.0), rng.uniform(20, 40), rng)


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
    "random impulses": partial(_noise, Noise.IMPULSIVE),
    "loose contact": loose_contact,
}


def made(rate_hz: float, n: int, each: int, seed: int) -> dict[str, list[Recording]]:
    """So many streams of each kind, n samples long."""
    rng = np.random.default_rng(seed)
    return {
        kind: [Recording(kind, "", make(n, rate_hz, rng)[np.newaxis], rate_hz) for _ in range(each)]
        for kind, make in STRANGERS.items()
    }
