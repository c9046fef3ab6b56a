"""TensorRT's builder as far as its names go: each version has the names that its real bindings have, and no other.

Where the real one returns None, False or -1 and logs why, so does this, when told to. It builds nothing: a plan is a
header of the right version and the ONNX file. It proves control flow, never parity.
"""

# ruff: noqa: ANN401, ARG002 (the real ones have no types, and more arguments than this one needs)

from __future__ import annotations

import enum
import json
import re
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fake_tensorrt import API, MAGIC

from drsn.agent.backends.tensorrt.compat import TensorRt, _logger

ERROR = 1


@dataclass
class Builds:
    """How this TensorRT is to behave, and what it was asked for."""

    refused: dict[str, str] = field(default_factory=dict)
    """Method -> what it logs before it returns None, False or -1."""
    x: tuple[str, tuple[int, ...], str] = ("x", (-1, 1, 256), "float32")
    inputs: int = 1
    outputs: tuple[str, ...] = ("logits", "probabilities", "novelty", "embedding")
    plan: bytes | None = None
    """What is built instead of a plan of the right header."""
    parser_errors: tuple[str, ...] = ()
    """What the parser keeps to itself until it is asked."""
    stale_cache: bool = False
    """The timing cache that is given is of another device."""
    steps: int = 3
    raised: type[Exception] = TypeError
    """By constructors that give nothing."""
    asked: dict[str, Any] = field(default_factory=dict)
    log: Any = None

    def refuses(self, method: str) -> bool:
        if self.refused.get(method):
            told = f"[fake.cpp::{method}::1] {self.refused[method]}"
            self.log.log(ERROR, told)
        return method in self.refused


NULL = "pybind11::init(): factory function returned nullptr"


class _Builder:
    def __init__(self, logger: Any) -> None:
        self._logger = logger
        if self._module._builds.refuses("Builder"):
            raise self._module._builds.raised(NULL)

    def create_network(self, flags: int = 0) -> Any:
        builds = self._module._builds
        builds.asked["network"] = flags
        if builds.refuses("create_network"):
            return None
        network = self._module.INetworkDefinition()
        network._module = self._module
        network._layers = [_layer(self._module, *of) for of in LAYERS]
        return network

    def create_builder_config(self) -> Any:
        if self._module._builds.refuses("create_builder_config"):
            return None
        config = self._module.IBuilderConfig()
        config._module = self._module
        return config

    def create_optimization_profile(self) -> Any:
        if self._module._builds.refuses("create_optimization_profile"):
            return None
        profile = self._module.IOptimizationProfile()
        profile._asked = self._module._builds.asked
        return profile

    def build_serialized_network(self, network: Any, config: Any) -> Any:
        builds = self._module._builds
        builds.asked["layers"], builds.asked["config"] = network._layers, config
        monitor = getattr(config, "progress_monitor", None)
        if monitor is not None:
            monitor.phase_start("Building engine", None, builds.steps)
            going = all(monitor.step_complete("Building engine", step) for step in range(builds.steps))
            monitor.phase_finish("Building engine")
            if not going:
                return None
        if builds.refuses("build_serialized_network"):
            return None
        version = bytes((*self._module._version, 0, 0, 0, 0)[:4])
        return MAGIC[self._module._flavour] + bytes(20) + version + b"weights" if builds.plan is None else builds.plan


# Name of a type of layer, of what it gives: as a network with float16 between float32 has them.
LAYERS = (("REDUCE", "float32"), ("CAST", "float16"), ("CONVOLUTION", "float16"), ("CONSTANT", "float32"))


def _layer(module: Any, kind: str, dtype: str) -> Any:
    layer = module.ILayer()
    layer._types, layer._dtype = {}, getattr(module, dtype)
    layer.type = getattr(module.LayerType, kind)
    return layer


class _Layer:
    precision: Any = None
    num_outputs = 1

    def get_output(self, index: int) -> Any:
        return SimpleNamespace(dtype=self._dtype)

    def set_output_type(self, index: int, dtype: Any) -> None:
        self._types[index] = dtype


