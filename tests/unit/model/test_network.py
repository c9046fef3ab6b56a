"""The architecture against the paper, and each mistake seen in public copies (a name that starts with `mistake`)."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from drsn.model.deployed_model import DeployedModel
from drsn.model.errors import BadDataError
from drsn.model.network import (
    Architecture,
    Family,
    Network,
    NetworkConfig,
    ResidualUnit,
    Shortcut,
    Shrinkage,
    StemConfig,
    View,
    _SoftThreshold,
    soft_threshold,
)
from drsn.model.novelty import fit_coefficients

SHRINKING = (Family.DRSN_CS, Family.DRSN_CW)


def network_of(family: Family, *, trained: bool = True) -> Network:
    """The paper's network, its batch norms with statistics of their own so that nothing is an identity."""
    torch.manual_seed(0)
    network = Network(NetworkConfig.paper(family, 8))
    if trained:
        with torch.no_grad():
            for _ in range(3):
                network.train()(torch.randn(16, 1, 2048))
    return network.eval()


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        (Family.CONVNET, 8_416),
        (Family.RESNET, 8_416),
        (Family.SENET, 11_328),
        (Family.DRSN_CS, 10_220),
        (Family.DRSN_CW, 11_552),
    ],
)
def test_parameters_are_the_papers(family: Family, parameters: int):
    network = Network(NetworkConfig.paper(family, 8))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert sum(isinstance(module, nn.Conv1d) for module in network.modules()) == 25
    assert len(network.units) == 12


def test_lengths_are_the_papers():
    lengths = []
    network = network_of(Family.DRSN_CW, trained=False)
    for module in (network.stem, *network.units):
        module.register_forward_hook(
            lambda _module, _inputs, out: lengths.append(tuple((out[0] if isinstance(out, tuple) else out).shape))
        )
    network(torch.randn(2, 1, 2048))
    assert lengths == [(2, 4, 1024)] + [(2, 4, 512)] * 4 + [(2, 8, 256)] * 4 + [(2, 16, 128)] * 4


@pytest.mark.parametrize("family", Family)
def test_outputs_have_their_documented_shapes(family: Family):
    features = network_of(family)(torch.randn(3, 1, 2048))
    assert features.logits.shape == (3, 8)
    assert features.embedding.shape == (3, 16)
    factors = {Family.DRSN_CS: 12, Family.DRSN_CW: 4 * (4 + 8 + 16)}.get(family)
    assert (None if features.alpha is None else features.alpha.shape) == (None if factors is None else (3, factors))


def test_training_shrinks_and_differentiates_like_the_plain_form():
    x = torch.randn(8, 4, 50, requires_grad=True)
    tau = torch.rand(8, 4, 1, requires_grad=True)
    ours, theirs = _SoftThreshold.apply(x, tau), soft_threshold(x, tau)
    assert torch.equal(ours, theirs)
    weight = torch.randn_like(x)
    ours_gradients = torch.autograd.grad((ours * weight).sum(), (x, tau))
    theirs_gradients = torch.autograd.grad((theirs * weight).sum(), (x, tau))
    for one, other in zip(ours_gradients, theirs_gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_soft_threshold_is_the_sign_form():
    x = torch.randn(4, 3, 50)
    tau = torch.rand(4, 3, 1)
    assert torch.equal(soft_threshold(x, tau) == 0, x.abs() <= tau)
    torch.testing.assert_close(soft_threshold(x, tau), x.sign() * (x.abs() - tau).clamp_min(0))


@pytest.mark.parametrize("shared", [True, False])
def test_mistake_abs_left_out_before_pooling(*, shared: bool):
    """Without abs a negative signal makes τ negative, and the threshold amplifies."""
    shrinkage = Shrinkage(8, shared=shared).eval()
    x = -torch.rand(4, 8, 64) - 0.1
    shrunk, _ = shrinkage(x)
    assert (shrunk.abs() < x.abs()).all()
    torch.testing.assert_close(shrinkage(-x)[0], -shrunk)


@pytest.mark.parametrize("shared", [True, False])
def test_mistake_threshold_above_the_mean(*, shared: bool):
    """τ never exceeds mean|x|, even with a saturated gate, so something always passes."""
    shrinkage = Shrinkage(8, shared=shared).eval()
    nn.init.constant_(shrinkage.factors[3].bias, 5.0)
    x = torch.randn(4, 8, 64)
    shrunk, alpha = shrinkage(x)
    assert ((alpha > 0) & (alpha < 1)).all()
    mean = x.abs().mean(dim=(1, 2)) if shared else x.abs().mean(dim=2)
    largest = (x - shrunk).abs().amax(dim=(1, 2) if shared else 2)
    assert (largest <= mean).all()


def test_mistake_shared_threshold_that_is_one_per_channel():
    shrinkage = Shrinkage(8, shared=True).eval()
    x = torch.randn(4, 8, 512) * torch.linspace(0.5, 3.0, 8)[:, None]
    shrunk, alpha = shrinkage(x)
    assert alpha.shape == (4, 1)
    tau = (x - shrunk).abs().amax(dim=2)  # where |x| exceeds τ, exactly τ is taken off
    torch.testing.assert_close(tau, tau[:, :1].expand(-1, 8))
    assert Shrinkage(8, shared=False)(x)[1].shape == (4, 8)


@pytest.mark.parametrize("family", SHRINKING)
def test_mistake_no_batch_norm_in_the_threshold_net(family: Family):
    for module in network_of(family, trained=False).modules():
        if isinstance(module, Shrinkage):
            kinds = [type(layer) for layer in module.factors]
            assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.Sigmoid]


