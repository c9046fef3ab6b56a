"""NVIDIA's own runtime, of TensorRT-RTX, as far as it goes without a GPU: what it refuses becomes one line."""

from __future__ import annotations

import io

import pytest

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.engine import Engine
from drsn.agent.backends.tensorrt.sidecar import BatchRange
from drsn.agent.bundles import shipped
from drsn.export.build_progress import BuildProgress
from drsn.export.plan_from_onnx import BuilderOptions, plan_from_onnx
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError

pytest.importorskip("tensorrt_rtx", reason="pip install 'drsn-edge[rtx]', on x86-64")

BUNDLE = open_bundle(shipped("synthetic"))


@pytest.fixture(scope="module")
def plan() -> bytes:
    """A real plan; it needs a GPU of these compute capabilities to run."""
    trt = trt_compat.load("tensorrt-rtx")
    options = BuilderOptions(BatchRange(min=1, opt=8, max=32), "fp32", 256 << 20, compute_capabilities=("8.6", "8.9"))
    model = BUNDLE.read("model.onnx")
    return plan_from_onnx(trt, model, BUNDLE.contract, options, b"", BuildProgress(io.StringIO())).plan


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda plan: plan[: len(plan) // 2], "Serialization assertion"),
        (lambda plan: plan[:24] + bytes((1, 6, 0, 0)) + plan[28:], "Error Code 1"),
        (lambda plan: b"ftrt" + plan[4:], "Serialization"),
    ],
    ids=["cut short", "another version", "of TensorRT"],
)
def test_a_plan_that_it_refuses_is_one_line_in_its_own_words(plan: bytes, spoil, said: str):
    trt = trt_compat.load("tensorrt-rtx")
    with pytest.raises(BundleError, match=r"^engine: TensorRT-RTX 1\..* cannot load it: ") as caught:
        Engine(trt, spoil(plan), BUNDLE.contract, 8)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