class _Network:
    @property
    def num_inputs(self) -> int:
        return self._module._builds.inputs

    @property
    def num_outputs(self) -> int:
        return len(self._module._builds.outputs)

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def get_layer(self, index: int) -> Any:
        return self._layers[index]

    def get_input(self, index: int) -> Any:
        name, shape, dtype = self._module._builds.x
        return SimpleNamespace(name=name, shape=shape, dtype=getattr(self._module, dtype))

    def get_output(self, index: int) -> Any:
        return SimpleNamespace(name=self._module._builds.outputs[index])


class _Parser:
    def __init__(self, network: Any, logger: Any) -> None:
        self._module = network._module
        self.num_errors = len(self._module._builds.parser_errors)
        if self._module._builds.refuses("OnnxParser"):
            raise self._module._builds.raised(NULL)

    def parse(self, model: bytes) -> bool:
        if self._module._builds.refuses("parse"):
            return False
        self._module._builds.asked["model"] = model
        return True

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: self._module._builds.parser_errors[index])


class _Profile:
    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:  # noqa: A002 (the real names)
        self._asked["profile"] = (input, min, opt, max)


class _Config:
    builder_optimization_level = 3
    progress_monitor: Any = None

    @property
    def _asked(self) -> dict[str, Any]:
        return self._module._builds.asked

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._asked["workspace"] = (pool.name, pool_size)

    def set_preview_feature(self, feature: Any, enable: bool) -> None:  # noqa: FBT001 (the real signature)
        self._asked.setdefault("preview", {})[feature.name] = enable

    def set_flag(self, flag: Any) -> None:
        self._asked.setdefault("set", []).append(flag.name)

    def clear_flag(self, flag: Any) -> None:
        self._asked.setdefault("cleared", []).append(flag.name)

    def add_optimization_profile(self, profile: Any) -> int:
        return -1 if self._module._builds.refuses("add_optimization_profile") else 0

    def create_timing_cache(self, serialized_timing_cache: bytes) -> Any:
        if self._module._builds.refuses("create_timing_cache"):
            return None
        return SimpleNamespace(content=serialized_timing_cache, serialize=lambda: b"measured")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:  # noqa: FBT001 (the real signature)
        assert ignore_mismatch is False
        if self._module._builds.stale_cache and cache.content:
            self._module._builds.log.log(ERROR, "the cache is of another device")
            return False
        self._cache = cache
        return not self._module._builds.refuses("set_timing_cache")

    def get_timing_cache(self) -> Any:
        return self._cache

    def set_compute_capability(self, compute_capability: Any, index: int) -> bool:
        self._asked.setdefault("capabilities", []).append(compute_capability.name)
        return True


class _Monitor:
    """Subclassed by the build."""


CLASSES = {
    "Builder": _Builder,
    "INetworkDefinition": _Network,
    "ILayer": _Layer,
    "OnnxParser": _Parser,
    "IOptimizationProfile": _Profile,
    "IBuilderConfig": _Config,
    "IProgressMonitor": _Monitor,
    "ILogger": _Monitor,
}
ENUMS = (
    "NetworkDefinitionCreationFlag",
    "BuilderFlag",
    "MemoryPoolType",
    "LayerType",
    "ComputeCapability",
    "PreviewFeature",
)


def fake(version: str, builds: Builds) -> TensorRt:
    """A TensorRT of one of `fake_tensorrt.VERSIONS`, loaded."""
    names = json.loads((API / f"{version}.json").read_text(encoding="utf-8"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", version))
    flavour = "tensorrt-rtx" if version.startswith("rtx") else "tensorrt"
    module = SimpleNamespace(_builds=builds, _flavour=flavour, _version=numbers, float32="float32", float16="float16")
    for name in ENUMS:
        if name in names["top"]:
            members = [member for member in names[name] if member.isupper() or member.startswith("SM")]
            setattr(module, name, enum.IntEnum(name, members, start=0))
    for name, kind in CLASSES.items():
        if name in names["top"]:
            kept = {key: value for key, value in vars(kind).items() if key in names[name] or key.startswith("_")}
            dropped = ("__dict__", "__weakref__")
            setattr(module, name, type(name, (), {key: kept[key] for key in kept if key not in dropped}))
    module.Builder._module = module
    errors: deque[str] = deque(maxlen=16)
    builds.log = _logger(module, errors)
    return TensorRt(module, flavour, numbers, f"/fake/{version}", builds.log, errors)
