"""A backend that two threads may use: one call at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from drsn.agent.backends.backend import Outputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend


class LockedBackend:
    """Puts a lock around the calls of a backend, and copies the outputs, so that the next call does not change them."""

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self._backend = backend
        self._lock = threading.Lock()

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window], after the call of another thread has ended.

        Raises:
            ValueError: x has another shape or dtype.
            UnavailableError: the runtime fails.
        """
        with self._lock:
            found = self._backend.infer(x)
            alpha = None if found.alpha is None else found.alpha.copy()
            return Outputs(found.probabilities.copy(), found.novelty.copy(), alpha)

    def close(self) -> None:
        """Free the backend, after the call of another thread has ended; a second call has no effect."""
        with self._lock:
            self._backend.close()
