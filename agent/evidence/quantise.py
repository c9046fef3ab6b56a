"""Quantises windows to 16-bit counts: half the memory of float32, and exact for a sensor that sends 16-bit counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOP = 32_767
"""Steps from the middle of a channel's range to either end."""

TINY = float(np.finfo(np.float32).tiny)
"""Smallest step: the inverse of a smaller one would be infinite."""


def quantise(
    samples: NDArray[np.float32],
    count: float | None,
    counts: NDArray[np.int16],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
) -> bool:
    """Quantise float32[channels, n]: sample = count x scale + offset, of each channel.

    Samples that are 16-bit counts times `count` are restored exactly. The error of others is at most half a step,
    1/65,534 of the channel's span, plus float32 rounding, 2^-22 of the largest sample. The offset is stored separately,
    so that gravity or a bias does not reduce the resolution.

    Args:
        samples: within ±1e15, the limit of packets.
        count: unit per count, from the packet; None: it had no 16-bit counts.
        counts: int16[channels, n], to fill.
        scale: float32[channels], to fill.
        offset: float32[channels], to fill.

    Returns:
        True if `samples_of` restores every sample exactly.
    """
    low, high = samples.min(axis=1).tolist(), samples.max(axis=1).tolist()
    work = np.empty_like(samples)
    if count and _as_sent(samples, count, (min(low), max(high)), counts, work):
        scale[...], offset[...] = count, 0.0
        return True
    for channel, (least, most) in enumerate(zip(low, high, strict=True)):
        offset[channel] = (least + most) / 2
        middle = float(offset[channel])  # rounded to float32: a large offset may not be the exact middle
        scale[channel] = max((most - middle) / TOP, (middle - least) / TOP, TINY)
        np.subtract(samples[channel], offset[channel], out=work[channel])
        np.divide(work[channel], scale[channel], out=work[channel])
    np.copyto(counts, np.rint(work, out=work), casting="unsafe")
    return False


def samples_of(
    counts: NDArray[np.int16], scale: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Restore float32[..., channels, n] samples from int16 counts and float32[..., channels] scale and offset."""
    samples: NDArray[np.float32] = counts * scale[..., np.newaxis] + offset[..., np.newaxis]
    return samples


def _as_sent(
    samples: NDArray[np.float32],
    count: float,
    span: tuple[float, float],
    counts: NDArray[np.int16],
    work: NDArray[np.float32],
) -> bool:
    """Write the samples as counts of the sensor; False: they are not whole counts."""
    step = np.float32(count)
    if abs(step) < TINY or not all(-TOP - 1 <= round(end / float(step)) <= TOP for end in span):
        return False
    np.divide(samples, step, out=work)
    np.rint(work, out=work)
    np.copyto(counts, work, casting="unsafe")
    np.multiply(work, step, out=work)
    np.subtract(work, samples, out=work)
    return not work.any()
