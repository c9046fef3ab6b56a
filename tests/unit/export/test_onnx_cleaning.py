from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import CONTRACT, diagnosis, trained_by_chance
from onnx import TensorProto, helper, numpy_helper

from drsn.export.onnx_cleaning import cleaned
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.model.network import Family, View


def model(nodes: list[onnx.NodeProto], *weights: onnx.TensorProto, shape: tuple = ("batch", 4)) -> onnx.ModelProto:
    """X in, y out."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], list(weights))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def constant(name: str, value: object, dtype: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


def answers(made: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(made, full_check=True)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def operations(made: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in made.graph.node]


X = np.arange(8, dtype=np.float32).reshape(2, 4)


def test_identities_and_constants_go_and_equal_weights_are_kept_once():
    node = helper.make_node
    made = model(
        [
            node("Identity", ["w"], ["w2"]),
            node("Constant", [], ["c"], value=constant("", [1.0])),
            node("Add", ["x", "w"], ["a"]),
            node("Identity", ["a"], ["b"]),
            node("Mul", ["b", "w2"], ["d"]),
            node("Add", ["d", "c"], ["y"]),
        ],
        constant("w", [1, 2, 3, 4]),
    )
    expected = answers(made, X)
    slim = cleaned(made)
    assert operations(slim) == ["Add", "Mul", "Add"]
    assert len(slim.graph.initializer) == 2
    np.testing.assert_array_equal(answers(slim, X), expected)


def test_an_identity_that_is_an_output_stays():
    slim = cleaned(model([helper.make_node("Identity", ["x"], ["y"])]))
    np.testing.assert_array_equal(answers(slim, X), X)


def test_a_length_that_is_known_is_written_down():
    """`chunk` leaves Shape, Gather, Add and Div behind, of lengths that no run changes."""
    node = helper.make_node
    made = model(
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "one"], ["length"]),
            node("Cast", ["length"], ["f"], to=TensorProto.FLOAT),
            node("Mul", ["x", "f"], ["y"]),
        ],
        constant("one", 1, np.int64),
    )
    expected = answers(made, X)
    slim = cleaned(made)
    assert operations(slim) == ["Cast", "Mul"]
    np.testing.assert_array_equal(answers(slim, X), expected)


def test_a_length_that_only_a_run_knows_is_left_to_it():
    node = helper.make_node
    made = model(
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "zero"], ["batch"]),
            node("Cast", ["batch"], ["f"], to=TensorProto.FLOAT),
            node("Mul", ["x", "f"], ["y"]),
        ],
        constant("zero", 0, np.int64),
    )
    slim = cleaned(made)
    for batch in (1, 2, 5):
        x = np.ones((batch, 4), np.float32)
        np.testing.assert_array_equal(answers(slim, x), batch * x)


def test_a_large_constant_is_not_made_of_small_ones():
    big = np.zeros((600, 600), np.float32)
    made = model(
        [helper.make_node("Add", ["w", "v"], ["a"]), helper.make_node("Add", ["x", "a"], ["y"])],
        numpy_helper.from_array(big, "w"), numpy_helper.from_array(big, "v"), shape=(600, 600),
    )  # fmt: skip
    assert operations(cleaned(made)) == ["Add", "Add"]


@pytest.mark.parametrize("view", View, ids=lambda view: view.value)
@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_a_network_keeps_its_answers_and_loses_what_tensorrt_dislikes(family: Family, view: View):
    graph = trained_by_chance(diagnosis(family, view))
    naive, clean = (onnx.load_from_string(onnx_from_torch(graph, CONTRACT, clean=c)) for c in (False, True))
    x = np.random.default_rng(1).standard_normal((5, 1, 512)).astype(np.float32)
    np.testing.assert_allclose(answers(clean, x), answers(naive, x), atol=1e-4)
    unwanted = {"Identity", "Constant", "Sign", "Pad", "Shape", "Gather", "GlobalAveragePool"}
    assert not unwanted & set(operations(clean))
    assert len(operations(clean)) < 0.8 * len(operations(naive))
