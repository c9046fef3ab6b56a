"""Engine files for tests: a plan that the fake TensorRT loads, with its sidecar."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING

from fake_tensorrt import PROFILE

from drsn.agent.backends.tensorrt.engine_file import engine_file_name
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tensorrt.sidecar import Sidecar, sidecar_path
from drsn.agent.backends.tensorrt.version import version_text

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.cuda import Device
    from drsn.model.bundle import Bundle


def plan_bytes(library: TensorRt, model: bytes, batch: tuple[int, int, int] = (1, 8, 32)) -> bytes:
    """A plan that `library` loads: a real header, the batch sizes, the ONNX file."""
    version = bytes((*library.version, 0, 0, 0, 0)[:4])
    return FLAVOURS[library.flavour].magic + bytes(20) + version + PROFILE.pack(*batch) + model


def write_engine(
    folder: Path,
    library: TensorRt,
    bundle: Bundle,
    device: Device,
    batch: tuple[int, int, int] = (1, 8, 32),
    **said: object,
) -> Path:
    """A plan with its sidecar, as the build leaves them; `said` changes what the sidecar says."""
    content = plan_bytes(library, bundle.read("model.onnx"), batch)
    sidecar = Sidecar(**{
        "flavour": library.flavour,
        "tensorrt": library.text,
        "gpu": device.name,
        "compute_capabilities": (version_text(device.compute_capability),),
        "batch": dict(zip(("min", "opt", "max"), batch, strict=True)),
        "precision": "fp32",
        "strict": False,
        "network": "model.onnx",
        "onnx_sha256": bundle.manifest.files["model.onnx"].sha256,
        "bundle_sha256": bundle.sha256,
        "plan_sha256": hashlib.sha256(content).hexdigest(),
        "plan_bytes": len(content),
        "workspace_bytes": 1,
        "build_s": 1.0,
        "peak_memory_bytes": 1,
        "created": "2026-01-01T00:00:00Z",
        **said,
    })  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / engine_file_name(bundle.sha256, device.name, library.text, sidecar.precision, library.flavour)
    path.write_bytes(content)
    sidecar_path(path).write_text(sidecar.model_dump_json(), encoding="utf-8")
    return path


def plan_content(magic: bytes = b"ftrt", version: tuple[int, ...] = (10, 3, 0, 30), layout: int = 0) -> bytes:
    """The header of a real plan, and some bytes after it."""
    return magic + struct.pack("<I", layout) + bytes(16) + bytes(version) + b"weights"


def lay(folder: Path, bundle: Bundle, plan: bytes | None = None, **said: object) -> Path:
    """A plan of no network with a sidecar in JSON; `said` sets any of its fields to any value."""
    plan = plan_content() if plan is None else plan
    document = {
        "flavour": "tensorrt",
        "tensorrt": "10.3.0.30",
        "gpu": "Orin",
        "compute_capabilities": ["8.7"],
        "l4t": "36.4.3",
        "cuda": "12.6",
        "batch": {"min": 1, "opt": 8, "max": 32},
        "precision": "fp32",
        "strict": False,
        "network": "model.onnx",
        "onnx_sha256": bundle.manifest.files["model.onnx"].sha256,
        "bundle_sha256": bundle.sha256,
        "plan_sha256": hashlib.sha256(plan).hexdigest(),
        "plan_bytes": len(plan),
        "workspace_bytes": 1,
        "build_s": 1.5,
        "peak_memory_bytes": 2,
        "created": "2026-01-01T00:00:00Z",
        **said,
    }
    flavour = "tensorrt-rtx" if plan.startswith(b"vtrt") else "tensorrt"
    folder.mkdir(exist_ok=True)
    path = folder / engine_file_name(bundle.sha256, "Orin", "10.3.0.30", document["precision"], flavour)
    path.write_bytes(plan)
    sidecar_path(path).write_text(json.dumps(document), encoding="utf-8")
    return path
