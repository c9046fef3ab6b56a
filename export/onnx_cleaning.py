"""Remove nodes without effect from an exported graph: Identity, Constant, and shapes that are known beforehand.

Plain edits of an ONNX graph of opset 17; the outputs stay the same bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDED_BYTES = 1 << 20
"""Constant folding stops at inputs larger than this in all."""

KEPT_APART = ("Cast",)
"""Operators that are never folded: a weight that is cast at run time is meant to be stored in its own type."""


def cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph without nodes that compute nothing, equal initializers once. Changes `model` and returns it."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    outputs = {output.name for output in graph.output}
    lengths = _Lengths(model)
    renamed: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        value = None if outputs & set(node.output) else _value(node, constants, lengths)
        if value is not None:
            constants[node.output[0]] = value
        elif node.op_type == "Identity" and node.output[0] not in outputs:
            renamed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    _replace(graph, _alive(kept, outputs), constants)
    return model


class _Lengths:
    """Inferred shapes: the lengths that are known before a run, all but the batch."""

    def __init__(self, model: onnx.ModelProto) -> None:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self._known = {
            value.name: [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]
            for value in (*inferred.value_info, *inferred.input, *inferred.output)
            if value.type.tensor_type.HasField("shape")
        }
        self._shape_of = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Shape"}

    def picked(self, shape: str, index: int) -> int | None:
        """Element `index` of the output of a Shape node; None if unknown before a run, or if it is no Shape node."""
        known = self._known.get(self._shape_of.get(shape, ""), [])
        return known[index] if -len(known) <= index < len(known) else None


def _value(
    node: onnx.NodeProto, constants: dict[str, NDArray[np.generic]], lengths: _Lengths
) -> NDArray[np.generic] | None:
    """The constant output of a node, or None if it depends on the graph's input."""
    if node.op_type == "Gather" and node.input[1] in constants and constants[node.input[1]].size == 1:
        length = lengths.picked(node.input[0], int(constants[node.input[1]].item()))
        if length is not None:
            return np.full(constants[node.input[1]].shape, length, np.int64)
    names = [name for name in node.input if name]
    if node.op_type in KEPT_APART or len(node.output) != 1 or not all(name in constants for name in names):
        return None
    if sum(constants[name].nbytes for name in names) > FOLDED_BYTES:
        return None
    (value,) = ReferenceEvaluator(node).run(None, {name: constants[name] for name in names})
    return np.asarray(value)


def _alive(nodes: list[onnx.NodeProto], outputs: set[str]) -> list[onnx.NodeProto]:
    """The nodes that an output depends on, in graph order."""
    needed, alive = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.output):
            needed.update(node.input)
            alive.append(node)
    return alive[::-1]


def _replace(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], constants: dict[str, NDArray[np.generic]]) -> None:
    """Replace the graph's nodes, and its constants by those that are used, each value once."""
    first_of: dict[tuple[str, tuple[int, ...], bytes], str] = {}
    used: dict[str, NDArray[np.generic]] = {}
    for node in nodes:
        for place, name in enumerate(node.input):
            if name in constants:
                value = constants[name]
                first = first_of.setdefault((value.dtype.str, value.shape, value.tobytes()), name)
                node.input[place] = first
                used[first] = value
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in used.items())
