"""A bundle's ONNX -> a TensorRT engine with its sidecar, beside the bundle. Base install: no torch, no onnx.

The steps in their order; nothing is written before all of it is known to be right.
"""

from __future__ import annotations

import hashlib
import os
import resource
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt import cuda
from drsn.agent.backends.tensorrt.engine_file import engine_file_name, slug
from drsn.agent.backends.tensorrt.engine_search import Platform, fitting_engines
from drsn.agent.backends.tensorrt.flavour import FLAVOUR_OF, Target
from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import DEFAULT_BATCH, NETWORK, Sidecar, sidecar_path
from drsn.agent.backends.tensorrt.version import version_text
from drsn.export.engines import proven
from drsn.export.plan_from_onnx import Wishes, plan_from_onnx
from drsn.model.errors import BundleError, StorageError, UnavailableError, UsageError
from drsn.model.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.engine_file import EngineFile
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.backends.tensorrt.sidecar import BatchRange, Precision
    from drsn.export.build_watch import Watch
    from drsn.export.plan_from_onnx import Built
    from drsn.model.bundle import Bundle
    from drsn.model.contract import Parity

    Prove = Callable[[TensorRt, tuple[int, int], bytes, Bundle, "Order"], tuple[Parity, ...]]

MAX_CACHE_BYTES = 64 << 20
ON_THE_DEVICE = "an engine is built on the device that runs it: an NVIDIA Jetson, or a PC with its driver"
DEFAULT_WORKSPACE_BYTES = 256 << 20


@dataclass(frozen=True)
class Order:
    """What the command line asks for."""

    target: Target
    bundle: Bundle
    engine_dir: Path
    precision: Precision = "fp32"
    batch: BatchRange = DEFAULT_BATCH
    workspace_bytes: int = DEFAULT_WORKSPACE_BYTES
    opt_level: int | None = None
    timing_cache: Path | None = None
    """None: in `engine_dir`, by device and version."""
    strict: bool = False
    compute_capabilities: tuple[str, ...] = ()
    if_needed: bool = False
    """Keep an engine that fits."""

    @property
    def flavour(self) -> Flavour:
        """Which TensorRT."""
        return FLAVOUR_OF[self.target]


@dataclass(frozen=True)
class Engine:
    """What lies there now."""

    path: Path
    sidecar: Sidecar
    built: bool
    """Whether it was built now; False: it was there, and fits."""
    cache_used: bool = False


def engine_from_onnx(order: Order, watch: Watch, prove: Prove = proven) -> Engine:
    """Build, prove on the golden windows where a GPU is, write.

    Raises:
        UnavailableError: no GPU, no TensorRT, or TensorRT can't build it; one line says all that is missing.
        BundleError: the bundle has no such network, TensorRT can't read it, or the engine fails its golden windows.
        UsageError: an option is impossible.
        StorageError: the engine can't be written; no part of it is left.
    """
    device, trt = here(order.target, order.compute_capabilities)
    model, network = _network(order, trt)
    if order.if_needed and device is not None:
        there = _there(order, Platform(order.flavour, trt.version, device))
        if there is not None:
            return Engine(there.path, there.sidecar, built=False)
    _folder(order.engine_dir)
    cache_path = order.timing_cache or order.engine_dir / _cache_name(trt, device)
    started_s = time.monotonic()
    wishes = Wishes(
        order.batch, order.precision, order.workspace_bytes, order.opt_level, order.strict, order.compute_capabilities
    )
    built = plan_from_onnx(trt, model, order.bundle.contract, wishes, _read_cache(cache_path), watch)
    build_s = time.monotonic() - started_s
    parity = () if device is None else prove(trt, device.cuda, built.plan, order.bundle, order)
    sidecar = _sidecar(order, device, network, hashlib.sha256(model).hexdigest(), built, parity, build_s)
    path = _written(order, sidecar, built, cache_path)
    return Engine(path, sidecar, built=True, cache_used=built.cache_used)


