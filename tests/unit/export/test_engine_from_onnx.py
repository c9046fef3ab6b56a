"""This release builds no engine; it says what is missing, in one line, without torch, onnx, TensorRT or a GPU."""

from __future__ import annotations

import ctypes
import importlib.machinery
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from drsn.export import engine_from_onnx as module
from drsn.export.engine_from_onnx import Target, engine_from_onnx
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

NO_DRIVER = None
NO_GPU = 100  # CUDA_ERROR_NO_DEVICE


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """What is said on a machine with this driver (what cuInit answers, None without), these modules and this board."""

    def said(target: Target, driver: int | None, modules: tuple[str, ...] = (), *, jetson: bool = False) -> str:
        def library(_name: str) -> SimpleNamespace:
            if driver is NO_DRIVER:
                raise OSError("libcuda.so.1: cannot open shared object file")
            return SimpleNamespace(cuInit=lambda _flags: driver)

        monkeypatch.setattr(ctypes, "CDLL", library)
        for name in ("tensorrt", "tensorrt_rtx"):
            there = ModuleType(name)
            there.__spec__ = importlib.machinery.ModuleSpec(name, None)
            monkeypatch.setitem(sys.modules, name, there if name in modules else None)
        release = tmp_path / "nv_tegra_release"
        if jetson:
            release.touch()
        monkeypatch.setattr(module, "TEGRA_RELEASE", release)
        with pytest.raises(UnavailableError) as caught:
            engine_from_onnx(target)
        assert caught.value.exit_code == 69
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return said


def test_a_machine_without_both_hears_of_both(line):
    said = line("trt", NO_DRIVER)
    assert said.startswith("--target trt: no CUDA driver")
    assert "Python has no tensorrt" in said


def test_a_driver_without_a_gpu_is_told_apart_from_no_driver(line):
    assert "the CUDA driver finds no GPU (cuInit 100)" in line("trt", NO_GPU, ("tensorrt",))


def test_the_remedy_is_the_boards_own(line):
    """On a Jetson TensorRT comes from JetPack; a venv must be told to see it."""
    said = line("trt", 0, jetson=True)
    assert "this Jetson's Python has no tensorrt" in said
    assert "python3-libnvinfer" in said
    assert "--system-site-packages" in said
    assert "CUDA driver" not in said


def test_on_a_pc_pip_has_it(line):
    assert "pip install 'drsn-edge[trt]'" in line("trt", 0)
    assert "this Jetson" not in line("trt", 0)


def test_trt_rtx_needs_no_gpu(line):
    said = line("trt-rtx", NO_DRIVER)
    assert "CUDA" not in said
    assert "Python has no tensorrt_rtx (pip install 'drsn-edge[rtx]'" in said


@pytest.mark.parametrize(("target", "needed"), [("trt", "tensorrt"), ("trt-rtx", "tensorrt_rtx")])
def test_where_all_is_there_it_owns_up_to_what_it_cannot_do(line, target: Target, needed: str):
    said = line(target, 0, (needed,))
    assert "can't build engines yet" in said
    assert "ONNX Runtime" in said
