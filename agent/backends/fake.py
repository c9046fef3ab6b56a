"""A backend without a model: the label follows the window's strongest tone. For tests and dry runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.backend import Outputs, require_windows

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from drsn.model.contract import ModelContract

CONFIDENCE = 0.9
USED_BAND = 0.9
"""The part of the bandwidth that the labels share; conditioning attenuates frequencies above it."""


class ToneBackend:
    """Divides the band into one part for each label of the contract; it abstains on a flat window."""

    name = "tone"

    def __init__(self, contract: ModelContract, max_batch: int) -> None:
        self._contract = contract
        self._max_batch = max_batch
        self._open = True

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window] by the first channel.

        Raises:
            ValueError: x has another shape or dtype, or the backend is closed.
        """
        contract = self._contract
        shape = (contract.input_channels, contract.window)
        if not self._open:
            raise ValueError("this backend is closed")
        require_windows(x, shape, self._max_batch)
        labels = len(contract.labels)
        spectrum = np.abs(np.fft.rfft(x[:, 0]))
        tone_hz = spectrum.argmax(axis=1) * contract.sample_rate_hz / contract.window
        label = np.minimum(tone_hz / (USED_BAND * contract.bandwidth_hz) * labels, labels - 1).astype(np.intp)
        probabilities = np.full((len(x), labels), (1 - CONFIDENCE) / (labels - 1), np.float32)
        probabilities[np.arange(len(x)), label] = CONFIDENCE
        threshold = contract.abstention_threshold or 0.0
        novelty = np.where(spectrum.max(axis=1) > 0, threshold - 1, threshold + 1).astype(np.float32)
        return Outputs(probabilities, novelty, None)

    def close(self) -> None:
        """Close the backend; a second call has no effect."""
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tone_of(contract: ModelContract, label: str, n_samples: int, sample_rate_hz: float) -> NDArray[np.float32]:
    """Return a signal to which `ToneBackend` gives `label`: float32[channels, n_samples].

    Raises:
        ValueError: the contract has no such label.
    """
    names = [entry.name for entry in contract.labels]
    tone_hz = (names.index(label) + 0.5) / len(names) * USED_BAND * contract.bandwidth_hz
    wave = np.sin(2 * np.pi * tone_hz / sample_rate_hz * np.arange(n_samples)).astype(np.float32)
    return np.tile(wave, (contract.channels, 1))
