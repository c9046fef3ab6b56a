"""Build a TensorRT engine file with its sidecar from a bundle's ONNX. Base install: no torch, no onnx.

The steps stand in their order. Nothing is written before the engine has passed its golden windows.
"""

from __future__ import annotations

import hashlib
import os
import resource
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt import cuda
from drsn.agent.backends.tensorrt.engine_file import engine_file_name, slug
from drsn.agent.backends.tensorrt.engine_search import Platform, fitting_engines
from drsn.agent.backends.tensorrt.flavour import FLAVOUR_OF, Flavour, Target
from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import NETWORK, Sidecar, sidecar_path
from drsn.agent.backends.tensorrt.version import version_text
from drsn.export.engine_artifacts import check_golden
from drsn.export.plan_from_onnx import BuilderOptions, plan_from_onnx
from drsn.model.errors import BundleError, StorageError, UnavailableError, UsageError
from drsn.model.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.engine_file import EngineFile
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.export.build_progress import BuildProgress
    from drsn.export.plan_from_onnx import BuiltPlan
    from drsn.model.bundle import Bundle
    from drsn.model.contract import Parity

    CheckGolden = Callable[[TensorRt, tuple[int, int], bytes, Bundle, BuilderOptions], tuple[Parity, ...]]

"""--target -> flavour of TensorRT."""

MAX_CACHE_BYTES = 64 << 20
ON_THE_DEVICE = "an engine is built on the device that runs it: an NVIDIA Jetson, or a PC with its driver"


@dataclass(frozen=True)
class EngineOptions:
    """Options of an engine build, as the command line gives them."""

    target: Target
    """`trt` or `trt-rtx`."""
    builder: BuilderOptions = field(default_factory=BuilderOptions)
    timing_cache: Path | None = None
    """None: in the folder of the engines, by device and version."""
    if_needed: bool = False
    """Keep an existing engine that fits instead of building."""

    @property
    def flavour(self) -> Flavour:
        """TensorRT or TensorRT-RTX."""
        return FLAVOUR_OF[self.target]


@dataclass(frozen=True)
class BuildResult:
    """The engine file after a build, with its sidecar."""

    path: Path
    sidecar: Sidecar
    built: bool
    """False: an existing engine fits and was kept."""
    cache_used: bool = False


def engine_from_onnx(
    bundle: Bundle, engine_dir: Path, options: EngineOptions, progress: BuildProgress, check: CheckGolden = check_golden
) -> BuildResult:
    """Build, check on the golden windows if there is a GPU, write.

    Raises:
        UnavailableError: no GPU, no TensorRT, or TensorRT can't build it; the text names all that is missing.
        BundleError: the bundle has no such network, TensorRT can't read it, or the engine fails its golden windows.
        UsageError: an option is impossible.
        StorageError: the engine can't be written; no part of it is left.
    """
    builder = options.builder
    device, trt = device_and_library(options.target, builder.compute_capabilities)
    model, network = _network(bundle, builder, trt)
    if options.if_needed and device is not None:
        existing = _existing(bundle, engine_dir, builder, Platform(options.flavour, trt.version, device))
        if existing is not None:
            return BuildResult(existing.path, existing.sidecar, built=False)
    _make_folder(engine_dir)
    cache_path = options.timing_cache or engine_dir / _cache_name(trt, device)
    started_s = time.monotonic()
    built = plan_from_onnx(trt, model, bundle.contract, builder, _read_cache(cache_path), progress)
    build_s = time.monotonic() - started_s
    parity = () if device is None else check(trt, device.cuda, built.plan, bundle, builder)
    sidecar = _sidecar(bundle, builder, device, network, built, parity, build_s)
    path = _write(engine_dir, sidecar, built, cache_path)
    return BuildResult(path, sidecar, built=True, cache_used=built.cache_used)


def device_and_library(target: Target, compute_capabilities: tuple[str, ...]) -> tuple[cuda.Device | None, TensorRt]:
    """Return the GPU to build for (None if compute capabilities are named) and the TensorRT library.

    Raises:
        UsageError: it is not clear for which GPU to build.
        UnavailableError: names GPU and library if both are missing, because installing either takes a while.
    """
    found, missing = cuda.probe(), []
    device = found if isinstance(found, cuda.Device) else None
    if target == "trt" and compute_capabilities:
        raise UsageError("--compute-capability goes with --target trt-rtx: TensorRT builds for the GPU that is here")
    if target == "trt-rtx" and device is None and not compute_capabilities:
        raise UsageError("--target trt-rtx: no GPU is here, so name what to build for: --compute-capability 8.6,8.9")
    if target == "trt" and isinstance(found, cuda.NoDevice):
        missing.append(f"{found.reason} ({ON_THE_DEVICE})")
    try:
        trt = trt_compat.load(FLAVOUR_OF[target])
    except UnavailableError as error:
        missing.append(str(error))
    if missing:
        raise UnavailableError(f"--target {target}: {'; '.join(missing)}")
    return (None if compute_capabilities else device), trt


