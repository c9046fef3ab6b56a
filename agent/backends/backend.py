"""The interface of every backend: a batch of windows in, probabilities and novelty out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outputs:
    """A network's outputs for a batch. The arrays are valid until the next `infer` or `close`: copy what is kept."""

    probabilities: NDArray[np.float32]
    """float32[batch, labels], each row sums to 1."""
    novelty: NDArray[np.float32]
    """float32[batch]; a higher value means that the window is less like the training data."""
    alpha: NDArray[np.float32] | None
    """float32[batch, units], the learned threshold factors; None when the network has none."""


class Backend(Protocol):
    """Runs a bundle's network. Opened by a `with` block or closed by `close`."""

    name: str

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window]; any batch from 1 to the size it was opened for.

        Raises:
            ValueError: x has another shape or dtype.
        """
        ...

    def close(self) -> None:
        """Free the session; a second call has no effect."""
        ...


def require_windows(x: NDArray[np.float32], shape: tuple[int, int], max_batch: int) -> None:
    """Accept float32[1..max_batch, *shape], where `shape` is (channels, window).

    Raises:
        ValueError: x has another shape or dtype, which is a mistake of the caller.
    """
    if x.dtype != np.float32 or x.shape[1:] != shape or not 1 <= len(x) <= max_batch:
        raise ValueError(f"{x.dtype}{list(x.shape)} is not float32[1..{max_batch}, {shape}]")