@pytest.mark.parametrize("family", Family)
def test_mistake_relu_before_the_threshold_or_after_the_sum(family: Family):
    """Either would drop the negative half."""
    unit = network_of(family).units[1]
    kinds = [type(layer) for layer in unit.body]
    assert kinds == [nn.BatchNorm1d, nn.ReLU, nn.Conv1d] * 2
    x = torch.randn(8, 4, 64)
    assert (unit.body(x) < 0).any()
    assert (unit(x)[0] < 0).any()


@pytest.mark.parametrize("family", Family)
def test_mistake_softmax_in_the_backbone(family: Family):
    logits = network_of(family)(torch.randn(4, 1, 2048)).logits
    assert not torch.allclose(logits.sum(dim=1), torch.ones(4))
    assert not any(isinstance(module, nn.Softmax | nn.LogSoftmax) for module in network_of(family).modules())


@pytest.mark.parametrize("family", Family)
def test_mistake_device_chosen_in_forward(family: Family):
    """The meta device computes shapes only; anything sent to another device by forward would raise."""
    network = network_of(family, trained=False).to("meta")
    assert network(torch.empty(2, 1, 2048, device="meta")).logits.device.type == "meta"


@pytest.mark.parametrize("family", Family)
def test_mistake_length_fixed_by_flattening(family: Family):
    network = network_of(family)
    assert network(torch.randn(2, 1, 1024)).logits.shape == network(torch.randn(2, 1, 5000)).logits.shape


def test_mistake_shortcut_with_parameters():
    """Every second sample, new channels zero: exact, and nothing to learn."""
    shortcut = Shortcut(4, 8, 2)
    x = torch.randn(2, 4, 65)
    y = shortcut(x)
    assert torch.equal(y[:, :4], x[..., ::2])
    assert not y[:, 4:].any()
    assert not list(shortcut.parameters())
    assert not shortcut.state_dict()


def test_only_the_convnet_has_no_shortcut():
    config = NetworkConfig.paper(Family.CONVNET, 8)
    assert ResidualUnit(config, 4, 4, 1).shortcut is None
    unit = ResidualUnit(config.model_copy(update={"family": Family.RESNET}), 4, 4, 1).eval()
    x = torch.randn(2, 4, 32)
    torch.testing.assert_close(unit(x)[0], unit.body(x) + x)


@pytest.mark.parametrize("family", Family)
def test_a_training_batch_of_one_is_a_clear_error(family: Family):
    network = network_of(family, trained=False)
    assert network(torch.randn(1, 1, 2048)).logits.shape == (1, 8)
    with pytest.raises(BadDataError, match="use two or more"):
        network.train()(torch.randn(1, 1, 2048))


@pytest.mark.parametrize("wrong", [{"kernel": 4}, {"stages": [{"channels": 8}, {"channels": 4}]}, {"deep": 1}])
def test_impossible_architectures_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        Architecture.model_validate(wrong)


def test_the_default_is_wide_and_short():
    network = Network(NetworkConfig(labels=10)).eval()
    assert network.stem.kernel_size == (64,)
    assert network.stem(torch.randn(1, 1, 2048)).shape == (1, 16, 256)
    assert [(stage.channels, stage.units) for stage in NetworkConfig(labels=10).stages] == [(16, 1), (32, 1), (32, 1)]


