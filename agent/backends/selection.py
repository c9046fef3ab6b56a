"""Selects the backend, and tests it on the bundle's golden windows before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.tensorrt.engine_file import default_engine_dir
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tolerance import Tolerance
from drsn.agent.backends.tolerance import tolerance as tolerance_of
from drsn.model.errors import BundleError, ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.backends.backend import Backend
    from drsn.agent.backends.tensorrt.engine_file import EngineFile
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.model.bundle import Bundle

Choice = Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"]

SELF_TEST_TOLERANCE = 1e-3
"""The largest difference of a probability, or of a novelty over 1 + its size, from the network's own, in float32.
Different CPUs round differently (1e-6); a broken runtime or a wrong file differs by 0.1 and more."""


@dataclass(frozen=True)
class BackendOptions:
    """The settings of the network's backend."""

    choice: Choice
    max_batch: int
    threads: int = 1
    """Threads of one call of ONNX Runtime."""
    engine_dir: Path | None = None
    """None: `BUNDLE.engines`, beside the bundle."""
    cuda_graphs: bool = True

    def engines_of(self, bundle: Bundle) -> Path:
        """Return the folder of the bundle's engines."""
        return self.engine_dir or default_engine_dir(bundle.path)


@dataclass(frozen=True)
class Chosen:
    """A backend that has passed its self-test."""

    backend: Backend
    engine: str | None = None
    """File name of the TensorRT engine."""
    reasons: tuple[str, ...] = ()
    """Why no engine is used although there should be one; shown in the agent's status."""


def choose(bundle: Bundle, options: BackendOptions) -> Chosen:
    """Open the network and test it; `auto` tries TensorRT, then TensorRT-RTX, then ONNX Runtime.

    With `auto`, an engine that is expected and can't be used is replaced by ONNX Runtime, with the reasons.

    Raises:
        BundleError: the network is not the contract's, or its outputs differ from the golden ones.
        ConfigurationError: no engine fits, and a TensorRT is configured by name.
        UnavailableError: the configured backend can't run on this machine.
    """
    reasons: list[str] = []
    for flavour in wanted(bundle, options):
        try:
            return _engine(bundle, options, flavour)
        except (UnavailableError, ConfigurationError) as error:  # noqa: PERF203 (two flavours at most)
            if options.choice != "auto":
                raise
            reasons.append(str(error))
    backend = OnnxBackend(bundle.read("model.onnx"), bundle.contract, options.max_batch, options.threads)
    return Chosen(_tested(bundle, backend, options), reasons=tuple(reasons))


def open_backend(bundle: Bundle, choice: Choice, max_batch: int, threads: int = 1) -> Backend:
    """Return the backend of `choose` alone."""
    return choose(bundle, BackendOptions(choice, max_batch, threads)).backend


def wanted(bundle: Bundle, options: BackendOptions) -> tuple[Flavour, ...]:
    """Return the flavours of which an engine is expected on this machine.

    With `auto`: those with an engine file in the folder, whether it fits or not; TensorRT, if the folder is empty
    but `engine_dir` is set and there is a GPU.
    """
    if options.choice != "auto":
        return tuple(flavour for flavour in FLAVOURS if flavour == options.choice)
    folder = options.engines_of(bundle)
    found = tuple(flavour for flavour in FLAVOURS if any(folder.glob(f"*{FLAVOURS[flavour].suffix}")))
    if found or options.engine_dir is None:
        return found
    from drsn.agent.backends.tensorrt.cuda import NoDevice, probe  # noqa: PLC0415 (imported where an engine may be)

    return () if isinstance(probe(), NoDevice) else ("tensorrt",)


