"""A TensorRT in plain Python: each version has the names that its real bindings have, and no others.

The names are in tests/fixtures/tensorrt_api. The runtime computes with ONNX Runtime on the memory of `fake_cuda`; the
builder builds nothing: its plan is a header of the right version and the ONNX file. Where the real library returns
None, False or -1 and logs the reason, this one does so on request. It tests control flow, never parity.
"""

# ruff: noqa: ANN401, ARG002 (the real ones have no types, and more arguments than this one needs)

from __future__ import annotations

import enum
import json
import re
import struct
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from drsn.agent.backends.tensorrt import compat
from drsn.agent.backends.tensorrt.compat import TensorRt, _logger
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tensorrt.plan_header import HEADER_BYTES, parse_header

if TYPE_CHECKING:
    import pytest
    from fake_cuda import Gpu

API = Path(__file__).parent / "fixtures" / "tensorrt_api"
VERSIONS = ("10.3.0", "10.7.0", "10.13.3", "10.16.1", "11.4.0", "rtx-1.7.1")
PROFILE = struct.Struct("<3I")
"""The batch sizes min, opt and max, between a plan's header and its ONNX file."""

INTERNAL_ERROR, ERROR = 0, 1
LOAD = compat.load
NULL = "pybind11::init(): factory function returned nullptr"


@dataclass
class Behaviour:
    """How the runtime behaves."""

    gpu: Gpu
    refused: set[str] = field(default_factory=set)
    """Methods that return None or False and log an error."""
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


@dataclass
class Builds:
    """How the builder behaves, and what it was asked for."""

    refused: dict[str, str] = field(default_factory=dict)
    """Method -> what it logs before it returns None, False or -1."""
    x: tuple[str, tuple[int, ...], str] = ("x", (-1, 1, 256), "float32")
    inputs: int = 1
    outputs: tuple[str, ...] = ("logits", "probabilities", "novelty", "embedding")
    plan: bytes | None = None
    """What is built instead of a plan with the right header."""
    parser_errors: tuple[str, ...] = ()
    """What the parser tells only through `get_error`."""
    stale_cache: bool = False
    """The timing cache that is given is of another device."""
    steps: int = 3
    raised: type[Exception] = TypeError
    """What a constructor raises instead of returning nothing."""
    asked: dict[str, Any] = field(default_factory=dict)
    log: Any = None

    def refuses(self, method: str) -> bool:
        if self.refused.get(method):
            told = f"[fake.cpp::{method}::1] {self.refused[method]}"
            self.log.log(ERROR, told)
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
        flavour, version = parse_header(serialized_engine)
        if (flavour, version[:3]) != (module._flavour, module._version[:3]):
            self._logger.log(INTERNAL_ERROR, "[x] Error Code 1: Serialization assertion failed: version mismatch")
            return None
        engine = module.ICudaEngine()
        model = serialized_engine[HEADER_BYTES + PROFILE.size :]
        engine._behaviour, engine._module = behaviour, module
        engine._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        engine._profile = PROFILE.unpack_from(serialized_engine, HEADER_BYTES)
        engine._nodes = [
            *engine._session.get_outputs(),
            *engine._session.get_inputs(),
        ]  # not in the order one hopes for
        return engine


class _Engine:
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
        return context


class _RuntimeConfig:
    dynamic_shapes_kernel_specialization_strategy: Any = None
    cuda_graph_strategy: Any = None


class _Context:
    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self._engine._profile
        if self._engine._behaviour.refuses("set_input_shape") or not least <= shape[0] <= most:
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


class _Builder:
    def __init__(self, logger: Any) -> None:
        self._logger = logger
        if self._module._behaviour.refuses("Builder"):
            raise self._module._behaviour.raised(NULL)

    def create_network(self, flags: int = 0) -> Any:
        builds = self._module._behaviour
        builds.asked["network"] = flags
        if builds.refuses("create_network"):
            return None
        network = self._module.INetworkDefinition()
        network._module = self._module
        return network

    def create_builder_config(self) -> Any:
        if self._module._behaviour.refuses("create_builder_config"):
            return None
        config = self._module.IBuilderConfig()
        config._module = self._module
        return config

    def create_optimization_profile(self) -> Any:
        if self._module._behaviour.refuses("create_optimization_profile"):
            return None
        profile = self._module.IOptimizationProfile()
        profile._asked = self._module._behaviour.asked
        return profile

    def build_serialized_network(self, network: Any, config: Any) -> Any:
        builds = self._module._behaviour
        builds.asked["config"] = config
        monitor = config.progress_monitor
        monitor.phase_start("Building engine", None, builds.steps)
        going = all(monitor.step_complete("Building engine", step) for step in range(builds.steps))
        monitor.phase_finish("Building engine")
        if not going:
            return None
        if builds.refuses("build_serialized_network"):
            return None
        if builds.plan is not None:
            return builds.plan
        version = bytes((*self._module._version, 0, 0, 0, 0)[:4])
        return FLAVOURS[self._module._flavour].magic + bytes(20) + version + b"weights"