def here(target: Target, compute_capabilities: tuple[str, ...]) -> tuple[cuda.Device | None, TensorRt]:
    """The GPU to build for, None for those that are named, and the library.

    Raises:
        UsageError: it is not clear for which GPU.
        UnavailableError: all that is missing, at once: to put either right takes a while.
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


def _network(order: Order, trt: TensorRt) -> tuple[bytes, str]:
    """The bundle's network of the wanted precision, and its file's name."""
    name = NETWORK[order.precision]
    if name not in order.bundle.files:
        raise BundleError(
            f"bundle {order.bundle.path}: has no {name}, and {trt.title} takes its precision from the network; "
            "use --precision fp32, or export the bundle again from its checkpoint"
        )
    return order.bundle.read(name), name


def _there(order: Order, platform: Platform) -> EngineFile | None:
    """An engine that was built as is asked for now; from here on it is the newest, which is the one the agent takes."""
    try:
        for place, found in enumerate(fitting_engines(order.engine_dir, order.bundle, platform, order.batch.max)):
            if _as_ordered(found.sidecar, order) and _undamaged(found):
                if place:
                    os.utime(found.path)
                return found
    except OSError as error:
        raise StorageError(f"engines {order.engine_dir}: {error}; give another --engine-dir") from None
    return None


def _as_ordered(sidecar: Sidecar, order: Order) -> bool:
    names = ("precision", "strict", "batch", "workspace_bytes", "opt_level")
    return all(getattr(sidecar, name) == getattr(order, name) for name in names)


def _undamaged(found: EngineFile) -> bool:
    try:
        found.read()
    except BundleError:
        return False  # damaged since it was built: built again
    return True


def _folder(path: Path) -> None:
    """Before minutes of building, not after them."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"engines {path}: can't make the folder ({error}); give another --engine-dir") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise StorageError(f"engines {path}: this user may not write there; give another --engine-dir")


def _cache_name(trt: TensorRt, device: cuda.Device | None) -> str:
    """What was measured on one device with one version says nothing of another."""
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
    order: Order,
    device: cuda.Device | None,
    network: str,
    onnx_sha256: str,
    built: Built,
    parity: tuple[Parity, ...],
    build_s: float,
) -> Sidecar:
    _flavour, version = parse_header(built.plan)
    here = () if device is None else (version_text(device.compute_capability),)
    return Sidecar(
        flavour=order.flavour,
        tensorrt=version_text(version),
        gpu=None if device is None else device.name,
        compute_capabilities=order.compute_capabilities or here,
        l4t=trt_compat.jetson_linux(),
        cuda=None if device is None else version_text(device.cuda),
        batch=order.batch,
        precision=order.precision,
        strict=order.strict,
        network=network,
        onnx_sha256=onnx_sha256,
        bundle_sha256=order.bundle.sha256,
        plan_sha256=hashlib.sha256(built.plan).hexdigest(),
        plan_bytes=len(built.plan),
        workspace_bytes=order.workspace_bytes,
        opt_level=order.opt_level,
        parity=parity,
        build_s=round(build_s, 3),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # Linux counts in KiB
        created=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _written(order: Order, sidecar: Sidecar, built: Built, cache_path: Path) -> Path:
    """The plan first: a plan without its sidecar, or with an older one, is never taken."""
    gpu = sidecar.gpu or "-".join(f"sm{capability.replace('.', '')}" for capability in sidecar.compute_capabilities)
    name = engine_file_name(sidecar.bundle_sha256, gpu, sidecar.tensorrt, sidecar.precision, sidecar.flavour)
    path = order.engine_dir / name
    try:
        write_whole(path, built.plan, 0o644)
        write_whole(sidecar_path(path), sidecar.model_dump_json(indent=1).encode(), 0o644)
        if built.timing_cache is not None:
            write_whole(cache_path, built.timing_cache, 0o644)
    except OSError as error:
        raise StorageError(f"engine {path}: {error.strerror or error}; give another --engine-dir") from None
    return path
