"""Finds the engine file that fits a bundle, a GPU and a TensorRT, before TensorRT loads it.

A plan runs only on the TensorRT version and the GPU model that it was built with (TensorRT-RTX: on the named compute
capabilities); with another one the runtime stops at an assertion or computes wrong numbers. So three things must agree
before a plan is loaded: its header, its sidecar, and the platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.backends.tensorrt.engine_file import SHA_DIGITS, EngineFile, default_engine_dir
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tensorrt.plan_header import HEADER_BYTES, parse_header
from drsn.agent.backends.tensorrt.sidecar import DEFAULT_BATCH, read_sidecar
from drsn.agent.backends.tensorrt.version import parse_version, same_version, version_text
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.agent.backends.tensorrt.cuda import Device
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.backends.tensorrt.sidecar import Sidecar
    from drsn.agent.backends.tensorrt.version import Version
    from drsn.model.bundle import Bundle


@dataclass(frozen=True)
class Platform:
    """The library and the GPU that an engine must fit."""

    flavour: Flavour
    tensorrt: Version
    """Three or four numbers, as the library gives them."""
    device: Device


@dataclass(frozen=True)
class NoEngine:
    """No engine file fits."""

    reason: str
    """One line that ends with the command that builds an engine."""


def build_command(bundle: Path, flavour: Flavour, engine_dir: Path | None = None, max_batch: int = 1) -> str:
    """Return the command line that builds an engine for these settings."""
    place = "" if engine_dir in (None, default_engine_dir(bundle)) else f" --engine-dir {engine_dir}"
    batch = "" if max_batch <= DEFAULT_BATCH.max else f" --batch 1,{max_batch},{max_batch}"
    return f"drsn-export --target {FLAVOURS[flavour].target} --bundle {bundle}{place}{batch}"


def find_engine(engine_dir: Path, bundle: Bundle, platform: Platform, max_batch: int = 1) -> EngineFile | NoEngine:
    """Find the newest engine of this bundle that fits the platform and takes any batch from 1 to `max_batch`.

    Nothing of TensorRT or CUDA is called. If none fits, the reason is that of the engine that was built last.
    """
    command = build_command(bundle.path, platform.flavour, engine_dir, max_batch)
    refused: list[str] = []
    try:
        for found in _candidates(engine_dir, bundle, platform, max_batch):
            if isinstance(found, EngineFile):
                return found
            refused.append(found)
    except OSError as error:
        return NoEngine(f"engines {engine_dir}: {error.strerror or error}; build one: {command}")
    if refused:
        return NoEngine(f"{refused[0]}; build one that fits: {command}")
    others = any(engine_dir.glob(f"*{FLAVOURS[platform.flavour].suffix}"))
    of_others = " (those here are of other bundles)" if others else ""
    return NoEngine(f"engines {engine_dir}: none for this bundle{of_others}; build one: {command}")


def fitting_engines(engine_dir: Path, bundle: Bundle, platform: Platform, max_batch: int = 1) -> list[EngineFile]:
    """List every engine that fits, the newest first; the agent takes the first one.

    Raises:
        OSError: the folder can't be read.
    """
    found = _candidates(engine_dir, bundle, platform, max_batch)
    return [candidate for candidate in found if isinstance(candidate, EngineFile)]


def engine_paths(engine_dir: Path, bundle: Bundle, flavour: Flavour) -> list[Path]:
    """List the engine files of this bundle by their names, whether they fit or not."""
    return sorted(engine_dir.glob(f"{bundle.sha256[:SHA_DIGITS]}-*{FLAVOURS[flavour].suffix}"))


def require_fitting(path: Path, bundle: Bundle, platform: Platform, max_batch: int = 1) -> EngineFile:
    """Return the engine at `path`, if header, sidecar, bundle and platform agree.

    Raises:
        BundleError: they do not; one line without a remedy, which `find_engine` adds.
    """
    try:
        with path.open("rb") as stream:
            flavour, version = parse_header(stream.read(HEADER_BYTES))
        size = path.stat().st_size
    except OSError as error:
        raise BundleError(f"engine {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BundleError(f"engine {path}: {error}") from None
    sidecar = read_sidecar(path)
    if fault := _sidecar_fault(sidecar, flavour, version, size) or _platform_fault(sidecar, bundle, platform):
        raise BundleError(f"engine {path}: {fault}")
    batch = sidecar.batch
    if batch.min > 1 or max_batch > batch.max:
        raise BundleError(f"engine {path}: takes {batch.min} to {batch.max} windows at once, not 1 to {max_batch}")
    return EngineFile(path, sidecar)


def _candidates(engine_dir: Path, bundle: Bundle, platform: Platform, max_batch: int) -> Iterator[EngineFile | str]:
    """Yield each engine of this bundle, the newest first, or the reason why it does not fit."""
    for path in sorted(engine_paths(engine_dir, bundle, platform.flavour), key=_built_ns, reverse=True):
        try:
            yield require_fitting(path, bundle, platform, max_batch)
        except BundleError as error:  # noqa: PERF203 (the engines are few)
            yield str(error)


def _built_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # a broken link must not hide the other engines


def _sidecar_fault(sidecar: Sidecar, flavour: Flavour, version: Version, size: int) -> str | None:
    """Compare the sidecar with the plan's header and size."""
    if flavour != sidecar.flavour:
        return f"is a plan of {flavour}, but its sidecar file is for {sidecar.flavour}"
    if not same_version(version, parse_version(sidecar.tensorrt)):
        return f"was built with TensorRT {version_text(version)}, but its sidecar file has {sidecar.tensorrt}"
    if size != sidecar.plan_bytes:
        return f"is {size} bytes long, but its sidecar file has {sidecar.plan_bytes}: perhaps an incomplete copy"
    return None if sidecar.batch.ordered else "the batch in its sidecar file is not min <= opt <= max"


def _platform_fault(sidecar: Sidecar, bundle: Bundle, platform: Platform) -> str | None:
    """Compare the sidecar with the bundle and the platform; the first difference is returned."""
    device, here = platform.device, version_text(platform.device.compute_capability)
    entry, due = bundle.manifest.files.get(sidecar.network), ", ".join(sidecar.compute_capabilities)
    faults = {
        f"is for {sidecar.flavour}, not {platform.flavour}": sidecar.flavour != platform.flavour,
        f"was built from bundle {sidecar.bundle_sha256[:12]}, this is {bundle.sha256[:12]}": (
            sidecar.bundle_sha256 != bundle.sha256
        ),
        f"was built from a {sidecar.network} that is not the bundle's": (
            entry is None or entry.sha256 != sidecar.onnx_sha256
        ),
        f"was built with TensorRT {sidecar.tensorrt}, here is {version_text(platform.tensorrt)}": (
            not same_version(parse_version(sidecar.tensorrt), platform.tensorrt)
        ),
        f"was built for {sidecar.gpu}, this is {device.name}": sidecar.gpu not in (None, device.name),
        f"was built for compute capability {due}, {device.name} has {here}": here not in sidecar.compute_capabilities,
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)