def _network(bundle: Bundle, builder: BuilderOptions, trt: TensorRt) -> tuple[bytes, str]:
    """The bundle's network of the requested precision, and the name of its file."""
    name = NETWORK[builder.precision]
    if name not in bundle.files:
        raise BundleError(
            f"bundle {bundle.path}: has no {name}, and {trt.title} takes its precision from the network; "
            "use --precision fp32, or export the bundle again from its checkpoint"
        )
    return bundle.read(name), name


def _existing(bundle: Bundle, engine_dir: Path, builder: BuilderOptions, platform: Platform) -> EngineFile | None:
    """Find an engine with the same options. Its file time becomes now, because the agent takes the newest engine."""
    try:
        for place, found in enumerate(fitting_engines(engine_dir, bundle, platform, builder.batch.max)):
            if _same_options(found.sidecar, builder) and _undamaged(found):
                if place:
                    os.utime(found.path)
                return found
    except OSError as error:
        raise StorageError(f"engines {engine_dir}: {error}; give another --engine-dir") from None
    return None


def _same_options(sidecar: Sidecar, builder: BuilderOptions) -> bool:
    names = ("precision", "strict", "batch", "workspace_bytes", "opt_level")
    return all(getattr(sidecar, name) == getattr(builder, name) for name in names)


def _undamaged(found: EngineFile) -> bool:
    try:
        found.read()
    except BundleError:
        return False  # damaged since it was built: it will be built again
    return True


def _make_folder(path: Path) -> None:
    """Make the folder and check that it is writable: before minutes of building, not after them."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"engines {path}: can't make the folder ({error}); give another --engine-dir") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise StorageError(f"engines {path}: this user may not write there; give another --engine-dir")


def _cache_name(trt: TensorRt, device: cuda.Device | None) -> str:
    """Name of the timing cache by device and version, because timings hold only for one device and version."""
    return f"timing-{slug('none' if device is None else device.name)}-{trt.text}.cache"


def _read_cache(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_CACHE_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StorageError(f"timing cache {path}: {error.strerror or error}; give another --timing-cache") from None
    return content if len(content) <= MAX_CACHE_BYTES else b""


def _sidecar(
    bundle: Bundle,
    builder: BuilderOptions,
    device: cuda.Device | None,
    network: str,
    built: BuiltPlan,
    parity: tuple[Parity, ...],
    build_s: float,
) -> Sidecar:
    flavour, version = parse_header(built.plan)
    of_device = () if device is None else (version_text(device.compute_capability),)
    return Sidecar(
        flavour=flavour,
        tensorrt=version_text(version),
        gpu=None if device is None else device.name,
        compute_capabilities=builder.compute_capabilities or of_device,
        l4t=trt_compat.jetson_linux(),
        cuda=None if device is None else version_text(device.cuda),
        batch=builder.batch,
        precision=builder.precision,
        strict=builder.strict,
        network=network,
        onnx_sha256=hashlib.sha256(bundle.read(network)).hexdigest(),
        bundle_sha256=bundle.sha256,
        plan_sha256=hashlib.sha256(built.plan).hexdigest(),
        plan_bytes=len(built.plan),
        workspace_bytes=builder.workspace_bytes,
        opt_level=builder.opt_level,
        parity=parity,
        build_s=round(build_s, 3),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # Linux counts in KiB
        created=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _write(engine_dir: Path, sidecar: Sidecar, built: BuiltPlan, cache_path: Path) -> Path:
    """Write the plan first: the agent never takes a plan without its sidecar, or with an older one."""
    gpu = sidecar.gpu or "-".join(f"sm{capability.replace('.', '')}" for capability in sidecar.compute_capabilities)
    name = engine_file_name(sidecar.bundle_sha256, gpu, sidecar.tensorrt, sidecar.precision, sidecar.flavour)
    path = engine_dir / name
    try:
        write_whole(path, built.plan, 0o644)
        write_whole(sidecar_path(path), sidecar.model_dump_json(indent=1).encode(), 0o644)
        if built.timing_cache is not None:
            write_whole(cache_path, built.timing_cache, 0o644)
    except OSError as error:
        raise StorageError(f"engine {path}: {error.strerror or error}; give another --engine-dir") from None
    return path