def _engine(bundle: Bundle, options: BackendOptions, flavour: Flavour) -> Chosen:
    # Imported where an engine may be: 10 ms of each start, and 1 MB.
    from drsn.agent.backends.tensorrt import compat as trt_compat  # noqa: PLC0415 (as said)
    from drsn.agent.backends.tensorrt.cuda import Cuda, NoDevice, probe  # noqa: PLC0415 (as said)

    folder = options.engines_of(bundle)
    device = probe()  # before TensorRT is imported: without a driver some builds crash
    if isinstance(device, NoDevice):
        raise UnavailableError(
            f"backend {flavour!r}: {device.reason}; engines run on an NVIDIA GPU with its driver: "
            "run drsn-agent doctor, or set agent.backend = 'onnxruntime'"
        )
    # Imported where there is a GPU alone: 15 ms of each start, and 1 MB.
    from drsn.agent.backends.tensorrt.backend import TensorRtBackend  # noqa: PLC0415 (as said)
    from drsn.agent.backends.tensorrt.engine_search import (  # noqa: PLC0415 (as said)
        NoEngine,
        Platform,
        build_command,
        find_engine,
    )

    library = trt_compat.load(flavour)
    found = find_engine(folder, bundle, Platform(flavour, library.version, device), options.max_batch)
    if isinstance(found, NoEngine):
        raise ConfigurationError(f"backend {flavour!r}: {found.reason}")
    command = build_command(bundle.path, flavour, folder, options.max_batch)
    try:
        plan = found.read()
    except BundleError as error:  # the remedy is to build it again
        raise ConfigurationError(f"{error}: {command}") from None
    cuda = Cuda(device.cuda)
    try:
        backend = TensorRtBackend(library, cuda, plan, bundle.contract, options.max_batch, graphs=options.cuda_graphs)
        return Chosen(_tested(bundle, backend, options, found), engine=found.path.name)
    except BundleError as error:  # the bundle is correct, its engine is not
        raise ConfigurationError(f"{found.path}: {error}; build it again: {command}") from None


def _tested(bundle: Bundle, backend: Backend, options: BackendOptions, engine: EngineFile | None = None) -> Backend:
    try:
        self_test(bundle, backend, options.max_batch, None if engine is None else tolerance_of(engine.sidecar))
    except BaseException:
        backend.close()
        raise
    return backend


def self_test(bundle: Bundle, backend: Backend, max_batch: int, engine: Tolerance | None = None) -> float:
    """Run the golden windows; return the largest difference of a probability, or of a novelty over 1 + its size.

    Args:
        bundle: gives the golden windows.
        backend: runs the bundle's network.
        max_batch: windows of one call.
        engine: the tolerance of the backend's engine; None: it runs the bundle's own network.

    Raises:
        BundleError: the outputs differ from the golden ones by more than the tolerance.
        UnavailableError: an engine fails to run.
    """
    golden = bundle.golden()
    what, subject = ("bundle", f"bundle {bundle.path}") if engine is None else ("engine", f"engine of {bundle.path}")
    tolerance = engine or Tolerance(SELF_TEST_TOLERANCE, SELF_TEST_TOLERANCE)
    worst = [0.0, 0.0]
    for start in range(0, len(golden.x), max_batch):
        rows = slice(start, start + max_batch)
        try:
            outputs = backend.infer(golden.x[rows])
        except UnavailableError as error:
            if engine is not None:
                raise
            raise BundleError(f"{subject}: its network cannot run here: {error}") from None
        novelty = golden.novelty[rows]
        differences = (
            float(np.abs(outputs.probabilities - golden.probabilities[rows]).max()),
            float((np.abs(outputs.novelty - novelty) / (1 + np.abs(novelty))).max()),
        )
        # NaN compares false with everything, so it is tested explicitly.
        worst = [float("inf") if np.isnan(d) else max(w, d) for w, d in zip(worst, differences, strict=True)]
    for name, found, allowed in zip(tolerance._fields, worst, tolerance, strict=True):
        if found > allowed:
            raise BundleError(
                f"{subject}: {backend.name} is off by {found:.3g} in {name} on its golden windows "
                f"(tolerance {allowed:g}); do not trust this {what} on this machine"
            )
    return max(worst)
