"""Windows as 16-bit counts: half the memory of float32, and the very counts of a sensor that sent counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOP = 32_767
"""Steps from the middle of a channel's range to either end."""

TINY = float(np.finfo(np.float32).tiny)
"""No step is smaller: its inverse would be infinite."""


def quantise(
    samples: NDArray[np.float32],
    count: float | None,
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    counts: NDArray[np.int16],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    work: NDArray[np.float32],
) -> bool:
    """Quantise float32[channels, n] in place: sample = count x scale + offset, of each channel; allocates no array.

    Samples that are 16-bit counts times `count` come back equal. Others are off by half a step, 1/65,534 of what the
    channel spans, and by float32's own rounding, 2^-22 of the largest sample, at most. Their offset is kept apart: no
    gravity or bias eats the steps.

    Args:
        samples: within ±1e15, as every packet's.
        count: unit per count that the sender named; None: it sent no 16-bit counts.
        low: float32[channels], the least sample.
        high: the greatest.
        counts: int16[channels, n], to fill.
        scale: float32[channels], to fill.
        offset: float32[channels], to fill.
        work: float32[channels, n], scratch.

    Returns:
        Whether `samples_of` gives back every sample as it was.
    """
    if count and _as_sent(samples, count, (min(low.tolist()), max(high.tolist())), counts, work):
        scale[...], offset[...] = count, 0.0
        return True
    for channel, (least, most) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        offset[channel] = (least + most) / 2
        middle = float(offset[channel])  # as float32 has it: of a large offset it may be no true middle
        scale[channel] = max((most - middle) / TOP, (middle - least) / TOP, TINY)
        np.subtract(samples[channel], offset[channel], out=work[channel])
        np.divide(work[channel], scale[channel], out=work[channel])
    np.copyto(counts, np.rint(work, out=work), casting="unsafe")
    return False


def samples_of(
    counts: NDArray[np.int16], scale: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Float32[..., channels, n] of int16 counts, and of float32[..., channels] scale and offset."""
    samples: NDArray[np.float32] = counts * scale[..., np.newaxis] + offset[..., np.newaxis]
    return samples


def _as_sent(
    samples: NDArray[np.float32],
    count: float,
    span: tuple[float, float],
    counts: NDArray[np.int16],
    work: NDArray[np.float32],
) -> bool:
    """Whether the samples are whole counts, which then lie in `counts`."""
    step = np.float32(count)
    if abs(step) < TINY or not all(-TOP - 1 <= round(end / float(step)) <= TOP for end in span):
        return False
    np.divide(samples, step, out=work)
    np.rint(work, out=work)
    np.copyto(counts, work, casting="unsafe")
    np.multiply(work, step, out=work)
    np.subtract(work, samples, out=work)
    return not work.any()
