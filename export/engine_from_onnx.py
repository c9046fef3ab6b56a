"""A bundle's ONNX -> a TensorRT engine, on the device. Runs in the base install: no torch, no onnx.

This release checks what the build needs and says what is missing; it does not build yet.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from typing import Literal

from drsn.model.errors import UnavailableError

Target = Literal["trt", "trt-rtx"]

MODULES: dict[Target, tuple[str, str]] = {
    "trt": (
        "tensorrt",
        (
            "on a Jetson: sudo apt-get install python3-libnvinfer, and a venv made with --system-site-packages; "
            "on x86-64: pip install 'drsn-edge[trt]'"
        ),
    ),
    "trt-rtx": ("tensorrt_rtx", "pip install 'drsn-edge[rtx]' on x86-64"),
}
TEGRA_RELEASE = Path("/etc/nv_tegra_release")


def engine_from_onnx(target: Target) -> None:
    """Check what the build of an engine needs.

    Raises:
        UnavailableError: always in this release; one line says what is missing, or that the build is.
    """
    missing = [text for text in (_missing_driver(target), _missing_module(target)) if text is not None]
    if missing:
        raise UnavailableError(f"--target {target}: {'; '.join(missing)}")
    raise UnavailableError(
        f"--target {target}: the GPU and TensorRT are here, but this release can't build engines yet; "
        "the agent runs the same bundle on ONNX Runtime"
    )


def _missing_driver(target: Target) -> str | None:
    if target == "trt-rtx":
        return None  # built ahead of time, for a GPU that need not be here
    try:
        # Before TensorRT is touched: without a driver some of its builds crash on first use.
        result = ctypes.CDLL("libcuda.so.1").cuInit(0)
    except OSError:
        result = None
    if result == 0:
        return None
    found = "no CUDA driver" if result is None else f"the CUDA driver finds no GPU (cuInit {result})"
    return f"{found} (an engine is built on the device that runs it: an NVIDIA Jetson, or a PC with its driver)"


def _missing_module(target: Target) -> str | None:
    name, remedy = MODULES[target]
    if importlib.util.find_spec(name) is not None:
        return None
    where = "this Jetson's " if TEGRA_RELEASE.exists() else ""
    return f"{where}Python has no {name} ({remedy})"