@pytest.mark.parametrize("family", SHRINKING)
def test_the_exported_graph_needs_only_plain_operations(family: Family):
    onnx = pytest.importorskip("onnx")
    embedding = np.random.default_rng(1).standard_normal((80, 16)).astype(np.float32)
    diagnosis = DeployedModel(network_of(family), fit_coefficients(embedding, np.arange(80) % 8)).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this exporter
        torch.onnx.export(
            diagnosis,
            (torch.randn(2, 1, 2048),),
            buffer,
            dynamo=False,
            opset_version=17,
            input_names=["x"],
            output_names=list(diagnosis.output_names),
            dynamic_axes={"x": {0: "batch"}},
        )
    graph = onnx.load_from_string(buffer.getvalue()).graph
    kinds = {node.op_type for node in graph.node}
    assert {"ReduceMean", "Max", "Min", "Neg", "Sub"} <= kinds
    # One operation for the mean over time and one for the axis of tau: images cost the graph of signals nothing.
    assert sum(node.op_type == "Unsqueeze" and "/end/" in node.name for node in graph.node) == 12
    means = [node for node in graph.node if node.op_type == "ReduceMean" and "/end/" in node.name]
    assert len(means) == 12 * (2 if family is Family.DRSN_CS else 1)
    assert all([list(a.ints) for a in node.attribute if a.name == "axes"] == [[-1]] for node in means)
    assert not kinds & {"Sign", "Pad", "If", "Loop", "Shape", "Where", "GlobalAveragePool", "ReduceLogSumExp"}


def image_config(family: Family) -> NetworkConfig:
    return NetworkConfig(
        family=family, labels=8, dimensions=2, window=33, stem=StemConfig(channels=8, kernel=3, stride=1)
    )


@pytest.mark.parametrize("family", Family)
def test_the_network_of_images_is_that_of_signals(family: Family):
    """An image one pixel high, and kernels whose middle row alone is not zero: the same numbers as for the signal."""
    torch.manual_seed(0)
    of_images = Network(image_config(family)).eval()
    of_signals = Network(image_config(family).model_copy(update={"dimensions": 1})).eval()
    with torch.no_grad():
        for name, parameter in of_images.named_parameters():
            if parameter.dim() == 4:
                kept = parameter[:, :, parameter.shape[2] // 2].clone()
                parameter.zero_()
                parameter[:, :, parameter.shape[2] // 2] = kept
                parameter = kept  # noqa: PLW2901 (what the network of signals gets)
            of_signals.get_parameter(name).copy_(parameter)
    x = torch.randn(4, 1, 33)
    one, other = of_signals(x), of_images(x.unsqueeze(2))
    torch.testing.assert_close(one.logits, other.logits)
    torch.testing.assert_close(one.embedding, other.embedding)
    assert (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None and other.alpha is not None:
        torch.testing.assert_close(one.alpha, other.alpha)


@pytest.mark.parametrize("family", Family)
def test_the_network_of_images_learns_and_its_shapes_are_documented(family: Family):
    network = Network(image_config(family)).train()
    output = network(torch.randn(3, 1, 33, 33))
    assert output.logits.shape == (3, 8)
    assert output.embedding.shape == (3, 32)
    output.logits.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_images_shrink_and_differentiate_like_the_plain_form():
    x = torch.randn(8, 4, 9, 7, requires_grad=True)
    tau = torch.rand(8, 4, 1, 1, requires_grad=True)
    weight = torch.randn_like(x)
    ours = torch.autograd.grad((_SoftThreshold.apply(x, tau) * weight).sum(), (x, tau))
    theirs = torch.autograd.grad((soft_threshold(x, tau) * weight).sum(), (x, tau))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_the_shortcut_of_images_takes_every_second_pixel():
    x = torch.randn(2, 4, 9, 8)
    y = Shortcut(4, 8, 2, dimensions=2)(x)
    assert torch.equal(y[:, :4], x[..., ::2, ::2])
    assert not y[:, 4:].any()


def test_images_have_no_envelope():
    with pytest.raises(ValidationError, match="dimensions = 1"):
        NetworkConfig(labels=8, dimensions=2, view=View.ENVELOPE_SPECTRUM)


def test_the_weights_of_signals_keep_their_names_and_shapes():
    """Checkpoints and bundles of earlier builds load: nothing of two dimensions may reach them."""
    state = Network(NetworkConfig(labels=10)).state_dict()
    assert {tuple(value.shape) for name, value in state.items() if value.dim() > 2} == {
        (16, 1, 64), (16, 16, 3), (32, 16, 3), (32, 32, 3),
    }  # fmt: skip
    unit = [name.removeprefix("units.0.") for name in state if name.startswith("units.0.")]
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert unit == [
        *(f"body.0.{name}" for name in norm), "body.2.weight", "body.2.bias",
        *(f"body.3.{name}" for name in norm), "body.5.weight", "body.5.bias",
        "end.factors.0.weight", "end.factors.0.bias", *(f"end.factors.1.{name}" for name in norm),
        "end.factors.3.weight", "end.factors.3.bias",
    ]  # fmt: skip
