"""Whether numbers in one row are the samples of several channels: interleaved, or one channel behind the other.

Channels of an accelerometer differ: gravity gives each axis its own mean, and neighbours of one moment are not
neighbours in time. A single signal shows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COUNTS: Final = (2, 3, 4, 6)
"""Channels that are looked for."""

MIN_PER_CHANNEL: Final = 16
MEANS_APART: Final = 0.05
"""Distance of the channels' means in spreads of the whole row, from which there may be channels."""

MEANS_FAR_APART: Final = 1.0
"""The same, from which there certainly are, if it is so in every packet."""

SPREADS_APART: Final = 1.3
"""Ratio of the largest to the least spread of the channels, from which there may be channels."""

ALIKE: Final = 0.25
"""Autocorrelation at the distance of one moment, from which it may be the next sample of the same channel."""


@dataclass(frozen=True)
class Interleaving:
    """Channels that a row of numbers may hold."""

    channels: int
    layout: Literal["interleaved", "planar"]
    certain: bool
    reason: str


def interleaving_of(packets: Sequence[NDArray[Any]]) -> Interleaving | None:
    """The channels in the rows of some packets; None: nothing shows that there is more than one.

    Args:
        packets: numbers[samples of all channels] of each packet.
    """
    rows = [row.astype(np.float64) for row in packets]
    fitting = [n for n in COUNTS if all(row.size % n == 0 and row.size >= n * MIN_PER_CHANNEL for row in rows)]
    for channels in fitting:
        shaped = [_shaped(row, channels, "interleaved") for row in rows]
        apart = min(map(_distance, shaped)) > MEANS_FAR_APART and _steady(shaped)
        if apart and not any(interleaving_of([block[at] for block in shaped]) for at in range(channels)):
            reason = f"{channels} channels differ in their means in every packet, as axes do by gravity"
            return Interleaving(channels, "interleaved", certain=True, reason=reason)
    for channels in fitting:
        if (suspicion := _suspicion(rows, channels)) is not None:
            return Interleaving(channels, "interleaved", certain=False, reason=suspicion)
    return _planar(rows, fitting)


def _planar(rows: Sequence[NDArray[np.float64]], fitting: Sequence[int]) -> Interleaving | None:
    """Channels one behind the other; never certain, because a signal may drift within each packet."""
    blocks = {channels: [_shaped(row, channels, "planar") for row in rows] for channels in fitting}
    apart = {channels: min(map(_distance, shaped)) for channels, shaped in blocks.items() if _steady(shaped)}
    channels = max(apart, key=lambda n: apart[n], default=0)
    if not channels or apart[channels] < MEANS_FAR_APART:
        return None
    return Interleaving(channels, "planar", certain=False, reason="parts of each packet differ in their means")


def _shaped(row: NDArray[np.float64], channels: int, layout: str) -> NDArray[np.float64]:
    return row.reshape(channels, -1) if layout == "planar" else row.reshape(-1, channels).T


def _distance(block: NDArray[np.float64]) -> float:
    """The least distance of two channels' means, in spreads of a channel."""
    spread = float(block.std(axis=1).mean())
    means = np.sort(block.mean(axis=1))
    return float(np.diff(means).max()) / spread if spread else 0.0


def _steady(shaped: Sequence[NDArray[np.float64]]) -> bool:
    """Whether the order of the channels' means is that of the first packet in all."""
    orders = {tuple(np.argsort(block.mean(axis=1)).tolist()) for block in shaped}
    return len(orders) == 1 and len(shaped) > 1


def _suspicion(rows: Sequence[NDArray[np.float64]], channels: int) -> str | None:
    """Why there may be so many interleaved channels; None: nothing says so."""
    row = np.concatenate(rows)
    block = _shaped(row, channels, "interleaved")
    whole, spreads = float(row.std()), block.std(axis=1)
    if not whole:
        return None
    if np.ptp(block.mean(axis=1)) > max(MEANS_APART, 8 / block.shape[1] ** 0.5) * whole:
        return f"each {_ordinal(channels)} number has another mean"
    if spreads.max() > SPREADS_APART * max(float(spreads.min()), 1e-12):
        return f"each {_ordinal(channels)} number has another spread"
    near = [abs(_correlation(row, lag)) for lag in range(1, channels)]
    if _correlation(row, channels) > max(ALIKE, 1.5 * max(near)):
        return f"numbers are like those {channels} places before them, and unlike their neighbours"
    return None


def _correlation(row: NDArray[np.float64], lag: int) -> float:
    centred = row - row.mean()
    return float(centred[lag:] @ centred[:-lag]) / float(centred @ centred)


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
