"""From a checkpoint to a bundle, whole or not at all."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from drsn.agent.backends.selection import open_backend, self_test
from drsn.agent.backends.tolerance import Tolerance
from drsn.export import bundle_from_checkpoint as module
from drsn.export.bundle_from_checkpoint import bundle_from_checkpoint
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.model.deployed_model import DeployedModel
from drsn.model.errors import BadDataError, BundleError
from drsn.model.network import Network

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.bundle import Bundle
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.contract import ModelContract


@pytest.fixture
def wrong_export(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint):
    """The exporter writes another network than it was given."""

    def other(_graph: DeployedModel, contract: ModelContract) -> bytes:  # of both precisions
        torch.manual_seed(99)
        return onnx_from_torch(DeployedModel(Network(checkpoint.network), checkpoint.known).eval(), contract)

    monkeypatch.setattr(module, "onnx_from_torch", other)


def test_the_agent_trusts_what_was_exported(bundle: Bundle):
    with open_backend(bundle, "auto", max_batch=32) as backend:
        assert self_test(bundle, backend, max_batch=32) < 1e-5


def test_the_manifest_says_what_it_is_and_where_it_comes_from(bundle: Bundle, checkpoint: Checkpoint):
    manifest = bundle.manifest
    assert (manifest.name, manifest.version) == ("tiny", "1")
    assert manifest.contract == checkpoint.contract
    assert manifest.training == checkpoint.training
    assert set(manifest.files) == {
        "model.onnx", "model.fp16.onnx", "golden.npz", "weights.npz", "MODEL_CARD.md",
    }  # fmt: skip
    assert {"drsn-edge", "torch", "onnx", "onnxruntime"} <= set(manifest.versions)
    age = datetime.now(timezone.utc) - datetime.fromisoformat(manifest.created.replace("Z", "+00:00"))
    assert timedelta(0) <= age < timedelta(hours=1)


def test_the_comparison_that_let_it_pass_is_on_record(bundle: Bundle, checkpoint: Checkpoint):
    assert [parity.pair for parity in bundle.manifest.parity] == [
        *(f"torch ~ onnxruntime, batch {batch}" for batch in (1, 7, 32)),
        "torch ~ torch in float16",
        *(f"torch ~ onnxruntime, model.fp16.onnx, batch {batch}" for batch in (1, 7, 32)),
    ]
    for parity in bundle.manifest.parity:
        assert parity.windows == len(checkpoint.golden)
        assert parity.max_abs <= parity.tolerance == (2e-2 if "16" in parity.pair else 1e-4)
        assert parity.label_agreement == 1


def test_half_precision_is_computed_in_half_precision(bundle: Bundle):
    """ONNX Runtime on a CPU would compute it in float32, and the estimate would be none."""
    (estimate,) = [parity for parity in bundle.manifest.parity if parity.pair == "torch ~ torch in float16"]
    exact = max(parity.max_abs for parity in bundle.manifest.parity[:3])
    assert estimate.max_abs > 10 * exact


def test_a_network_that_half_precision_moves_too_far_goes_without_it(
    checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(module.TOLERANCES, "fp16", Tolerance(1e-9, 1e-9))
    bundle, comparisons = bundle_from_checkpoint(checkpoint_path, tmp_path / "bundle", force=True)
    assert "model.fp16.onnx" not in bundle.files
    assert next(c.parity.pair for c in comparisons if not c.passed) == "torch ~ torch in float16"
    assert all(parity.tolerance == 1e-4 for parity in bundle.manifest.parity), "only what is in it is on record"


def test_golden_outputs_are_torchs(bundle: Bundle, checkpoint: Checkpoint):
    golden = bundle.golden()
    np.testing.assert_array_equal(golden.x, checkpoint.golden)
    with torch.no_grad():
        _, probabilities, novelty, *_ = checkpoint.build()(torch.from_numpy(golden.x))
    np.testing.assert_allclose(golden.probabilities, probabilities, atol=1e-6)
    np.testing.assert_allclose(golden.novelty, novelty, atol=1e-5)


def test_the_weights_can_be_trained_on(bundle: Bundle, checkpoint: Checkpoint):
    """Unfolded: every tensor of the network, batch norms among them."""
    with np.load(io.BytesIO(bundle.read("weights.npz")), allow_pickle=False) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays}
    Network(checkpoint.network).load_state_dict(state, strict=True)
    assert all(torch.equal(state[name], weights) for name, weights in checkpoint.state.items())


def test_when_the_runtime_disagrees_nothing_is_written(checkpoint_path: Path, tmp_path: Path, wrong_export):
    with pytest.raises(
        BundleError, match=r"nothing was written: FAIL torch ~ onnxruntime, batch 1: .*batch 32"
    ) as caught:
        bundle_from_checkpoint(checkpoint_path, tmp_path / "bundle", force=False)
    assert caught.value.exit_code == 78
    assert list(tmp_path.iterdir()) == []


def test_when_the_runtime_disagrees_the_older_bundle_stays(checkpoint_path: Path, altered, wrong_export):
    old: Bundle = altered({})
    with pytest.raises(BundleError):
        bundle_from_checkpoint(checkpoint_path, old.path, force=True)
    assert (old.path / "manifest.json").read_text() == old.manifest.model_dump_json(indent=1)


def test_what_is_no_checkpoint_makes_no_bundle(tmp_path: Path):
    (tmp_path / "c.pt").write_bytes(b"hello")
    with pytest.raises(BadDataError):
        bundle_from_checkpoint(tmp_path / "c.pt", tmp_path / "bundle", force=False)
    assert not (tmp_path / "bundle").exists()
