from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from engine_files import write_engine
from fake_cuda import ORIN, Gpu
from fake_tensorrt import Behaviour, fake, install_outdated

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt import cuda as trt_cuda
from drsn.agent.backends.tensorrt.cuda import NoDevice
from drsn.agent.bundles import shipped
from drsn.agent.tools.doctor import gpu as checks
from drsn.model.bundle import open_bundle
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.tools.doctor.subject import Subject

BUNDLE = open_bundle(shipped("synthetic"))
NO_DRIVER = NoDevice("no CUDA driver (libcuda.so.1)")
NO_GPU = NoDevice("the CUDA driver finds no GPU (cuInit: CUDA_ERROR_NO_DEVICE)", has_driver=True)
JETSON = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 2025\n"
HIDDEN = "Python has no tensorrt; /usr/lib/python3/dist-packages/tensorrt has it, but this venv can't see it"


@pytest.mark.parametrize(
    ("release", "state", "text"),
    [
        (None, "unneeded", "not a Jetson"),
        (JETSON, "ok", "Jetson Linux 36.4.3, JetPack 6"),
        (JETSON.replace("R36", "R38"), "ok", "JetPack 7.0 or 7.1"),
        (JETSON.replace("R36", "R39"), "ok", "JetPack 7.2 or later"),
        (JETSON.replace("R36", "R41"), "ok", "JetPack newer than 7"),
        (JETSON.replace("R36", "R35"), "problem", "JetPack 5: its Python and TensorRT are too old"),
        (JETSON.replace("R36", "R28"), "problem", "JetPack older than 5"),
        ("garbage", "problem", "has no Jetson Linux version"),
    ],
)
def test_the_jetpack_is_read_from_the_release(subject: Callable, release: str | None, state: str, text: str):
    found = checks.jetpack(subject(release))
    assert (found.state, text in found.text) == (state, True)


def test_the_driver_and_its_gpu_are_named(subject: Callable):
    machine = subject()
    machine.device = ORIN
    assert checks.driver(machine).text == "Orin, compute capability 8.7, driver for CUDA up to 12.6"


@pytest.mark.parametrize(
    ("device", "tegra", "remedy"),
    [
        (NO_DRIVER, None, "install NVIDIA's driver"),
        (NO_DRIVER, JETSON, "apt-get install nvidia-jetpack"),
        (NO_GPU, JETSON, "groups video and render"),
    ],
)
def test_without_a_gpu_an_engine_that_was_asked_for_is_a_problem(
    subject: Callable, device: NoDevice, tegra: str | None, remedy: str
):
    machine = subject(tegra, backend="tensorrt")
    machine.device = device
    found = checks.driver(machine)
    assert (found.state, found.exit_code, remedy in found.remedy) == ("problem", 69, True)
    assert checks.engine(machine).state == "unneeded"


def test_where_no_engine_is_asked_for_nothing_of_it_is_a_problem_and_tensorrt_is_not_imported(
    subject: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trt_compat, "load", lambda _flavour: pytest.fail("imported"))
    machine = subject(backend="onnxruntime")
    machine.device = NO_DRIVER
    found = [checks.driver(machine), checks.library(machine), checks.engine(machine)]
    assert [finding.state for finding in found] == ["unneeded"] * 3


@pytest.mark.parametrize(("backend", "state"), [("tensorrt", "problem"), ("onnxruntime", "unneeded")])
def test_the_trap_of_the_venv_is_told_with_the_way_out(
    subject: Callable, monkeypatch: pytest.MonkeyPatch, backend: str, state: str
):
    def load(_flavour: str) -> None:
        raise UnavailableError(f"{HIDDEN}: make it again with python3 -m venv --system-site-packages --clear /opt/venv")

    monkeypatch.setattr(trt_compat, "load", load)
    machine = subject(JETSON, backend=backend)
    machine.device = ORIN
    found = checks.library(machine)
    assert found.state == state
    assert "--system-site-packages" in found.text + found.remedy


