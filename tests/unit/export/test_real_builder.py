"""NVIDIA's own parser and builder, of TensorRT-RTX, which work without a GPU: every network of the family.

What builds here shows that the graphs are such that TensorRT takes them; it says nothing of a Jetson's plan.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from graphs import CONTRACT, diagnosis, real_builder

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import NETWORK, BatchRange
from drsn.agent.bundles import SHIPPED, shipped
from drsn.export.build_progress import BuildProgress
from drsn.export.half import halved
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.export.plan_from_onnx import BuilderOptions, plan_from_onnx
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError, UnavailableError, UsageError
from drsn.model.network import Family, View

if TYPE_CHECKING:
    from drsn.export.plan_from_onnx import BuiltPlan

real_builder()
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def onnx(family: Family, view: View, precision: str) -> bytes:
    graph = diagnosis(family, view)
    return onnx_from_torch(halved(graph) if precision == "fp16" else graph, CONTRACT)


@pytest.fixture(scope="module")
def model() -> bytes:
    return onnx(Family.DRSN_CW, View.WAVEFORM, "fp32")


def build(model: bytes, progress: BuildProgress | None = None, **options: object) -> BuiltPlan:
    due = {"batch": BatchRange(min=1, opt=8, max=32), "precision": "fp32", "workspace_bytes": 256 << 20,
           "compute_capabilities": ("8.6", "8.9")}  # fmt: skip
    trt = trt_compat.load("tensorrt-rtx")
    progress = progress or BuildProgress(io.StringIO())
    return plan_from_onnx(trt, model, CONTRACT, BuilderOptions(**{**due, **options}), b"", progress)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("view", View, ids=lambda view: view.value)
@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_every_network_of_the_family_builds(family: Family, view: View, precision: str):
    built = build(onnx(family, view, precision), precision=precision)
    trt = trt_compat.load("tensorrt-rtx")
    assert parse_header(built.plan) == ("tensorrt-rtx", trt.version)


@pytest.mark.parametrize("precision", NETWORK)
@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_builds(name: str, precision: str):
    bundle = open_bundle(shipped(name))
    trt = trt_compat.load("tensorrt-rtx")
    options = BuilderOptions(BatchRange(min=1, opt=8, max=32), precision, 256 << 20, compute_capabilities=("8.6",))
    model = bundle.read(NETWORK[precision])
    built = plan_from_onnx(trt, model, bundle.contract, options, b"", BuildProgress(io.StringIO()))
    assert parse_header(built.plan) == ("tensorrt-rtx", trt.version)


def test_the_library_that_was_loaded_is_known():
    trt = trt_compat.load("tensorrt-rtx")
    assert "libtensorrt_rtx" in (trt.library_path or "")
    assert trt is trt_compat.load("tensorrt-rtx"), "a second logger would never be heard"


def test_what_is_no_onnx_or_half_of_one_is_refused(model: bytes):
    for broken in (b"letters", model[: len(model) // 2]):
        with pytest.raises(BundleError, match="export it again"):
            build(broken)


def test_an_impossible_profile_is_refused(model: bytes):
    with pytest.raises(UsageError, match=r"--batch 8,4,2: TensorRT-RTX .* takes no such profile"):
        build(model, batch=BatchRange(min=8, opt=4, max=2))


def test_too_little_workspace_is_called_a_lack_of_memory(model: bytes):
    with pytest.raises(UnavailableError, match=r"built no engine: .*workspace.*lack of memory.*--workspace"):
        build(model, workspace_bytes=1)


def test_a_capability_that_cannot_run_the_network_says_so(model: bytes):
    with pytest.raises(UnavailableError, match="SM75"):
        build(model, compute_capabilities=("7.5",))


def test_progress_is_told_and_a_cancel_heard_at_the_next_step(model: bytes):
    class Watched(BuildProgress):
        steps = 0

        def stepped(self, phase: str, step: int) -> None:
            super().stepped(phase, step)
            self.steps += 1
            self.cancelled = limit is not None and self.steps >= limit

    limit, whole = None, Watched(io.StringIO())
    build(model, whole)
    limit, stopped = 3, Watched(io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        build(model, stopped)
    assert whole.steps > 10 > stopped.steps
