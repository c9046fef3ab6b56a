"""Engine files for tests: a plan that the fake TensorRT loads, with its sidecar."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fake_tensorrt import MAGIC, PROFILE

from drsn.agent.backends.tensorrt import engine_file as plans

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.cuda import Device
    from drsn.model.bundle import Bundle


def plan_bytes(library: TensorRt, model: bytes, batch: tuple[int, int, int] = (1, 8, 32)) -> bytes:
    """A plan that `library` loads: a real header, the batch sizes, the ONNX file."""
    version = bytes((*library.version, 0, 0, 0, 0)[:4])
    return MAGIC[library.flavour] + bytes(20) + version + PROFILE.pack(*batch) + model


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
    sidecar = plans.Sidecar(**{
        "flavour": library.flavour,
        "tensorrt": library.text,
        "gpu": device.name,
        "compute_capabilities": (plans.capability(device.compute_capability),),
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
    path = folder / plans.plan_name(bundle.sha256, device.name, library.text, sidecar.precision, library.flavour)
    path.write_bytes(content)
    plans.sidecar_path(path).write_text(sidecar.model_dump_json(), encoding="utf-8")
    return path
