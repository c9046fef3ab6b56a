from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from drsn.export.bundle_from_checkpoint import bundle_from_checkpoint
from drsn.model.bundle import open_bundle
from drsn.model.checkpoint import Checkpoint
from drsn.model.deployed_model import normalise
from drsn.model.ensemble import Ensemble, network_of
from drsn.model.errors import BadDataError
from drsn.model.network import Family, Network, NetworkConfig, StageConfig, View
from drsn.model.recipe import Optimisation, Recipe, recipe_from
from drsn.model.training.augmentation import TrainingBatch
from drsn.model.training.pretrained import read_pretrained
from drsn.model.training.schedule import Trainer
from drsn.model.training.train import train

if TYPE_CHECKING:
    from pathlib import Path

PAIR = NetworkConfig(labels=3, members=2, window=512, stages=(StageConfig(channels=16),))
BALL = {"name": "ball", "condition": "ball"}


@pytest.fixture
def pair() -> Network:
    torch.manual_seed(1)
    return network_of(PAIR)


@pytest.fixture
def batch() -> TrainingBatch:
    rng = np.random.default_rng(1)
    return TrainingBatch(rng.standard_normal((8, 1, 512), np.float32), rng.integers(3, size=8))


@pytest.fixture
def recipe(tiny: dict) -> Recipe:
    return recipe_from({**tiny, "network": {**tiny["network"], "members": 2}}, "tiny")


def test_one_member_is_the_plain_network_with_the_names_that_its_weights_always_had():
    network = network_of(PAIR.model_copy(update={"members": 1}))
    assert type(network) is Network
    assert network.member_networks == (network,)
    assert "stem.weight" in network.state_dict()


@pytest.mark.parametrize("view", View, ids=lambda view: view.value)
@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_it_gives_the_mean_of_its_members_logits_and_all_of_their_features(family: Family, view: View):
    stem = {"stem": {"channels": 8}, "envelope_bins": 16} if view.has_bands else {}
    config = NetworkConfig.model_validate({**PAIR.model_dump(), "family": family, "view": view, **stem})
    pair, x = network_of(config).eval(), torch.randn(4, 1, 512)
    with torch.no_grad():
        ours, (one, other) = pair(x), (part(x) for part in pair.member_networks)
    torch.testing.assert_close(ours.logits, (one.logits + other.logits) / 2)
    geometric = (one.logits.softmax(-1) * other.logits.softmax(-1)).sqrt()
    torch.testing.assert_close(ours.logits.softmax(-1), geometric / geometric.sum(-1, keepdim=True))
    assert torch.equal(ours.embedding, torch.cat([one.embedding, other.embedding], 1))
    if one.alpha is None or other.alpha is None:
        assert ours.alpha is None
    else:
        assert torch.equal(ours.alpha, torch.cat([one.alpha, other.alpha], 1))


def test_members_begin_apart(pair: Network):
    one, other = pair.member_networks
    assert not torch.equal(one.stem.weight, other.stem.weight)


def test_each_member_learns_as_if_it_were_alone(pair: Network, batch: TrainingBatch):
    settings = Optimisation(steps=5, batch=8, learning_rate=0.01)
    alone = copy.deepcopy(pair.member_networks[1])
    together, lonely = Trainer(pair, settings, fine_tuning=False), Trainer(alone, settings, fine_tuning=False)
    for _ in range(3):
        together.train_step(batch)
        lonely.train_step(batch)
    x = normalise(torch.from_numpy(batch.samples))  # not the weights: biases before batch norms wander
    torch.testing.assert_close(pair.member_networks[1](x).logits, alone(x).logits, rtol=1e-2, atol=1e-2)
    assert not torch.allclose(pair.member_networks[0](x).logits, alone(x).logits, atol=0.1)


def test_the_loss_is_the_mean_of_the_members_losses(pair: Network, batch: TrainingBatch):
    x, label = normalise(torch.from_numpy(batch.samples)), torch.from_numpy(batch.label)
    losses = [
        float(torch.nn.functional.cross_entropy(part(x).logits, label).detach())
        for part in pair.train().member_networks
    ]
    found = Trainer(pair, Optimisation(steps=5, batch=8), fine_tuning=False).train_step(batch)
    assert found == pytest.approx(sum(losses) / 2)


def test_fine_tuning_begins_with_all_classifiers_and_nothing_else(pair: Network, batch: TrainingBatch):
    before = copy.deepcopy(pair.state_dict())
    Trainer(pair, Optimisation(steps=10, batch=8), fine_tuning=True).train_step(batch)
    moved = {name for name, value in pair.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {f"members.{n}.classifier.{what}" for n in (0, 1) for what in ("weight", "bias")}


def test_a_training_batch_of_one_is_a_clear_error(pair: Network):
    with pytest.raises(BadDataError, match="use two or more"):
        pair.train()(torch.randn(1, 1, 512))


@pytest.mark.slow
def test_it_is_trained_kept_exported_and_tuned_like_any_network(recipe: Recipe, tiny: dict, tmp_path: Path):
    """Parity of ONNX and FP16 with torch is what the export itself proves before it writes."""
    checkpoint = train(recipe, lambda _step, _loss: None).checkpoint
    checkpoint.save(tmp_path / "checkpoint.pt")
    read = Checkpoint.load(tmp_path / "checkpoint.pt")
    graph, windows = read.build(), torch.from_numpy(checkpoint.golden)
    assert isinstance(graph.network, Ensemble)
    for ours, theirs in zip(graph(windows), checkpoint.build()(windows), strict=True):
        assert torch.equal(ours, theirs)
    bundle_from_checkpoint(tmp_path / "checkpoint.pt", tmp_path / "pair", force=True)
    assert "model.fp16.onnx" in open_bundle(tmp_path / "pair").files
    pretrained = read_pretrained(tmp_path / "pair")
    normal, _, outer = tiny["labels"]
    other = {key: value for key, value in tiny.items() if key != "network"}
    tuned = pretrained.with_architecture(recipe_from({**other, "labels": [outer, BALL, normal]}, "tiny"))
    state = pretrained.initial_network(tuned).state_dict()
    for member in (0, 1):
        name = f"members.{member}.classifier.weight"
        assert torch.equal(state[name][0], pretrained.state[name][2])
        assert torch.equal(state[name][2], pretrained.state[name][0])
    after = train(tuned, lambda _step, _loss: None, pretrained=pretrained).checkpoint
    assert after.network.members == 2
