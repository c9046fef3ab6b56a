"""A recording: samples of one machine in one condition."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Recording:
    """Samples and what is known of them.

    `samples` is float32[channels, n] in the sensor's unit. `group` says what a split must keep apart: the
    load, or the machine. `rpm` is the shaft's speed, None if it is unknown; `load` and `machine` are empty
    there.
    """

    name: str
    label: str
    samples: NDArray[np.float32]
    sample_rate_hz: float
    group: str = ""
    rpm: float | None = None
    load: str = ""
    machine: str = ""

    @property
    def n_samples(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[-1])

    def part(self, start: float, stop: float) -> Recording:
        """A part of the recording, between two fractions of its length."""
        first, last = int(start * self.n_samples), int(stop * self.n_samples)
        return replace(self, samples=self.samples[:, first:last])


def sha256_of(recordings: Iterable[Recording]) -> str:
    """Hash of names, labels, rates and samples, in the order given."""
    digest = hashlib.sha256()
    for recording in recordings:
        digest.update(f"{recording.name}\0{recording.label}\0{recording.sample_rate_hz}\0".encode())
        digest.update(recording.samples.tobytes())
    return digest.hexdigest()
