from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import open_bundle
from drsn.model.onnx_wire import OnnxWireError, require_self_contained

onnx = pytest.importorskip("onnx")
helper, TensorProto = onnx.helper, onnx.TensorProto
X = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
EXTERNAL = TensorProto(
    name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL,
    external_data=[onnx.StringStringEntryProto(key="location", value="../../etc/passwd")],
)  # fmt: skip
LOCATED = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)


def model(*nodes: object, opsets: tuple[tuple[str, int], ...] = (("", 17),), **graph: object) -> object:
    made = helper.make_graph(list(nodes or [helper.make_node("Relu", ["x"], ["y"])]), "g", [X], [Y], **graph)
    return helper.make_model(made, opset_imports=[helper.make_opsetid(*each) for each in opsets], ir_version=8)


def constant(**value: object) -> object:
    return model(helper.make_node("Constant", [], ["c"], **value), helper.make_node("Relu", ["x"], ["y"]))


def in_a_branch(node: object) -> object:
    branch = helper.make_graph([node], "b", [], [Y])
    return model(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))


def with_function() -> object:
    made = model()
    made.functions.append(onnx.FunctionProto(name="f", domain="mine", output=["y"]))
    return made


SPARSE = onnx.SparseTensorProto(values=EXTERNAL, dims=[2])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (model(initializer=[EXTERNAL]), "other files"),
        (model(initializer=[LOCATED]), "other files"),
        (constant(value=EXTERNAL), "other files"),
        (constant(sparse_value=SPARSE), "other files"),
        (model(sparse_initializer=[SPARSE]), "other files"),
        (in_a_branch(helper.make_node("Constant", [], ["y"], value=EXTERNAL)), "other files"),
        (in_a_branch(in_a_branch(helper.make_node("Evil", ["x"], ["y"], domain="mine")).graph.node[0]), "b'mine'"),
        (model(helper.make_node("Evil", ["x"], ["y"], domain="com.microsoft")), "b'com.microsoft'"),
        (model(opsets=(("", 17), ("mine", 1))), "b'mine'"),
        (with_function(), "operators of its own"),
    ],
)
def test_what_no_bundle_may_hold_is_found_wherever_it_lies(made, said: str):
    with pytest.raises(OnnxWireError, match=said):
        require_self_contained(made.SerializeToString())


@pytest.mark.parametrize("made", [model(), model(initializer=[onnx.numpy_helper.from_array(np.zeros(99), "w")]),
                                  constant(value=onnx.numpy_helper.from_array(np.zeros(9), "c")),
                                  model(opsets=(("ai.onnx", 17),))])  # fmt: skip
def test_a_plain_network_passes(made):
    require_self_contained(made.SerializeToString())


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_passes(name: str):
    bundle = open_bundle(shipped(name))
    for file in bundle.files:
        if file.endswith(".onnx"):
            require_self_contained(bundle.read(file))


@pytest.mark.parametrize(
    "content",
    [
        b"onnx" * 9,
        b"\x3a\xff",
        b"\x38\x01",
        b"\xff" * 11,
        b"\x02\x00",
        b"\x3b",
        b"\x3d\x00",
        b"\xc2\x80\x80\x80\x10\x00",
    ],
)
def test_what_is_no_onnx_is_refused(content: bytes):
    with pytest.raises(OnnxWireError, match="no ONNX"):
        require_self_contained(content)


def test_neither_depth_nor_width_takes_for_ever():
    def nested(content: bytes) -> bytes:
        for field in (6, 5, 1):  # attribute.g, node.attribute, graph.node
            length = len(content)
            content = (
                bytes([field << 3 | 2])
                + bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
                + content
            )
        return content

    graph = b""
    for _ in range(20):
        graph = nested(graph)
    with pytest.raises(OnnxWireError, match="without end"):
        require_self_contained(b"\x3a" + len(graph).to_bytes(1, "little") + graph if len(graph) < 128 else
                               b"\x3a" + bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7]) + graph)  # fmt: skip
    with pytest.raises(OnnxWireError, match="more than 100 parts"):
        require_self_contained(b"\x08\x01" * 101, max_fields=100)


def test_it_agrees_with_protobuf_on_whatever_protobuf_reads():
    """A file that protobuf reads as holding external data must not slip through, however it is spelled."""
    whole = model(initializer=[EXTERNAL]).SerializeToString()

    @given(at=st.integers(0, len(whole) - 1), value=st.integers(0, 255), length=st.integers(0, len(whole)))
    def spoilt(at: int, value: int, length: int) -> None:
        for content in (whole[:at] + bytes([value]) + whole[at + 1 :], whole[:length]):
            with suppress(OnnxWireError):
                require_self_contained(content)
                read = _read_by_protobuf(content)
                assert read is None or not any(
                    t.external_data or t.data_location == TensorProto.EXTERNAL for t in read.graph.initializer
                )

    spoilt()


def _read_by_protobuf(content: bytes) -> object | None:
    try:
        return onnx.ModelProto.FromString(content)
    except Exception:  # noqa: BLE001 (protobuf has errors of its own)
        return None