def test_the_library_that_was_loaded_is_named(subject: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trt_compat, "load", lambda _flavour: fake("10.3.0", Behaviour(Gpu())))
    machine = subject(backend="tensorrt")
    machine.device = ORIN
    assert checks.library(machine).text == "TensorRT 10.3.0, /fake/10.3.0"
    machine.device = NO_DRIVER
    assert checks.library(machine).text == "TensorRT 10.3.0, /fake/10.3.0", "asked for, so looked at without a GPU too"
    machine.tensorrt = replace(machine.tensorrt, library_path=None)
    assert checks.library(machine).text == "TensorRT 10.3.0, library unknown"


@pytest.mark.parametrize(("backend", "state"), [("tensorrt", "problem"), ("onnxruntime", "unneeded")])
def test_a_tensorrt_older_than_10_3_is_named_with_the_update(
    subject: Callable, monkeypatch: pytest.MonkeyPatch, backend: str, state: str
):
    install_outdated(monkeypatch)
    machine = subject(JETSON, backend=backend)
    machine.device = ORIN
    found = checks.library(machine)
    assert found.state == state
    assert "TensorRT 8.6.2 (/usr/lib/python3/dist-packages/tensorrt/__init__.py) is older than 10.3" in found.text
    assert "update JetPack" in found.text + found.remedy


@pytest.fixture
def equipped(subject: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """A machine with a GPU, TensorRT and an engine of which `text` changes the sidecar."""
    gpu = Gpu()
    library = fake("10.3.0", Behaviour(gpu))
    monkeypatch.setattr(trt_compat, "load", lambda _flavour: library)
    monkeypatch.setattr(trt_cuda, "probe", lambda: ORIN)
    monkeypatch.setattr(trt_cuda, "Cuda", lambda _newest: gpu.cuda())

    def make(backend: str = "auto", **text: object) -> Subject:
        write_engine(tmp_path / "engines", library, BUNDLE, ORIN, **text)
        machine = subject(JETSON, backend=backend, engine_dir=tmp_path / "engines")
        machine.device = ORIN
        return machine

    return make


@pytest.mark.parametrize("backend", ["auto", "tensorrt"])
def test_an_engine_that_fits_is_named_and_runs(equipped: Callable, backend: str):
    machine = equipped(backend)
    found = checks.engine(machine)
    assert found.state == "ok"
    assert found.text.endswith("-orin-10.3.0-fp32.plan, fp32, up to 32 windows at once, fits")
    assert checks.backend(machine).text.startswith("runs on tensorrt with ")


def test_without_one_of_both_an_engine_is_compared_with_nothing(equipped: Callable):
    machine = equipped("tensorrt")
    library, machine.device = machine.tensorrt, NO_DRIVER
    assert checks.engine(machine).text.startswith("not tested: there is no GPU or no TensorRT")
    machine.device, machine.tensorrt = ORIN, UnavailableError("Python has no tensorrt; apt")
    assert checks.engine(machine).text.startswith("not tested: there is no GPU or no TensorRT")
    machine.tensorrt = library
    assert checks.engine(machine).state == "ok"


def test_without_an_engine_none_is_named(subject: Callable):
    assert checks.backend(subject(backend="onnxruntime")).text == ("runs on onnxruntime; its self-test passed")


@pytest.mark.parametrize("backend", ["auto", "tensorrt"])
def test_an_engine_that_does_not_fit_is_a_problem_whose_remedy_is_the_command(equipped: Callable, backend: str):
    machine = equipped(backend, gpu="Xavier")
    for check in (checks.engine, checks.backend):
        found = check(machine)
        assert (found.state, found.exit_code) == ("problem", 78)
        assert "drsn-export --target trt --bundle" in found.remedy
    assert ("degraded" in checks.backend(machine).text) == (backend == "auto")


def test_a_broken_bundle_stops_what_needs_it(subject: Callable, tmp_path: Path):
    machine = subject(backend="tensorrt", bundle=tmp_path / "nowhere")
    for found in (checks.engine(machine), checks.backend(machine)):
        assert (found.state, found.text) == ("unneeded", "not tested: the bundle cannot be used")
