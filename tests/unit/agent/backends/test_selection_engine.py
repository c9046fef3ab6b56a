"""Which engine is used, and the reason if none can be. The GPU and TensorRT are fakes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from engine_files import write_engine
from fake_cuda import ORIN, Gpu
from fake_tensorrt import Behaviour, fake, install_outdated

from drsn.agent.backends.selection import BackendOptions, Chosen, choose
from drsn.agent.backends.tensorrt import compat, cuda
from drsn.agent.backends.tensorrt.cuda import Device, NoDevice
from drsn.agent.backends.tensorrt.sidecar import sidecar_path
from drsn.agent.backends.tolerance import limits_of
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.backends.tensorrt.compat import TensorRt

BUNDLE = open_bundle(shipped("synthetic"))
MAX_BATCH = 16
NO_DRIVER = NoDevice("no CUDA driver (libcuda.so.1: cannot open shared object file)")
VERSION = {"tensorrt": "10.7.0", "tensorrt-rtx": "rtx-1.7.1"}


@dataclass
class Host:
    """What `choose` finds: a GPU or none, and the TensorRTs that are installed."""

    gpu: Gpu
    behaviour: Behaviour
    installed: dict[str, TensorRt]
    engine_dir: Path
    device: Device | NoDevice = ORIN
    touched: tuple[str, ...] = ()

    def load(self, flavour: str) -> TensorRt:
        self.touched += (flavour,)
        if flavour not in self.installed:
            raise UnavailableError(f"Python has no {flavour}; sudo apt-get install python3-libnvinfer")
        return self.installed[flavour]

    def build(self, flavour: str = "tensorrt", bundle=BUNDLE, device=ORIN, **said: object) -> Path:
        return write_engine(self.engine_dir, self.installed[flavour], bundle, device, **said)

    def choose(self, choice: str = "auto", **more: object) -> Chosen:
        return choose(BUNDLE, BackendOptions(choice, MAX_BATCH, engine_dir=self.engine_dir, **more))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    gpu = Gpu()
    behaviour = Behaviour(gpu)
    installed = {flavour: fake(version, behaviour) for flavour, version in VERSION.items()}
    found = Host(gpu, behaviour, installed, tmp_path / "engines")
    monkeypatch.setattr(cuda, "probe", lambda: found.device)
    monkeypatch.setattr(cuda, "Cuda", lambda newest: gpu.cuda() if newest == (12, 6) else None)
    monkeypatch.setattr(compat, "load", found.load)
    return found


@pytest.mark.parametrize("flavour", VERSION)
@pytest.mark.parametrize("asked", ["by name", "auto"])
def test_an_engine_that_fits_runs_and_nothing_is_to_complain_of(host: Host, flavour: str, asked: str):
    path = host.build(flavour)
    chosen = host.choose("auto" if asked == "auto" else flavour)
    assert (chosen.backend.name, chosen.engine, chosen.reasons) == (flavour, path.name, ())
    chosen.backend.close()
    assert host.gpu.held == 0


def test_of_both_auto_takes_tensorrt(host: Host):
    host.build("tensorrt-rtx")
    host.build("tensorrt")
    assert host.choose().backend.name == "tensorrt"


def test_a_tensorrt_engine_that_does_not_fit_is_no_reason_to_complain_where_that_of_rtx_runs(host: Host):
    host.build("tensorrt", gpu="Xavier")
    host.build("tensorrt-rtx")
    chosen = host.choose()
    assert (chosen.backend.name, chosen.reasons) == ("tensorrt-rtx", ())


def test_the_switch_of_the_graphs_reaches_the_backend(host: Host):
    host.build()
    host.choose(cuda_graphs=False)
    assert host.gpu.calls["cudaStreamBeginCapture"] == 0


def test_engines_lie_beside_the_bundle_unless_a_place_is_set():
    assert BackendOptions("auto", 1).engines_of(BUNDLE) == BUNDLE.path.parent / "synthetic.zip.engines"


OLDER = fake("10.3.0", Behaviour(Gpu()))
MISFITS = {
    "another TensorRT": (lambda m: write_engine(m.engine_dir, OLDER, BUNDLE, ORIN), "built with TensorRT 10.3.0, here"),
    "another GPU": (lambda m: m.build(gpu="Xavier"), "was built for Xavier, this is Orin"),
    "another capability": (lambda m: m.build(compute_capabilities=("7.2",)), "compute capability 7.2, Orin has 8.7"),
    "another bundle": (lambda m: m.build(bundle_sha256="0" * 64), "was built from bundle 000000000000"),
    "another network": (lambda m: m.build(onnx_sha256="0" * 64), "a model.onnx that is not the bundle's"),
    "too small a batch": (lambda m: m.build(batch=(1, 4, 8)), "takes 1 to 8 windows at once, not 1 to 16"),
    "altered": (lambda m: m.build(plan_sha256="0" * 64), "does not match its sidecar file"),
    "cut short": (lambda m: m.build(plan_bytes=4711), "perhaps an incomplete copy"),
    "a header of RTX": (lambda m: m.build().write_bytes(b"vtrt" + bytes(96)), "is a plan of tensorrt-rtx"),
    "garbage": (lambda m: m.build().write_bytes(b"garbage" * 99), "it is not a TensorRT plan"),
    "truncated": (lambda m: m.build().write_bytes(b"ftrt"), "shorter than a plan's header"),
    "no sidecar": (lambda m: sidecar_path(m.build()).unlink(), "its sidecar"),
    "a broken sidecar": (lambda m: sidecar_path(m.build()).write_text("{"), "its sidecar"),
    "only of other bundles": (
        lambda m: m.build(bundle=open_bundle(shipped("cwru"))), "those here are of other bundles"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISFITS)
def test_by_name_an_engine_that_does_not_fit_is_refused_before_it_is_loaded(host: Host, what: str):
    make, said = MISFITS[what]
    make(host)
    with pytest.raises(ConfigurationError) as caught:
        host.choose("tensorrt")
    text = str(caught.value)
    assert said in text
    assert f"drsn-export --target trt --bundle {BUNDLE.path} --engine-dir {host.engine_dir}" in text
    assert host.gpu.calls.total() == 0, "nothing of CUDA or TensorRT was called"


@pytest.mark.parametrize("what", MISFITS)
def test_with_auto_it_runs_on_onnx_runtime_and_says_why(host: Host, what: str):
    make, said = MISFITS[what]
    make(host)
    chosen = host.choose()
    assert (chosen.backend.name, chosen.engine) == ("onnxruntime", None)
    assert len(chosen.reasons) == 1
    assert said in chosen.reasons[0]


FAILURES = {
    "no driver": (lambda m: setattr(m, "device", NO_DRIVER), UnavailableError, "no CUDA driver"),
    "no TensorRT": (lambda m: m.installed.pop("tensorrt"), UnavailableError, "apt-get install python3-libnvinfer"),
    "not loaded": (lambda m: m.behaviour.refused.add("deserialize_cuda_engine"), ConfigurationError, "build it again"),
    "no memory": (lambda m: m.gpu.broken.update(cudaMalloc=2), UnavailableError, "cudaErrorMemoryAllocation"),
    "wrong numbers": (lambda m: setattr(m.behaviour, "nudge", 0.1), ConfigurationError, "is off by 0.1"),
    "no numbers": (lambda m: setattr(m.behaviour, "nudge", float("nan")), ConfigurationError, "is off by inf"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("choice", ["tensorrt", "auto"])
def test_an_engine_that_fits_and_fails_is_an_error_by_name_and_a_reason_with_auto(host: Host, choice: str, what: str):
    spoil, kind, said = FAILURES[what]
    host.build()
    spoil(host)
    if choice == "auto":
        chosen = host.choose()
        assert (chosen.backend.name, said in chosen.reasons[0]) == ("onnxruntime", True)
    else:
        with pytest.raises(kind, match=said):
            host.choose(choice)
    assert host.gpu.held == 0


TOO_OLD = "TensorRT 8.6.2 .* is older than 10.3 .JetPack 6.1.; .*update JetPack"


def test_a_tensorrt_older_than_10_3_is_an_error_by_name_and_a_reason_with_auto(host: Host, monkeypatch):
    host.build()
    install_outdated(monkeypatch)
    with pytest.raises(UnavailableError, match=TOO_OLD):
        host.choose("tensorrt")
    chosen = host.choose()
    assert (chosen.backend.name, len(chosen.reasons)) == ("onnxruntime", 1)
    assert re.match(TOO_OLD, chosen.reasons[0])


def test_a_gpu_that_fails_in_the_self_test_is_the_gpus_fault_and_not_the_bundles(host: Host, monkeypatch):
    host.build()
    monkeypatch.setattr("fake_cuda.Libcudart.cudaGraphLaunch", lambda _self, _graph, _stream: 700)
    with pytest.raises(UnavailableError, match="cudaErrorIllegalAddress"):
        host.choose("tensorrt")
    assert host.gpu.held == 0


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_each_precision_has_its_tolerance(host: Host, precision: str, strict: bool):  # noqa: FBT001
    host.build(precision=precision, strict=strict)
    allowed = limits_of(precision, strict=strict).probability
    for part, fine in ((0.5, True), (2, False)):
        host.behaviour.nudge = part * allowed
        chosen = host.choose()
        assert (chosen.backend.name == "tensorrt") == fine
        chosen.backend.close()


@pytest.mark.parametrize("choice", ["auto", "onnxruntime"])
def test_a_pc_without_engines_runs_on_onnx_runtime_and_has_nothing_to_complain_of(tmp_path: Path, choice: str):
    bundle = replace(BUNDLE, path=tmp_path / "b.zip")
    chosen = choose(bundle, BackendOptions(choice, MAX_BATCH))
    assert (chosen.backend.name, chosen.reasons) == ("onnxruntime", ())


def test_a_gpu_for_which_nobody_ever_built_an_engine_is_no_reason_to_complain(host: Host, tmp_path: Path):
    bundle = replace(BUNDLE, path=tmp_path / "b.zip")
    assert choose(bundle, BackendOptions("auto", MAX_BATCH)).reasons == ()
    assert host.touched == ()


def test_a_place_for_engines_that_is_empty_beside_a_gpu_is_one(host: Host):
    chosen = host.choose()
    assert chosen.backend.name == "onnxruntime"
    assert "none for this bundle; build one: drsn-export --target trt" in chosen.reasons[0]
    host.device = NO_DRIVER
    assert host.choose().reasons == ()


def test_onnx_runtime_by_name_looks_at_no_engine(host: Host):
    host.build()
    assert host.choose("onnxruntime").backend.name == "onnxruntime"
    assert host.touched == ()


@pytest.mark.parametrize("choice", ["tensorrt", "tensorrt-rtx"])
def test_by_name_without_a_driver_tensorrt_is_not_even_imported(host: Host, choice: str):
    host.device = NO_DRIVER
    with pytest.raises(UnavailableError, match=f"backend '{choice}': no CUDA driver .* agent.backend = 'onnxruntime'"):
        host.choose(choice)
    assert host.touched == ()
