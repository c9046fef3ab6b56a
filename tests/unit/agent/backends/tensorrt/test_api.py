"""Every name of TensorRT that the sources use exists in every version that is claimed, or where it is said to."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[5]
API = ROOT / "tests" / "fixtures" / "tensorrt_api"
CLAIMED = ("10.3.0", "10.7.0", "10.13.3", "10.16.1", "11.4.0", "rtx-1.7.1")
NAMES = {version: json.loads((API / f"{version}.json").read_text(encoding="utf-8")) for version in CLAIMED}
SOURCES = [
    ROOT / "agent" / "backends" / "tensorrt" / "compat.py",
    ROOT / "agent" / "backends" / "tensorrt" / "engine.py",
    ROOT / "export" / "plan_from_onnx.py",
    ROOT / "export" / "build_progress.py",
]
# What the sources call TensorRT's objects; the rule is kept by reading them.
OBJECTS = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "cache": "ITimingCache",
    "_runtime": "Runtime",
    "_engine": "ICudaEngine",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
}
OTHER_FILES = {"engine.py": {"config": "IRuntimeConfig"}}
RTX = {"rtx-1.7.1"}
# Names that some versions lack, with those that have them; the sources ask hasattr, or the flavour, before.
SOME_ONLY = {
    ("top", "ComputeCapability"): RTX,
    ("IBuilderConfig", "num_compute_capabilities"): RTX,
    ("IBuilderConfig", "set_compute_capability"): RTX,
    ("top", "CudaGraphStrategy"): RTX,
    ("top", "DynamicShapesKernelSpecializationStrategy"): RTX,
    ("CudaGraphStrategy", "WHOLE_GRAPH_CAPTURE"): RTX,
    ("CudaGraphStrategy", "DISABLED"): RTX,
    ("DynamicShapesKernelSpecializationStrategy", "EAGER"): RTX,
    ("IRuntimeConfig", "dynamic_shapes_kernel_specialization_strategy"): RTX,
    ("IRuntimeConfig", "cuda_graph_strategy"): RTX,
    ("ICudaEngine", "create_runtime_config"): {"10.13.3", "10.16.1", "11.4.0", "rtx-1.7.1"},
}
PYTHON = {"__version__", "__file__", "__init__", "__name__"}
NUMPY_TYPES = {"float32", "float16"}
"""Attributes that the Python package itself adds, in every version: tensorrt.float32 is DataType.FLOAT."""


def is_module(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "module") or (
        isinstance(node, ast.Name) and node.id == "module"
    )


def class_of(node: ast.AST, aliases: dict[str, str], objects: dict[str, str]) -> str | None:
    """Which of TensorRT's classes an expression is, None for what is not TensorRT's."""
    if is_module(node):
        return "top"
    if isinstance(node, ast.Attribute) and is_module(node.value):
        return node.attr
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_error":
        return "ParserError"
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return aliases.get(name) or objects.get(name)


def used(path: Path) -> set[tuple[str, str]]:
    """(class, name) of all that a source asks of TensorRT, `hasattr` among it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    objects = {**OBJECTS, **OTHER_FILES.get(path.name, {})}
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        aliases = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                targets, values = node.targets[0], node.value
                pairs = (
                    zip(targets.elts, values.elts, strict=True)
                    if isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple)
                    else [(targets, values)]
                )
                for target, value in pairs:
                    if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and is_module(value.value):
                        aliases[target.id] = value.attr
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                owner = class_of(node.value, aliases, objects)
                found.add((owner, node.attr))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr":
                found.add((class_of(node.args[0], aliases, objects), node.args[1].value))
    return {(owner, name) for owner, name in found if owner is not None and name not in PYTHON}


def has(version: str, owner: str, name: str) -> bool:
    names = NAMES[version]
    if owner == "top":
        return name in names["top"] or name in NUMPY_TYPES
    return name in names.get(owner, ())


USED = sorted(set().union(*map(used, SOURCES)))


def test_the_scan_sees_what_it_is_for():
    """A scan that finds nothing would prove nothing."""
    assert {
        ("Builder", "build_serialized_network"),
        ("OnnxParser", "parse"),
        ("ParserError", "desc"),
        ("IBuilderConfig", "set_timing_cache"),
        ("BuilderFlag", "TF32"),
        ("Runtime", "deserialize_cuda_engine"),
        ("IExecutionContext", "execute_async_v3"),
        ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
        ("IBuilderConfig", "progress_monitor"),
        ("ICudaEngine", "get_tensor_profile_shape"),
        ("top", "OnnxParser"),
        ("top", "ILogger"),
    } <= set(USED)


@pytest.mark.parametrize(("owner", "name"), USED, ids=".".join)
def test_every_name_exists_where_it_is_said_to(owner: str, name: str):
    there = {version for version in CLAIMED if has(version, owner, name)}
    assert there == SOME_ONLY.get((owner, name), set(CLAIMED))


def test_no_exception_is_listed_that_is_not_used():
    assert set(SOME_ONLY) <= set(USED)


def test_a_name_that_was_never_there_would_be_found(tmp_path: Path):
    source = tmp_path / "source.py"
    source.write_text("def f(trt, builder):\n    builder.max_batch_size = trt.module.Invented\n", encoding="utf-8")
    assert used(source) == {("Builder", "max_batch_size"), ("top", "Invented")}
    assert not has("10.3.0", "top", "Invented")
    assert not has("10.3.0", "Builder", "max_batch_size")


def imported(path: Path) -> set[str]:
    """Modules that a source imports, by statement or by name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
        elif isinstance(node, ast.Attribute) and node.attr in ("import_module", "find_spec"):
            found.add("importlib")
    return found


@pytest.mark.parametrize(
    "path", sorted(p for part in ("agent", "export", "model") for p in (ROOT / part).rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)  # fmt: skip
def test_compat_alone_imports_tensorrt(path: Path):
    modules = {name.partition(".")[0] for name in imported(path)}
    assert not modules & {"tensorrt", "tensorrt_rtx", "tensorrt_bindings"}
    by_name = {("tensorrt", "compat.py"), ("codecs", "__init__.py")}  # the second imports modules of its own folder
    if path.parts[-2:] not in by_name:
        assert "importlib" not in modules or "importlib.metadata" in imported(path)