class _Network:
    @property
    def num_inputs(self) -> int:
        return self._module._behaviour.inputs

    @property
    def num_outputs(self) -> int:
        return len(self._module._behaviour.outputs)

    def get_input(self, index: int) -> Any:
        name, shape, dtype = self._module._behaviour.x
        return SimpleNamespace(name=name, shape=shape, dtype=getattr(self._module, dtype))

    def get_output(self, index: int) -> Any:
        return SimpleNamespace(name=self._module._behaviour.outputs[index])


class _Parser:
    def __init__(self, network: Any, logger: Any) -> None:
        self._module = network._module
        self.num_errors = len(self._module._behaviour.parser_errors)
        if self._module._behaviour.refuses("OnnxParser"):
            raise self._module._behaviour.raised(NULL)

    def parse(self, model: bytes) -> bool:
        if self._module._behaviour.refuses("parse"):
            return False
        self._module._behaviour.asked["model"] = model
        return True

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: self._module._behaviour.parser_errors[index])


class _Profile:
    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:  # noqa: A002 (the real names)
        self._asked["profile"] = (input, min, opt, max)


class _BuilderConfig:
    builder_optimization_level = 3
    progress_monitor: Any = None

    @property
    def _asked(self) -> dict[str, Any]:
        return self._module._behaviour.asked

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._asked["workspace"] = (pool.name, pool_size)

    def clear_flag(self, flag: Any) -> None:
        self._asked.setdefault("cleared", []).append(flag.name)

    def add_optimization_profile(self, profile: Any) -> int:
        return -1 if self._module._behaviour.refuses("add_optimization_profile") else 0

    def create_timing_cache(self, serialized_timing_cache: bytes) -> Any:
        if self._module._behaviour.refuses("create_timing_cache"):
            return None
        return SimpleNamespace(content=serialized_timing_cache, serialize=lambda: b"measured")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:  # noqa: FBT001 (the real signature)
        assert ignore_mismatch is False
        if self._module._behaviour.stale_cache and cache.content:
            self._module._behaviour.log.log(ERROR, "the cache is of another device")
            return False
        self._cache = cache
        return not self._module._behaviour.refuses("set_timing_cache")

    def get_timing_cache(self) -> Any:
        return self._cache

    def set_compute_capability(self, compute_capability: Any, index: int) -> bool:
        self._asked.setdefault("capabilities", []).append(compute_capability.name)
        return True


class _Enum(int, enum.Enum):
    """pybind11's enumerations are numbers, and print as names."""

    __str__ = enum.Enum.__str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)  # Python 3.10 would print the number


class _Subclassed:
    """ILogger and IProgressMonitor: the sources derive their own class."""


CLASSES = {
    "Runtime": _Runtime,
    "ICudaEngine": _Engine,
    "IExecutionContext": _Context,
    "IRuntimeConfig": _RuntimeConfig,
    "Builder": _Builder,
    "INetworkDefinition": _Network,
    "OnnxParser": _Parser,
    "IOptimizationProfile": _Profile,
    "IBuilderConfig": _BuilderConfig,
    "IProgressMonitor": _Subclassed,
    "ILogger": _Subclassed,
}
ENUMS = (
    "TensorIOMode",
    "DataType",
    "CudaGraphStrategy",
    "DynamicShapesKernelSpecializationStrategy",
    "NetworkDefinitionCreationFlag",
    "BuilderFlag",
    "MemoryPoolType",
    "ComputeCapability",
)


def fake(version: str, behaviour: Behaviour | Builds) -> TensorRt:
    """A TensorRT of one of `VERSIONS`, loaded: a runtime for a `Behaviour`, a builder for `Builds`."""
    names = json.loads((API / f"{version}.json").read_text(encoding="utf-8"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", version))
    flavour = "tensorrt-rtx" if version.startswith("rtx") else "tensorrt"
    module = SimpleNamespace(
        _behaviour=behaviour, _flavour=flavour, _version=numbers, float32="float32", float16="float16"
    )
    for name in {*ENUMS} & {*names["top"]}:
        members = [member for member in names[name] if member.isupper() or member.startswith("SM")]
        setattr(module, name, _Enum(name, members, start=0))
    for name in {*CLASSES} & {*names["top"]}:
        kept = {
            key: value
            for key, value in vars(CLASSES[name]).items()
            if key in names[name] or (key.startswith("_") and key not in ("__dict__", "__weakref__"))
        }
        setattr(module, name, type(name, (), kept))
    module.Runtime._module = module.Builder._module = module
    errors: deque[str] = deque(maxlen=16)
    behaviour.log = _logger(module, errors)
    return TensorRt(module, flavour, numbers, f"/fake/{version}", behaviour.log, errors)


def install_outdated(patch: pytest.MonkeyPatch) -> None:
    """Python has the TensorRT of JetPack 6.0, and loads it as if for the first time."""
    module = ModuleType("tensorrt")
    module.__version__, module.__file__ = "8.6.2", "/usr/lib/python3/dist-packages/tensorrt/__init__.py"
    patch.setitem(sys.modules, "tensorrt", module)
    patch.setattr(compat, "load", LOAD.__wrapped__)
