"""Engines that lie here, as artefacts to verify; the proof of one that has just been built."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.backend import TensorRtBackend
from drsn.agent.backends.tensorrt.cuda import Cuda, Device, NoDevice, probe
from drsn.agent.backends.tensorrt.engine_search import Platform, engine_paths, require_fitting
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tolerance import limits_of, tolerance
from drsn.export.verify import Artefact, batches_up_to, on_golden
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.agent.backends.backend import Backend
    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.sidecar import BatchRange, Precision
    from drsn.model.bundle import Bundle
    from drsn.model.contract import Parity


class Made(Protocol):
    """How a plan was built."""

    @property
    def precision(self) -> Precision:
        """Of what stands between the ends."""
        ...

    @property
    def strict(self) -> bool:
        """Without TF32."""
        ...

    @property
    def batch(self) -> BatchRange:
        """What it takes."""
        ...


@dataclass(frozen=True)
class Found:
    """Engines of a bundle."""

    artefacts: tuple[Artefact, ...]
    not_run: tuple[str, ...]


def engines_of(bundle: Bundle, engine_dir: Path) -> Found:
    """Those that run here, and why the others do not. TensorRT is loaded only where an engine of its kind lies."""
    artefacts: list[Artefact] = []
    not_run: list[str] = []
    for flavour in FLAVOURS:
        paths = engine_paths(engine_dir, bundle, flavour)
        if not paths:
            continue
        try:
            device = present()
            trt = trt_compat.load(flavour)
        except UnavailableError as error:
            not_run.extend(f"{path.name}: {error}" for path in paths)
            continue
        for path in paths:
            found = _artefact(path, trt, device, bundle)
            (not_run if isinstance(found, str) else artefacts).append(found)  # type: ignore[arg-type]
    return Found(tuple(artefacts), tuple(not_run))


def present() -> Device:
    """The GPU.

    Raises:
        UnavailableError: there is none.
    """
    device = probe()
    if isinstance(device, NoDevice):
        raise UnavailableError(device.reason)
    return device


def _artefact(path: Path, trt: TensorRt, device: Device, bundle: Bundle) -> Artefact | str:
    try:
        engine = require_fitting(path, bundle, Platform(trt.flavour, trt.version, device))
        content, most = engine.read(), engine.sidecar.batch.max
    except BundleError as error:
        return str(error)
    return Artefact(path.name, tolerance(engine.sidecar), _opened(trt, device.cuda, content, bundle, most), most)


def proven(trt: TensorRt, cuda: tuple[int, int], content: bytes, bundle: Bundle, made: Made) -> tuple[Parity, ...]:
    """Run a plan that has just been built on the golden windows.

    Args:
        trt: that built it, and now runs it.
        cuda: the newest CUDA that the driver can serve.
        content: the plan.
        bundle: whose network it is.
        made: how.

    Raises:
        BundleError: it does not say what the network said.
        UnavailableError: it can't run.
    """
    limits, most = limits_of(made.precision, strict=made.strict), made.batch.max
    with _opened(trt, cuda, content, bundle, most) as backend:
        name = f"{trt.title} {made.precision}"
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
