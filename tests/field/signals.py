"""What the payloads of the field's cases hold: three axes of a simulated machine, coloured as a real one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 12_000.0
PACKET = 2048
"""Samples of a packet."""
PACKETS = 4


@cache
def axes() -> NDArray[np.float32]:
    """float32[3, samples]: noise of a gearbox with a resonance at 2 kHz, in the first axis impacts; ±8 g at most."""
    rng, count = np.random.default_rng(7), PACKET * PACKETS
    impacts = np.zeros((3, count))
    impacts[0, ::117] = 8.0
    driven = impacts + rng.standard_normal((3, count))
    decay = np.exp(-np.arange(64) / 9.0) * np.cos(2 * np.pi * 2000 / RATE_HZ * np.arange(64))
    rung = np.stack([np.convolve(row, decay)[:count] for row in driven])
    return np.clip(rung / 4, -8, 8).astype(np.float32)


def pieces(axis: int = 0) -> list[NDArray[np.float32]]:
    """One axis, packet by packet."""
    return list(axes()[axis].reshape(PACKETS, PACKET))
