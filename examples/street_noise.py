"""Street noise, synthesised in numpy: traffic, horns, impacts and babble, mixed at random.

Traffic is noise below some 200 Hz with the orders of an engine; a horn is two tones with harmonics (350 to 500 Hz, as
of cars); an impact is a burst of noise that decays within 5 to 40 ms; babble is the sum of many speakers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from formant_synthesiser import RATE_HZ, SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPREAD_DB = 6.0
"""Standard deviation of the level of each kind of noise in a mixture."""

BABBLE = 6


def street(count: int, voices: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """`count` noises of all four kinds at random levels, of RMS 1: float32[count, SAMPLES]; babble is of `voices`."""
    kinds = [traffic(count, rng), horns(count, rng), impacts(count, rng), babble(count, voices, rng)]
    mixture = sum(_scaled(x) * 10 ** (rng.normal(0, SPREAD_DB, (count, 1)) / 20) for x in kinds)
    return _scaled(np.asarray(mixture)).astype(np.float32)


def traffic(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Rumble whose power falls 12 dB an octave above 50 to 200 Hz, and eight orders of an engine at 20 to 60 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal((count, SAMPLES)), axis=1)
    frequency_hz = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)
    rumble = np.fft.irfft(spectrum / (1 + np.square(frequency_hz / rng.uniform(50, 200, (count, 1)))), SAMPLES, axis=1)
    engine = harmonics(rng.uniform(20, 60, (count, 1)), 8, rng)
    return _scaled(rumble) + 0.5 * _scaled(engine)


def horns(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A horn of two tones, of which each mixture has 0.1 s at least; white noise 40 dB below, where it is silent."""
    low_hz = rng.uniform(330, 430, (count, 1))
    tones = harmonics(low_hz, 7, rng) + harmonics(low_hz * rng.uniform(1.15, 1.3, (count, 1)), 7, rng)
    duration_s = rng.uniform(0.1, 0.5, (count, 1))
    since_s = _time_s() - rng.uniform(-0.1, SAMPLES / RATE_HZ - 0.1, (count, 1))
    return _scaled(tones) * ((since_s > 0) & (since_s < duration_s)) + 0.01 * rng.standard_normal(tones.shape)


def impacts(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Six impacts at random times and of random strength."""
    x = np.zeros((count, SAMPLES))
    for _ in range(6):
        since_s = _time_s() - rng.uniform(0, SAMPLES / RATE_HZ - 0.01, (count, 1))
        decay = np.exp(-np.maximum(since_s, 0) / rng.uniform(0.005, 0.04, (count, 1))) * (since_s >= 0)
        x += rng.exponential(1, (count, 1)) * decay * rng.standard_normal((count, SAMPLES))
    return x


def babble(count: int, voices: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """The sum of `BABBLE` utterances, each from its own time on: the beginning follows the end."""
    x = np.zeros((count, SAMPLES))
    for _ in range(BABBLE):
        chosen, shift = rng.integers(len(voices), size=(count, 1)), rng.integers(SAMPLES, size=(count, 1))
        x += voices[chosen, (np.arange(SAMPLES) + shift) % SAMPLES]
    return x


def harmonics(base_hz: NDArray[np.float64], orders: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A tone with harmonics of amplitude 1 / order and random phase: float64[n, SAMPLES] of float64[n, 1]."""
    turns = base_hz * _time_s()
    waves = [np.sin(2 * np.pi * (k * turns + rng.uniform(size=base_hz.shape))) / k for k in range(1, orders + 1)]
    return np.asarray(sum(waves))


def _time_s() -> NDArray[np.float64]:
    return np.arange(SAMPLES) / RATE_HZ


def _scaled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = x / np.sqrt(np.square(x).mean(axis=1, keepdims=True))
    return scaled
