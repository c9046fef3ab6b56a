"""Checkpoint -> bundle: the steps in their order. Nothing is written until it has been compared."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from drsn.export.bundle import file_entries, may_replace, write_bundle
from drsn.export.golden import golden_from_torch, npz_bytes
from drsn.export.model_card import model_card
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.export.verify import verify_onnx
from drsn.model.checkpoint import Checkpoint
from drsn.model.contract import Manifest
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle

TOOLS = ("drsn-edge", "torch", "onnx", "onnxruntime", "numpy")


def bundle_from_checkpoint(checkpoint_path: Path, out: Path, *, force: bool) -> tuple[Bundle, list[Comparison]]:
    """Export, compare, and only then write.

    Raises:
        BadDataError: no checkpoint.
        BundleError: ONNX Runtime does not say what torch says; nothing was written.
    """
    may_replace(out, force=force)
    checkpoint = Checkpoint.load(checkpoint_path)
    graph = checkpoint.build()
    golden = golden_from_torch(graph, checkpoint.golden)
    model = onnx_from_torch(graph, checkpoint.contract)
    comparisons = verify_onnx(model, checkpoint.contract, golden)
    failed = [str(comparison) for comparison in comparisons if not comparison.passed]
    if failed:
        raise BundleError(f"{checkpoint_path}: not exported, nothing was written: {'; '.join(failed)}")
    files = {
        "model.onnx": model,
        "golden.npz": npz_bytes({"x": golden.x, "probabilities": golden.probabilities, "novelty": golden.novelty}),
        "weights.npz": npz_bytes({name: np.asarray(tensor) for name, tensor in checkpoint.state.items()}),
        "MODEL_CARD.md": model_card(checkpoint, comparisons).encode(),
    }
    return write_bundle(out, _manifest(checkpoint, files, comparisons), files, force=force), comparisons


def _manifest(checkpoint: Checkpoint, files: dict[str, bytes], comparisons: list[Comparison]) -> Manifest:
    return Manifest(
        name=checkpoint.name,
        version=checkpoint.version,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        contract=checkpoint.contract,
        files=file_entries(files),
        training=checkpoint.training,
        parity=tuple(comparison.parity for comparison in comparisons),
        versions={name: version(name) for name in TOOLS},
    )
