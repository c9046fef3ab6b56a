"""Picks the backend, and makes it prove itself on the bundle's golden windows before it is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from drsn.agent.ports import Backend
    from drsn.model.bundle import Bundle

Choice = Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"]

SELF_TEST_TOLERANCE = 1e-3
"""Of a probability, and of a novelty by its size, against the network's own, in float32. Different CPUs round
differently (1e-6); a broken runtime or a wrong file is off by 0.1 and more."""


def open_backend(bundle: Bundle, choice: Choice, max_batch: int, threads: int = 1) -> Backend:
    """Open the bundle's network.

    Raises:
        BundleError: the network is not the contract's.
        UnavailableError: the chosen backend can't run here.
    """
    if choice in ("tensorrt", "tensorrt-rtx"):
        raise UnavailableError(f"backend {choice!r} is not part of this release; use 'auto' or 'onnxruntime'")
    return OnnxBackend(bundle.read("model.onnx"), bundle.contract, max_batch, threads)


def self_test(bundle: Bundle, backend: Backend, max_batch: int) -> float:
    """Run the golden windows; return the largest difference of a probability, or of a novelty by its size.

    Raises:
        BundleError: the backend does not say what the network said when it was verified.
    """
    golden = bundle.golden()
    worst = 0.0
    for start in range(0, len(golden.x), max_batch):
        rows = slice(start, start + max_batch)
        try:
            outputs = backend.infer(golden.x[rows])
        except UnavailableError as error:
            raise BundleError(f"bundle {bundle.path}: its network can't run here: {error}") from None
        novelty = golden.novelty[rows]
        differences = (
            np.abs(outputs.probabilities - golden.probabilities[rows]).max(),
            (np.abs(outputs.novelty - novelty) / (1 + np.abs(novelty))).max(),
        )
        # NaN compares false with everything, so it is asked for by name.
        worst = float("inf") if np.isnan(differences).any() else max(worst, *map(float, differences))
    if worst > SELF_TEST_TOLERANCE:
        raise BundleError(
            f"bundle {bundle.path}: {backend.name} is off by {worst:.3g} on its golden windows "
            f"(tolerance {SELF_TEST_TOLERANCE:g}); do not trust this bundle on this machine"
        )
    return worst
