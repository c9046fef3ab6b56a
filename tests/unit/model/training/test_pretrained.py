from __future__ import annotations

import hashlib
import io
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.errors import BundleError, ConfigurationError
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.training.pretrained import read_pretrained

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.checkpoint import Checkpoint

BALL = {"name": "ball", "condition": "ball"}


@pytest.fixture
def copied(bundle_path: Path, tmp_path: Path):
    """Copy the bundle with one file changed; with `vouched`, its manifest agrees to the change."""

    def make(name: str, content: bytes, *, vouched: bool = False) -> Path:
        copy = tmp_path / "copy"
        shutil.copytree(bundle_path, copy)
        (copy / name).write_bytes(content)
        if vouched:
            manifest = json.loads((copy / "manifest.json").read_text())
            manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            (copy / "manifest.json").write_text(json.dumps(manifest))
        return copy

    return make


@pytest.fixture
def recipe(tiny: dict):
    """The tiny recipe with changes."""

    def make(**changes: object) -> Recipe:
        document = {**tiny, **changes}
        return recipe_from({key: value for key, value in document.items() if value is not None}, "tiny")

    return make


def test_a_bundle_gives_back_the_weights_it_was_made_of(bundle_path: Path, checkpoint: Checkpoint, tmp_path: Path):
    zipped = shutil.make_archive(str(tmp_path / "tiny"), "zip", bundle_path)
    for path in (bundle_path, tmp_path / "tiny.zip"):
        pretrained = read_pretrained(path)
        assert all(torch.equal(weights, pretrained.state[name]) for name, weights in checkpoint.state.items())
        assert pretrained.contract == checkpoint.contract
        sha256 = hashlib.sha256((bundle_path / "manifest.json").read_bytes()).hexdigest()
        assert pretrained.reference == {"name": "tiny", "version": "1", "sha256": sha256}
    assert zipped.endswith("tiny.zip")


def test_a_file_that_is_not_what_the_manifest_says_is_refused(copied, bundle_path: Path):
    weights = bytearray((bundle_path / "weights.npz").read_bytes())
    weights[len(weights) // 2] ^= 1
    with pytest.raises(BundleError, match=r"weights\.npz is not what the manifest says"):
        read_pretrained(copied("weights.npz", bytes(weights)))


def test_so_is_one_that_is_not_used(copied):
    with pytest.raises(BundleError, match=r"MODEL_CARD\.md is not what"):
        read_pretrained(copied("MODEL_CARD.md", b"better than ever"))


def test_weights_that_are_no_arrays_are_refused(copied):
    with pytest.raises(BundleError, match=r"weights\.npz can't be read") as caught:
        read_pretrained(copied("weights.npz", b"no zip", vouched=True))
    assert caught.value.exit_code == 78


def test_a_bundle_without_weights_can_not_be_tuned(bundle_path: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(bundle_path, copy)
    (copy / "weights.npz").unlink()
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["files"]["weights.npz"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"has no weights\.npz"):
        read_pretrained(copy)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_bundles_can_be_tuned(name: str):
    pretrained = read_pretrained(shipped(name))
    assert pretrained.name == name


def test_weights_of_another_network_are_refused(copied, checkpoint: Checkpoint):
    arrays = {name: weights.numpy() for name, weights in checkpoint.state.items()}
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, "stem.weight": np.zeros((2, 1, 64), np.float32)})
    with pytest.raises(BundleError, match=r"doesn't fit .* train it again"):
        read_pretrained(copied("weights.npz", stream.getvalue(), vouched=True))


@pytest.mark.parametrize(
    "signal", [{"window": 1024}, {"channels": 2}, {"sample_rate_hz": 16_000}, {"bandwidth_hz": 5_000}]
)
def test_another_signal_is_refused_with_the_value_to_set(bundle_path: Path, recipe, tiny: dict, signal: dict):
    (name,) = signal
    with pytest.raises(ConfigurationError, match=rf"signal\.{name} is .* set it to that"):
        read_pretrained(bundle_path).with_architecture(recipe(signal={**tiny["signal"], **signal}))


def test_the_architecture_is_the_bundles_and_a_recipe_may_not_name_another(bundle_path: Path, recipe, tiny: dict):
    pretrained = read_pretrained(bundle_path)
    assert pretrained.with_architecture(recipe(network=None)).network == pretrained.architecture == recipe().network
    carried = recipe().selection.model_copy(update={"carry": "network"})
    assert pretrained.with_architecture(recipe()) == recipe().model_copy(update={"selection": carried})
    with pytest.raises(ConfigurationError, match=r"leave \[network\] out"):
        pretrained.with_architecture(recipe(network={**tiny["network"], "family": "resnet"}))


def test_known_labels_keep_their_rows_and_new_ones_begin_fresh(bundle_path: Path, recipe, tiny: dict):
    pretrained = read_pretrained(bundle_path)
    normal, inner, outer = tiny["labels"]
    other = pretrained.with_architecture(recipe(labels=[outer, BALL, normal]))
    assert pretrained.shared_labels(other) == ("outer_race", "normal")
    torch.manual_seed(1)
    state = pretrained.initial_network(other).state_dict()
    for name in ("classifier.weight", "classifier.bias"):
        theirs, ours = pretrained.state[name], state[name]
        assert torch.equal(ours[0], theirs[2])
        assert torch.equal(ours[2], theirs[0])
        assert not any(torch.equal(ours[1], row) for row in theirs)
    assert torch.equal(state["stem.weight"], pretrained.state["stem.weight"])
    assert inner["name"] not in other.label_names
