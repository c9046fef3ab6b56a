"""The speed of a shaft from a tachometer channel: one or more pulses a turn, sampled beside the vibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SPREAD = 0.2
"""Largest relative deviation of one period from their median; with more the edges are those of noise."""


@dataclass(frozen=True, slots=True)
class Tachometer:
    """Which channel of a packet it is, and how many pulses a turn has."""

    channel: str
    pulses_per_turn: float = 1.0


def rpm_of(samples: NDArray[np.float32], sample_rate_hz: float, pulses_per_turn: float) -> float | None:
    """The mean speed between the first and the last pulse.

    A pulse begins where the signal rises through the middle of its range, after it was in the lowest quarter: the
    hysteresis of a Schmitt trigger. The time of the crossing is interpolated between samples.

    Args:
        samples: float32[n] of the channel.
        sample_rate_hz: of the channel.
        pulses_per_turn: of the tachometer.

    Returns:
        Revolutions a minute; None: there are fewer than two pulses, or they are uneven, as those of noise are.
    """
    low, high = float(samples.min()), float(samples.max())
    edges = _rising_edges(samples, low, high)
    if len(edges) < 2:
        return None
    periods = np.diff(edges)
    median = float(np.median(periods))
    if np.abs(periods - median).max() > MOST_SPREAD * median:
        return None
    return float(60 * sample_rate_hz / periods.mean() / pulses_per_turn)


def _rising_edges(samples: NDArray[np.float32], low: float, high: float) -> NDArray[np.float64]:
    """float64[edges]: where pulses begin, in samples."""
    middle = (low + high) / 2
    above = samples >= middle
    crossings = np.flatnonzero(~above[:-1] & above[1:])
    armed = np.flatnonzero(samples <= low + (high - low) / 4)  # the signal was low
    if not len(armed):
        return np.zeros(0)
    last_low = np.searchsorted(armed, crossings, side="right") - 1
    fresh = last_low >= 0
    crossings, last_low = crossings[fresh], armed[last_low[fresh]]
    # Of several crossings after one low stretch only the first is a pulse.
    first = np.ones(len(crossings), np.bool_)
    first[1:] = last_low[1:] > crossings[:-1]
    at = crossings[first]
    before, after = samples[at].astype(np.float64), samples[at + 1].astype(np.float64)
    return at + (middle - before) / (after - before)
