"""Everything of a bundle that can run here, on its golden windows, against what torch said when it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.export.parity import TOLERANCES, Comparison, compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.ports import Backend
    from drsn.model.bundle import Bundle, Golden
    from drsn.model.contract import ModelContract

BATCHES = (1, 7, 32)
"""The same windows in batches of each size: an answer must not depend on its company."""


def verify(bundle: Bundle) -> list[Comparison]:
    """One comparison per artefact and batch size; the caller judges all of them, after all have run.

    Raises:
        BundleError: an artefact can't even be opened.
    """
    return verify_onnx(bundle.read("model.onnx"), bundle.contract, bundle.golden())


def verify_onnx(model: bytes, contract: ModelContract, golden: Golden) -> list[Comparison]:
    """Compare ONNX Runtime with the golden outputs, in batches of each size."""
    with OnnxBackend(model, contract, max(BATCHES)) as backend:
        return [
            compare(
                f"torch ~ onnxruntime, batch {batch}",
                (golden.probabilities, golden.novelty),
                run(backend, golden.x, batch),
                contract.abstention_threshold,
                TOLERANCES["onnxruntime"],
            )
            for batch in BATCHES
        ]


def run(backend: Backend, x: NDArray[np.float32], batch: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities[n, labels] and novelty[n] of all windows, so many at a time."""
    outputs = [backend.infer(x[start : start + batch]) for start in range(0, len(x), batch)]
    return np.concatenate([o.probabilities for o in outputs]), np.concatenate([o.novelty for o in outputs])
