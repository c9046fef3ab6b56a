"""What the core and the runner need from the outside, as protocols; adapters are named only in `app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a network says of a batch; arrays are valid until the next `infer`."""

    probabilities: NDArray[np.float32]
    """float32[batch, labels], each row sums to 1."""
    novelty: NDArray[np.float32]
    """float32[batch], higher: less known."""
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
        """Free the session; calling twice is fine."""
        ...
