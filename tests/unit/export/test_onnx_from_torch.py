"""The promises of the contract's "Graph", for every family."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from graphs import CONTRACT as WINDOWS_OF_512
from graphs import diagnosis

from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.model.contract import Label, ModelContract
from drsn.model.deployed_model import DeployedModel
from drsn.model.network import Family, Network, NetworkConfig, Spectrum, View
from drsn.model.novelty import fit_coefficients
from drsn.model.shaft_angle import shaft_angle

CONTRACT = ModelContract(
    labels=(
        Label(name="normal", condition="normal", healthy=True),
        Label(name="ball", condition="ball"),
        Label(name="outer_race", condition="outer_race"),
    ),
    window=256,
    channels=2,
    sample_rate_hz=12_000,
    bandwidth_hz=5_300,
)
OUTPUTS = ["logits", "probabilities", "novelty", "embedding"]
# All of them run in TensorRT 10.3 and ONNX Runtime; no control flow, no shapes computed at run time, nothing that a
# constant could stand for: no Identity, Constant, Shape; no Sign, no Pad, no GlobalAveragePool.
PLAIN = (
    "Abs Add BatchNormalization Clip Concat Conv Div Gemm MatMul Max Min Mul Neg ReduceMax ReduceMean ReduceMin "
    "ReduceSum Relu Sigmoid Slice Softmax Sqrt Sub Unsqueeze"
)


class Exported(NamedTuple):
    """A network of one family, before and after."""

    family: Family
    graph: DeployedModel
    content: bytes
    model: onnx.ModelProto


def network(family: Family) -> DeployedModel:
    torch.manual_seed(1)
    embedding = np.random.default_rng(1).standard_normal((300, 32)).astype(np.float32)
    known = fit_coefficients(embedding, np.arange(300) % 3)
    return DeployedModel(Network(NetworkConfig(family=family, labels=3, channels=2)), known, temperature=1.7).eval()


@pytest.fixture(scope="module", params=Family, ids=lambda family: family.value)
def exported(request: pytest.FixtureRequest) -> Exported:
    graph = network(request.param)
    content = onnx_from_torch(graph, CONTRACT)
    return Exported(request.param, graph, content, onnx.load_from_string(content))


def test_opset_17_and_ir_8_are_not_passed(exported: Exported):
    assert [(entry.domain, entry.version) for entry in exported.model.opset_import] == [("", 17)]
    assert exported.model.ir_version <= 8


def test_ends_have_the_contracts_names_and_shapes_and_the_batch_is_free(exported: Exported):
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    shapes = {node.name: node.shape for node in (*session.get_inputs(), *session.get_outputs())}
    assert {node.type for node in (*session.get_inputs(), *session.get_outputs())} == {"tensor(float)"}
    assert shapes.pop("x") == ["batch", 2, 256]
    assert list(shapes) == [*OUTPUTS, "alpha"] if exported.family.value.startswith("drsn") else OUTPUTS
    assert (shapes["logits"], shapes["probabilities"]) == (["batch", 3], ["batch", 3])
    assert shapes["novelty"] == ["batch"]


def test_only_plain_operations(exported: Exported):
    assert {node.op_type for node in exported.model.graph.node} <= set(PLAIN.split())
    assert not exported.model.functions


def test_batch_norms_after_a_convolution_or_a_linear_layer_are_folded(exported: Exported):
    """One is left for each unit, after a sum or a stem that its shortcut needs as it is, and the last."""
    nodes = exported.model.graph.node
    made = {name for node in nodes if node.op_type in ("Conv", "Gemm") for name in node.output}
    uses = [name for node in nodes for name in node.input]
    norms = [node for node in nodes if node.op_type == "BatchNormalization"]
    assert [node.name for node in norms if node.input[0] in made and uses.count(node.input[0]) == 1] == []
    assert len(norms) <= len(exported.graph.network.units) + 1


def test_nothing_of_the_machine_that_made_it(exported: Exported):
    places = (str(Path.cwd()), str(Path.home()), sys.prefix, tempfile.gettempdir(), "site-packages", ".py")
    assert [place for place in (*places, torch.__version__) if place.encode() in exported.content] == []
    model = exported.model
    parts = (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output)
    assert not any(part.doc_string for part in parts)
    assert not any(getattr(part, "metadata_props", ()) for part in parts)
    assert model.producer_version == ""


def test_the_same_weights_give_the_same_bytes(exported: Exported):
    assert onnx_from_torch(network(exported.family), CONTRACT) == exported.content


@pytest.mark.parametrize("batch", [1, 5])
def test_every_output_is_torchs_whatever_the_batch(exported: Exported, batch: int):
    x = np.random.default_rng(batch).standard_normal((batch, 2, 256)).astype(np.float32)
    x[0] = 1e6  # flat: as dead sensors are
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = exported.graph(torch.from_numpy(x))
    for ours, theirs in zip(session.run(None, {"x": x}), expected, strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


def test_gain_and_offset_of_the_sensor_do_not_matter(exported: Exported):
    x = np.random.default_rng(4).standard_normal((3, 2, 256)).astype(np.float32)
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    plain, scaled = (session.run(["probabilities"], {"x": window})[0] for window in (x, 1000 * x + 500))
    np.testing.assert_allclose(scaled, plain, atol=1e-4)


def test_a_graph_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="eval"):
        onnx_from_torch(network(Family.DRSN_CW).train(), CONTRACT)


@pytest.mark.parametrize("domain", ["time", "order"])
@pytest.mark.parametrize("spectrum", [Spectrum.NONE, Spectrum.BESIDE, Spectrum.ALONE], ids=lambda form: form.value)
def test_the_linear_model_and_the_order_domain_run_in_onnx_runtime(spectrum: Spectrum, domain: str):
    graph = diagnosis(Family.DRSN_CW, View.ENVELOPE_SPECTRUM, spectrum=spectrum, domain=domain)
    contract = WINDOWS_OF_512.model_copy(update={"domain": domain})
    content = onnx_from_torch(graph, contract)
    x = np.random.default_rng(1).standard_normal((5, contract.input_channels, 512)).astype(np.float32)
    if domain == "order":
        x[:, -1] = shaft_angle([0.0, 300.0, 1500.0, 6000.0, 30_000.0], 512, 12_000.0)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = graph(torch.from_numpy(x))
    for ours, theirs in zip(expected, session.run(list(graph.output_names), {"x": x}), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)
    used = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert used <= {*PLAIN.split(), *["Flatten", "Log", "Reshape", "Split", "Squeeze", "Transpose"]}
