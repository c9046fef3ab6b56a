"""TensorRT's runtime as far as its names go: each version has the names that its real bindings have, and no other.

The names stand in tests/fixtures/tensorrt_api. Behind the tensor API computes ONNX Runtime, on the memory of
`fake_cuda`; where the real one returns None or False and logs why, so does this. It proves control flow, never parity.
"""

# ruff: noqa: ANN401 (the real ones have no types)

from __future__ import annotations

import enum
import hashlib
import json
import re
import struct
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from drsn.agent.backends.tensorrt import engine_file as plans
from drsn.agent.backends.tensorrt.compat import TensorRt, _logger

if TYPE_CHECKING:
    from fake_cuda import Gpu

    from drsn.model.bundle import Bundle

API = Path(__file__).parent / "fixtures" / "tensorrt_api"
VERSIONS = ("8.6.1", "10.3.0", "10.7.0", "10.13.3", "10.16.1", "11.4.0", "rtx-1.7.1")
MAGIC = {"tensorrt": b"ftrt", "tensorrt-rtx": b"vtrt"}
PROFILE = struct.Struct("<3I")
INTERNAL_ERROR = 0


@dataclass
class Behaviour:
    """How this TensorRT is to behave."""

    gpu: Gpu
    refused: set[str] = field(default_factory=set)
    """Methods that do nothing but return None or False and log why."""
    half: tuple[str, ...] = ()
    """Tensors that are float16."""
    nudge: float = 0.0
    """Added to every probability: an engine that computes something else."""
    renamed: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ("x",)
    log: Any = None

    def refuses(self, method: str) -> bool:
        if method in self.refused:
            told = f"[fake.cpp::{method}::1] Error Code 4: {method} is to fail"
            self.log.log(INTERNAL_ERROR, told)
        return method in self.refused


class _Runtime:
    def __init__(self, logger: Any) -> None:
        if self._module._behaviour.refuses("Runtime"):
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        module, behaviour = self._module, self._module._behaviour
        if behaviour.refuses("deserialize_cuda_engine"):
            return None
        flavour, version = plans.header(serialized_engine)
        if (flavour, version[:3]) != (module._flavour, module._version[:3]):
            self._logger.log(INTERNAL_ERROR, "[x] Error Code 1: Serialization assertion failed: version mismatch")
            return None
        engine = module.ICudaEngine()
        model = serialized_engine[plans.HEADER_BYTES + PROFILE.size :]
        engine._behaviour, engine._module = behaviour, module
        engine._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        engine._profile = PROFILE.unpack_from(serialized_engine, plans.HEADER_BYTES)
        engine._nodes = [
            *engine._session.get_outputs(),
            *engine._session.get_inputs(),
        ]  # not in the order one hopes for
        return engine


class _Engine:
    _contexts = 0

    @property
    def num_io_tensors(self) -> int:
        return len(self._nodes)

    def get_tensor_name(self, index: int) -> str:
        name = self._nodes[index].name
        return self._behaviour.renamed.get(name, name)

    def get_tensor_mode(self, name: str) -> Any:
        return self._module.TensorIOMode.INPUT if name in self._behaviour.inputs else self._module.TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        back = {new: old for old, new in self._behaviour.renamed.items()}
        node = next(node for node in self._nodes if node.name == back.get(name, name))
        return tuple(-1 if isinstance(length, str) else length for length in node.shape)

    def get_tensor_dtype(self, name: str) -> Any:
        return self._module.DataType.HALF if name in self._behaviour.half else self._module.DataType.FLOAT

    def get_tensor_bytes_per_component(self, name: str) -> int:
        return 2 if name in self._behaviour.half else 4

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        assert (name, profile_index) == ("x", 0)
        return [(size, *self.get_tensor_shape("x")[1:]) for size in self._profile]

    def create_runtime_config(self) -> Any:
        return None if self._behaviour.refuses("create_runtime_config") else self._module.IRuntimeConfig()

    def create_execution_context(self, config: Any = None) -> Any:
        if self._behaviour.refuses("create_execution_context"):
            return None
        context = self._module.IExecutionContext()
        context._engine, context._batch, context._addresses, context._config = self, None, {}, config
        # 8.6 gives the only profile to the first context; from 10 on they share it.
        context.active_optimization_profile = -1 if self._module._version[0] == 8 and self._contexts else 0
        self._contexts += 1
        return context


