from __future__ import annotations

import onnx
import pytest
import torch
from graphs import CONTRACT, diagnosis, trained_by_chance

from drsn.export.half import halved
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.model.network import Family, Spectrum, View

FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
EVERY = pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
VIEWS = pytest.mark.parametrize("view", View, ids=lambda view: view.value)


@pytest.mark.parametrize("members", [1, 2])
@VIEWS
@EVERY
def test_the_ends_stay_float32_and_the_answers_near(family: Family, view: View, members: int):
    graph, x = diagnosis(family, view, members), torch.randn(3, 1, 512)
    with torch.no_grad():
        expected, actual = graph(x), halved(graph)(x)
    assert {tensor.dtype for tensor in actual} == {torch.float32}
    torch.testing.assert_close(actual[1], expected[1], rtol=0, atol=2e-2)
    assert not torch.equal(actual[1], expected[1]), "nothing was computed in half precision"


@VIEWS
def test_counts_of_a_converter_and_tiny_ones_stay_finite(view: View):
    """Naive half precision of them gives infinity or zero: 65,504 is the largest float16, 6e-8 the smallest."""
    graph = trained_by_chance(diagnosis(Family.DRSN_CW, view))
    x = torch.randn(2, 1, 512)
    with torch.no_grad():
        for scaled in (x, 30_000 * x + 100_000, 1e-9 * x, torch.full_like(x, 1e5)):
            expected, actual = graph(scaled), halved(graph)(scaled)
            assert all(tensor.isfinite().all() for tensor in actual)
            torch.testing.assert_close(actual[1], expected[1], rtol=0, atol=5e-2)


def test_what_it_was_given_stays_float32():
    graph = diagnosis(Family.DRSN_CW)
    halved(graph)
    assert {tensor.dtype for tensor in graph.state_dict().values() if tensor.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize("members", [1, 2])
@VIEWS
@EVERY
def test_weights_are_float16_and_normalisation_and_novelty_are_not(family: Family, view: View, members: int):
    model = onnx.load_from_string(onnx_from_torch(halved(diagnosis(family, view, members)), CONTRACT))
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            assert {types[name] for name in node.input if name in types} == {FLOAT16}, node.name
        elif node.op_type in ("MatMul", "ReduceMax", "Sqrt"):  # the envelope's transform, the novelty; normalisation
            assert not {types[name] for name in node.input if name in types} & {FLOAT16}, node.name
    ends = (*model.graph.input, *model.graph.output)
    assert {end.type.tensor_type.elem_type for end in ends} == {FLOAT}


@pytest.mark.parametrize("domain", ["time", "order"])
@pytest.mark.parametrize("spectrum", [Spectrum.NONE, Spectrum.BESIDE, Spectrum.ALONE], ids=lambda form: form.value)
def test_the_linear_model_and_the_lines_in_orders_stay_float32(spectrum: Spectrum, domain: str):
    graph = diagnosis(Family.DRSN_CW, View.ENVELOPE_SPECTRUM, spectrum=spectrum, domain=domain)
    x = torch.randn(3, 1, 512)
    if domain == "order":
        angle = torch.linspace(0, 1, 512) * torch.tensor([[[0.5]], [[2.0]], [[9.0]]])
        x = torch.cat([x, angle], dim=1)
    with torch.no_grad():
        expected, actual = graph(x), halved(graph)(x)
    assert {tensor.dtype for tensor in actual} == {torch.float32}
    torch.testing.assert_close(actual[1], expected[1], rtol=0, atol=2e-2)
