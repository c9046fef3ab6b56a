"""What TF32 does to the shipped networks, computed here: the tolerances must hold it, and not be idle."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from drsn.agent.backends.tolerance import TOLERANCES, limits_of
from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import open_bundle

onnx = pytest.importorskip("onnx", reason="pip install 'drsn-edge[export]'")

PRODUCTS = ("Conv", "Gemm", "MatMul")
SPLIT = np.float32(2**13 + 1)
"""Dekker's constant: what it leaves of float32's 24 bits is 11, as TF32 has them."""

SHORTER = np.float32(1 - 2**-11)
"""Takes between half and one unit off the last of 11 bits."""


def node(kind: str, given: list[str], name: str):
    return onnx.helper.make_node(kind, given, [name])


def rounded(a: str, name: str) -> list:
    """Nodes that make `name` of `a`, with 11 bits, to the nearest."""
    return [
        node("Mul", [a, "split"], f"{name}_product"),
        node("Sub", [f"{name}_product", a], f"{name}_rest"),
        node("Sub", [f"{name}_product", f"{name}_rest"], name),
    ]


def cut(a: str, name: str) -> list:
    """As `rounded`, but toward zero."""
    return [
        *rounded(a, f"{name}_near"),
        node("Mul", [f"{name}_near", "shorter"], f"{name}_less"),
        *rounded(f"{name}_less", f"{name}_below"),
        node("Abs", [a], f"{name}_size"),
        node("Abs", [f"{name}_near"], f"{name}_near_size"),
        node("Greater", [f"{name}_near_size", f"{name}_size"], f"{name}_over"),
        node("Where", [f"{name}_over", f"{name}_below", f"{name}_near"], name),
    ]


def in_tf32(content: bytes, factor) -> bytes:
    """The network with both factors of every product in TF32; sums stay float32, as tensor cores keep them."""
    model = onnx.load_from_string(content)
    nodes = []
    for product in model.graph.node:
        if product.op_type in PRODUCTS:
            for place in (0, 1):
                name = f"tf32_{len(nodes)}_{place}"
                nodes.extend(factor(product.input[place], name))
                product.input[place] = name
        nodes.append(product)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for name, value in (("split", SPLIT), ("shorter", SHORTER)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    return model.SerializeToString()


def run(content: bytes, x: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # or it folds the rounding
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(outputs, {"x": x})


@pytest.mark.parametrize("factor", [rounded, cut])
def test_a_factor_keeps_eleven_bits(factor):
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        factor("x", "y"), "g", [value("x", 1, ["n"])], [value("y", 1, ["n"])],
        [onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in (("split", SPLIT), ("shorter", SHORTER))],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    x = np.random.default_rng(1).standard_normal(10_000).astype(np.float32)
    x[:3] = 1, -1.9999999, 0
    (y,) = run(model.SerializeToString(), x, ["y"])
    bits = x.view(np.uint32)
    if factor is cut:
        np.testing.assert_array_equal(y.view(np.uint32), bits & ~np.uint32(0x1FFF))
    else:
        assert not (y.view(np.uint32) & 0x1FFF).any()
        assert (np.abs(y - x) <= np.abs(x) * 2**-11).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_tf32_stays_within_its_tolerance(name: str):
    """Rounding is what most kernels do; hardware that is given float32 as it is cuts the bits off.

    Were the tolerance of a probability below the second, a sound engine might be refused as wrong.
    """
    bundle = open_bundle(shipped(name))
    golden, rng = bundle.golden().x, np.random.default_rng(11)
    level = golden.std(axis=-1, keepdims=True)
    noisy = [golden + 10 ** (-snr / 20) * level * rng.standard_normal(golden.shape) for snr in (6, 0, -6)]
    x = np.concatenate([golden, *noisy]).astype(np.float32)
    content, allowed = bundle.read("model.onnx"), limits_of("fp32", strict=False)
    outputs = ["probabilities", "novelty"]
    probabilities, novelty = run(content, x, outputs)
    worst = []
    for factor in (rounded, cut):
        moved, moved_novelty = run(in_tf32(content, factor), x, outputs)
        off = np.abs(moved - probabilities).max(), (np.abs(moved_novelty - novelty) / (1 + np.abs(novelty))).max()
        assert off[0] <= allowed.probability
        assert off[1] <= allowed.novelty
        worst.append(off)
    assert worst[1][0] > TOLERANCES["fp32 strict"].probability, "else TF32 was not applied"
    assert worst[1][1] > allowed.novelty / 20, "a tolerance that much wider than need be proves nothing"


def test_strict_has_no_effect_on_half_precision_whose_float32_is_strict_already():
    assert limits_of("fp16", strict=True) == limits_of("fp16", strict=False) == TOLERANCES["fp16"]
    assert limits_of("fp32", strict=True) == TOLERANCES["fp32 strict"]