class _Config:
    dynamic_shapes_kernel_specialization_strategy: Any = None
    cuda_graph_strategy: Any = None


class _Context:
    active_optimization_profile = 0

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        behaviour = self._engine._behaviour
        if behaviour.refuses("set_optimization_profile_async") or stream_handle not in behaviour.gpu.streams:
            return False
        self.active_optimization_profile = profile_index
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self._engine._profile
        if self._engine._behaviour.refuses("set_input_shape") or not least <= shape[0] <= most:
            return False
        if self.active_optimization_profile < 0:
            return False
        assert (name, tuple(shape[1:])) == ("x", self._engine.get_tensor_shape("x")[1:])
        self._batch = shape[0]
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        shape = self._engine.get_tensor_shape(name)
        return shape if self._batch is None else (self._batch, *shape[1:])

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if self._engine._behaviour.refuses("set_tensor_address") or not isinstance(memory, int):
            return False
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        behaviour = self._engine._behaviour
        names = map(self._engine.get_tensor_name, range(self._engine.num_io_tensors))
        bound = set(names) == set(self._addresses)
        if behaviour.refuses("execute_async_v3") or self._batch is None or not bound:
            return False
        behaviour.gpu.queue(stream_handle, self._compute)
        return True

    def _compute(self) -> None:
        gpu, engine = self._engine._behaviour.gpu, self._engine
        shape = self.get_tensor_shape("x")
        content = gpu.buffer(self._addresses["x"], 4 * int(np.prod(shape)))
        x = np.frombuffer(content, np.float32, int(np.prod(shape))).reshape(shape)
        names = [node.name for node in engine._session.get_outputs()]
        for name, answer in zip(names, engine._session.run(names, {"x": x}), strict=True):
            moved = answer + np.float32(engine._behaviour.nudge) if name == "probabilities" else answer
            target = gpu.buffer(self._addresses[engine._behaviour.renamed.get(name, name)], moved.nbytes)
            target[: moved.nbytes] = moved.tobytes()


class _Logger:
    """Subclassed by trt_compat."""


CLASSES = {
    "Runtime": _Runtime,
    "ICudaEngine": _Engine,
    "IExecutionContext": _Context,
    "IRuntimeConfig": _Config,
    "ILogger": _Logger,
}
ENUMS = {
    "TensorIOMode": ("NONE", "INPUT", "OUTPUT"),
    "DataType": ("FLOAT", "HALF"),
    "CudaGraphStrategy": ("DISABLED", "WHOLE_GRAPH_CAPTURE"),
    "DynamicShapesKernelSpecializationStrategy": ("LAZY", "EAGER", "NONE"),
}


def fake(version: str, behaviour: Behaviour) -> TensorRt:
    """A TensorRT of one of `VERSIONS`, loaded."""
    names = json.loads((API / f"{version}.json").read_text(encoding="utf-8"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", version))
    flavour = "tensorrt-rtx" if version.startswith("rtx") else "tensorrt"
    module = SimpleNamespace(_behaviour=behaviour, _flavour=flavour, _version=numbers)
    for name in sorted({*CLASSES, *ENUMS} & set(names["top"])):
        if name in ENUMS:
            setattr(module, name, enum.Enum(name, [member for member in ENUMS[name] if member in names[name]]))
        else:
            kept = {
                key: value
                for key, value in vars(CLASSES[name]).items()
                if key in names[name] or (key.startswith("_") and key not in ("__dict__", "__weakref__"))
            }
            setattr(module, name, type(name, (), kept))
    module.Runtime._module = module
    errors: deque[str] = deque(maxlen=16)
    behaviour.log = _logger(module, errors)
    return TensorRt(module, flavour, numbers, f"/fake/{version}", behaviour.log, errors)


def plan_bytes(library: TensorRt, model: bytes, batch: tuple[int, int, int] = (1, 8, 32)) -> bytes:
    """A plan that `library` loads: a real header, the batch sizes, the ONNX file."""
    version = bytes((*library.version, 0, 0, 0, 0)[:4])
    return MAGIC[library.flavour] + bytes(20) + version + PROFILE.pack(*batch) + model


def write_engine(
    folder: Path, library: TensorRt, bundle: Bundle, device: Any, batch: tuple[int, int, int] = (1, 8, 32), **said: Any
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
