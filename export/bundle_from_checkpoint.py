"""Make a verified bundle from a checkpoint: nothing is written before ONNX Runtime agrees with torch."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.tolerance import TOLERANCES
from drsn.export import noise_check
from drsn.export.bundle_writer import file_entries, may_replace, write_bundle
from drsn.export.golden import golden_from_torch, npz_bytes
from drsn.export.half import halved
from drsn.export.model_card import model_card
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.export.parity import compare
from drsn.export.verify import verify_onnx
from drsn.model.checkpoint import Checkpoint
from drsn.model.contract import Manifest
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle, Golden
    from drsn.model.contract import ModelContract, NoiseCheck
    from drsn.model.deployed_model import DeployedModel

TOOLS = ("drsn-edge", "torch", "onnx", "onnxruntime", "numpy")


def bundle_from_checkpoint(checkpoint_path: Path, out: Path, *, force: bool) -> tuple[Bundle, list[Comparison]]:
    """Export, compare, and only then write.

    A network that float16 moves too far goes without its `model.fp16.onnx`; the comparisons say why.

    Raises:
        BadDataError: no checkpoint.
        BundleError: ONNX Runtime's outputs differ from torch's, or noise raises an alarm and `force` is not given;
            nothing was written.
    """
    may_replace(out, force=force)
    checkpoint = Checkpoint.load(checkpoint_path)
    graph = checkpoint.build()
    golden = golden_from_torch(graph, checkpoint.golden)
    model = onnx_from_torch(graph, checkpoint.contract)
    comparisons = verify_onnx(model, checkpoint.contract, golden)
    half, of_half = half_precision(graph, checkpoint.contract, golden)
    failed = [str(comparison) for comparison in comparisons if not comparison.passed]
    if failed:
        raise BundleError(f"{checkpoint_path}: not exported, nothing was written: {'; '.join(failed)}")
    comparisons += of_half
    noise = noise_check.check_network(model, checkpoint.contract, golden.x, str(checkpoint_path), force=force)
    files = {
        "model.onnx": model,
        "golden.npz": npz_bytes({"x": golden.x, "probabilities": golden.probabilities, "novelty": golden.novelty}),
        "weights.npz": npz_bytes({name: np.asarray(tensor) for name, tensor in checkpoint.state.items()}),
        "MODEL_CARD.md": model_card(checkpoint, comparisons, noise).encode(),
    }
    if all(comparison.passed for comparison in of_half):
        files["model.fp16.onnx"] = half
    return write_bundle(out, _manifest(checkpoint, files, comparisons, noise), files, force=force), comparisons


def half_precision(graph: DeployedModel, contract: ModelContract, golden: Golden) -> tuple[bytes, list[Comparison]]:
    """Export the network in float16 and measure its error, computed by torch in half precision.

    ONNX Runtime computes float16 in float32 on a CPU, so its agreement proves only the file. Each device needs its
    own check: `drsn-export --target trt` runs the golden windows on it.
    """
    halves, limits = halved(graph), TOLERANCES["fp16"]
    model = onnx_from_torch(halves, contract)
    estimate = golden_from_torch(halves, golden.x)
    compared = compare(
        "torch ~ torch in float16",
        (golden.probabilities, golden.novelty),
        (estimate.probabilities, estimate.novelty),
        contract.abstention_threshold,
        *limits,
    )
    return model, [compared, *verify_onnx(model, contract, golden, limits, "onnxruntime, model.fp16.onnx")]


def _manifest(
    checkpoint: Checkpoint, files: dict[str, bytes], comparisons: list[Comparison], noise: NoiseCheck
) -> Manifest:
    return Manifest(
        name=checkpoint.name,
        version=checkpoint.version,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        contract=checkpoint.contract,
        files=file_entries(files),
        training=checkpoint.training,
        parity=tuple(comparison.parity for comparison in comparisons if comparison.passed),
        versions={name: version(name) for name in TOOLS},
        noise_check=noise,
    )
