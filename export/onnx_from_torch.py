"""Export to ONNX bytes: opset 17, IR 8 at most, named inputs and outputs, dynamic batch, no build-machine data."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import torch

from drsn.export.batch_norm_folding import folded
from drsn.export.onnx_cleaning import cleaned
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract
    from drsn.model.deployed_model import DeployedModel

OPSET = 17
"""The one opset that every builder was tested with; torch's newer exporter gives 18 or later."""

MAX_IR = 8
PRODUCER = "drsn-export"


def onnx_from_torch(graph: DeployedModel, contract: ModelContract, *, clean: bool = True) -> bytes:
    """Export the whole graph, including normalisation and softmax, with folded batch norms and no idle nodes.

    Input `x` float32[batch, channels, window]; outputs as `graph.output_names`.

    `clean` = False keeps the graph as torch exports it, for comparisons.

    Raises:
        ValueError: the graph is in training mode.
        BadDataError: the exported file is not readable by every target.
    """
    if graph.training:
        raise ValueError("export needs eval(): in training mode batch norms would use the batch")
    if clean:
        graph = folded(graph)
    # Two windows that differ: with one, the tracer could take the batch for a constant.
    example = (
        torch.linspace(-1, 1, 2 * contract.input_channels * contract.window)
        .reshape(2, contract.input_channels, -1)
        .sin()
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        path = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore", DeprecationWarning)  # dynamo=False is what gives opset 17
        torch.onnx.export(
            graph,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["x"],
            output_names=list(graph.output_names),
            dynamic_axes={name: {0: "batch"} for name in ("x", *graph.output_names)},
        )
        model = _stripped(onnx.load_model(path))
    if clean:
        model = cleaned(model)
    _check(model, graph.output_names)
    return bytes(model.SerializeToString(deterministic=True))


def _stripped(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove paths, source lines and versions, which describe the build machine."""
    model.ClearField("metadata_props")
    model.producer_name, model.producer_version, model.doc_string = PRODUCER, "", ""
    model.graph.doc_string, model.graph.name = "", "drsn"
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            part.ClearField("metadata_props")
    return model


def _check(model: onnx.ModelProto, outputs: tuple[str, ...]) -> None:
    onnx.checker.check_model(model, full_check=True)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets != {"": OPSET} or model.ir_version > MAX_IR:
        raise BadDataError(f"exported ONNX has opsets {opsets} and IR {model.ir_version}, not {OPSET} and {MAX_IR}")
    names = ([node.name for node in model.graph.input], [node.name for node in model.graph.output])
    if names != (["x"], list(outputs)):
        raise BadDataError(f"exported ONNX has inputs and outputs {names}, not x and {outputs}")
