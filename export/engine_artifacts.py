"""Engine files as artifacts to verify, and the golden-window check of an engine that has just been built."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.backend import TensorRtBackend
from drsn.agent.backends.tensorrt.cuda import Cuda, Device, NoDevice, probe
from drsn.agent.backends.tensorrt.engine_search import Platform, engine_paths, require_fitting
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tolerance import limits_of, tolerance
from drsn.export.verify import Artifact, batches_up_to, on_golden
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.agent.backends.backend import Backend
    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.export.plan_from_onnx import BuilderOptions
    from drsn.model.bundle import Bundle
    from drsn.model.contract import Parity


@dataclass(frozen=True)
class EngineArtifacts:
    """Engines of a bundle: those that run on this machine, and the reasons why the others do not."""

    artifacts: tuple[Artifact, ...]
    not_run: tuple[str, ...]


def find_engines(bundle: Bundle, engine_dir: Path) -> EngineArtifacts:
    """Find the bundle's engines. TensorRT is loaded only if the folder has an engine of its flavour."""
    artifacts: list[Artifact] = []
    not_run: list[str] = []
    for flavour in FLAVOURS:
        paths = engine_paths(engine_dir, bundle, flavour)
        if not paths:
            continue
        try:
            device = require_gpu()
            trt = trt_compat.load(flavour)
        except UnavailableError as error:
            not_run.extend(f"{path.name}: {error}" for path in paths)
            continue
        for path in paths:
            found = _artifact(path, trt, device, bundle)
            (not_run if isinstance(found, str) else artifacts).append(found)  # type: ignore[arg-type]
    return EngineArtifacts(tuple(artifacts), tuple(not_run))


def require_gpu() -> Device:
    """Return the GPU of this machine.

    Raises:
        UnavailableError: there is none.
    """
    device = probe()
    if isinstance(device, NoDevice):
        raise UnavailableError(device.reason)
    return device


def _artifact(path: Path, trt: TensorRt, device: Device, bundle: Bundle) -> Artifact | str:
    try:
        engine = require_fitting(path, bundle, Platform(trt.flavour, trt.version, device))
        content, most = engine.read(), engine.sidecar.batch.max
    except BundleError as error:
        return str(error)
    return Artifact(path.name, tolerance(engine.sidecar), _opened(trt, device.cuda, content, bundle, most), most)


def check_golden(
    trt: TensorRt, cuda: tuple[int, int], plan: bytes, bundle: Bundle, options: BuilderOptions
) -> tuple[Parity, ...]:
    """Run a plan that has just been built on the golden windows.

    Args:
        trt: the library that built the plan, and now runs it.
        cuda: the newest CUDA version that the driver supports.
        plan: the serialized engine.
        bundle: the bundle with the network and the golden windows.
        options: the options of the build; they decide the tolerances.

    Raises:
        BundleError: its outputs are not those of the network.
        UnavailableError: it can't run.
    """
    limits, most = limits_of(options.precision, strict=options.strict), options.batch.max
    with _opened(trt, cuda, plan, bundle, most) as backend:
        name = f"{trt.title} {options.precision}"
        comparisons = on_golden(name, backend, bundle.golden(), bundle.contract, batches_up_to(most), limits)
    failed = [str(comparison) for comparison in comparisons if not comparison.passed]
    if failed:
        raise BundleError(
            f"bundle {bundle.path}: the engine that {trt.title} built is wrong, nothing was written: "
            f"{'; '.join(failed)}; try --strict or --precision fp32"
        )
    return tuple(comparison.parity for comparison in comparisons)


@contextmanager
def _opened(library: TensorRt, cuda: tuple[int, int], plan: bytes, bundle: Bundle, max_batch: int) -> Iterator[Backend]:
    with TensorRtBackend(library, Cuda(cuda), plan, bundle.contract, max_batch) as backend:
        yield backend
