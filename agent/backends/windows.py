"""What every backend may be asked: a batch of windows of its contract's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def require_windows(x: NDArray[np.float32], shape: tuple[int, int], max_batch: int) -> None:
    """Accept float32[1..max_batch, *shape], where `shape` is (channels, window).

    Raises:
        ValueError: x has another shape or dtype: the caller's mistake.
    """
    if x.dtype != np.float32 or x.shape[1:] != shape or not 1 <= len(x) <= max_batch:
        raise ValueError(f"{x.dtype}{list(x.shape)} is not float32[1..{max_batch}, {shape}]")
