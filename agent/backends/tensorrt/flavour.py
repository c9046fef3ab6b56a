"""TensorRT and TensorRT-RTX, the two flavours of one library: every name in which they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Flavour = Literal["tensorrt", "tensorrt-rtx"]
Target = Literal["trt", "trt-rtx"]
"""Values of `drsn-export --target`."""


@dataclass(frozen=True, slots=True)
class FlavourNames:
    """The names of one flavour."""

    title: str
    module: str
    """Python module."""
    library: str
    """Begin of the shared library's file name."""
    oldest: tuple[int, ...]
    """The oldest supported version."""
    magic: bytes
    """First bytes of a plan."""
    suffix: str
    """Of a plan's file name."""
    target: Target


FLAVOURS: Final[Mapping[Flavour, FlavourNames]] = {
    # 10.3 is the TensorRT of JetPack 6.1: docs/contribute/decisions/0007-tensorrt-floor-10-3.md.
    "tensorrt": FlavourNames("TensorRT", "tensorrt", "libnvinfer.so", (10, 3), b"ftrt", ".plan", "trt"),
    "tensorrt-rtx": FlavourNames(
        "TensorRT-RTX", "tensorrt_rtx", "libtensorrt_rtx.so", (1, 0), b"vtrt", ".rtx", "trt-rtx"
    ),
}
"""In the order in which `backend = "auto"` tries them."""

FLAVOUR_OF: Final[Mapping[Target, Flavour]] = {names.target: flavour for flavour, names in FLAVOURS.items()}
