"""Picks the backend, and makes it prove itself on the bundle's golden windows before it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.backend import TensorRtBackend
from drsn.agent.backends.tensorrt.cuda import Cuda, NoDevice, probe
from drsn.agent.backends.tensorrt.engine_file import default_engine_dir
from drsn.agent.backends.tensorrt.engine_search import NoEngine, Platform, build_command, find_engine
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
"""Of a probability, and of a novelty by its size, against the network's own, in float32. Different CPUs round
differently (1e-6); a broken runtime or a wrong file is off by 0.1 and more."""


@dataclass(frozen=True)
class BackendOptions:
    """What the settings say of the network's run."""

    choice: Choice
    max_batch: int
    threads: int = 1
    """Of one call of ONNX Runtime."""
    engine_dir: Path | None = None
    """None: beside the bundle."""
    cuda_graphs: bool = True

    def engines_of(self, bundle: Bundle) -> Path:
        """Where the bundle's engines lie."""
        return self.engine_dir or default_engine_dir(bundle.path)


@dataclass(frozen=True)
class Chosen:
    """A backend that has passed its self-test."""

    backend: Backend
    engine: str | None = None
    """File of the TensorRT engine."""
    reasons: tuple[str, ...] = ()
    """Why it is not the one that this machine was prepared for; the agent's status says so."""


def choose(bundle: Bundle, wish: BackendOptions) -> Chosen:
    """Open the network as wished and test it; `auto` takes TensorRT, then TensorRT-RTX, then ONNX Runtime.

    A machine that was prepared for an engine and can't use it runs on ONNX Runtime all the same, with the reasons.

    Raises:
        BundleError: the network is not the contract's, or does not say what it said when it was made.
        ConfigurationError: no engine fits, and a TensorRT was asked for by name.
        UnavailableError: the backend asked for can't run here.
    """
    reasons: list[str] = []
    for flavour in wanted(bundle, wish):
        try:
            return _engine(bundle, wish, flavour)
        except (UnavailableError, ConfigurationError) as error:  # noqa: PERF203 (two flavours at most)
            if wish.choice != "auto":
                raise
            reasons.append(str(error))
    backend = OnnxBackend(bundle.read("model.onnx"), bundle.contract, wish.max_batch, wish.threads)
    return Chosen(_tested(bundle, backend, wish), reasons=tuple(reasons))


def open_backend(bundle: Bundle, choice: Choice, max_batch: int, threads: int = 1) -> Backend:
    """As `choose`, for who needs no reasons."""
    return choose(bundle, BackendOptions(choice, max_batch, threads)).backend


def wanted(bundle: Bundle, wish: BackendOptions) -> tuple[Flavour, ...]:
    """The engines that somebody means this machine to run.

    With `auto`, those of which one lies here, whether it fits or not; and where a place for engines is set beside a
    GPU and holds none, TensorRT's.
    """
    if wish.choice != "auto":
        return tuple(flavour for flavour in FLAVOURS if flavour == wish.choice)
    folder = wish.engines_of(bundle)
    found = tuple(flavour for flavour in FLAVOURS if any(folder.glob(f"*{FLAVOURS[flavour].suffix}")))
    if found or wish.engine_dir is None or isinstance(probe(), NoDevice):
        return found
    return ("tensorrt",)


def _engine(bundle: Bundle, wish: BackendOptions, flavour: Flavour) -> Chosen:
    folder = wish.engines_of(bundle)
    device = probe()  # before anything of TensorRT
    if isinstance(device, NoDevice):
        raise UnavailableError(
            f"backend {flavour!r}: {device.reason}; engines run on an NVIDIA GPU with its driver: "
            "see drsn-agent doctor, or set agent.backend = 'onnxruntime'"
        )
    library = trt_compat.load(flavour)
    found = find_engine(folder, bundle, Platform(flavour, library.version, device), wish.max_batch)
    if isinstance(found, NoEngine):
        raise ConfigurationError(f"backend {flavour!r}: {found.reason}")
    command = build_command(bundle.path, flavour, folder, wish.max_batch)
    try:
        plan = found.read()
    except BundleError as error:  # its remedy is to build it again
        raise ConfigurationError(f"{error}: {command}") from None
    cuda = Cuda(device.cuda)
    try:
        backend = TensorRtBackend(library, cuda, plan, bundle.contract, wish.max_batch, graphs=wish.cuda_graphs)
        return Chosen(_tested(bundle, backend, wish, found), engine=found.path.name)
    except BundleError as error:  # the bundle is sound: its engine is not
        raise ConfigurationError(f"{found.path}: {error}; build it again: {command}") from None


def _tested(bundle: Bundle, backend: Backend, wish: BackendOptions, engine: EngineFile | None = None) -> Backend:
    try:
        self_test(bundle, backend, wish.max_batch, None if engine is None else tolerance_of(engine.sidecar))
    except BaseException:
        backend.close()
        raise
    return backend


def self_test(bundle: Bundle, backend: Backend, max_batch: int, engine: Tolerance | None = None) -> float:
    """Run the golden windows; return the largest difference of a probability, or of a novelty by its size.

    Args:
        bundle: whose windows.
        backend: that runs its network.
        max_batch: of one call.
        engine: how far the backend's engine may be off; None: it runs the bundle's own network.

    Raises:
        BundleError: the backend does not say what the network said when it was verified.
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
            raise BundleError(f"{subject}: its network can't run here: {error}") from None
        novelty = golden.novelty[rows]
        differences = (
            float(np.abs(outputs.probabilities - golden.probabilities[rows]).max()),
            float((np.abs(outputs.novelty - novelty) / (1 + np.abs(novelty))).max()),
        )
        # NaN compares false with everything, so it is asked for by name.
        worst = [float("inf") if np.isnan(d) else max(w, d) for w, d in zip(worst, differences, strict=True)]
    for name, found, allowed in zip(tolerance._fields, worst, tolerance, strict=True):
        if found > allowed:
            raise BundleError(
                f"{subject}: {backend.name} is off by {found:.3g} in {name} on its golden windows "
                f"(tolerance {allowed:g}); do not trust this {what} on this machine"
            )
    return max(worst)
