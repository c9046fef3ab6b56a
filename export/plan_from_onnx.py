"""Build a TensorRT plan (a serialized engine) from ONNX bytes; every None, False and -1 of TensorRT becomes one error.

The same steps serve TensorRT 10.3 to 11 and TensorRT-RTX. The network is strongly typed: its precision is that of the
ONNX file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import DEFAULT_BATCH, BatchRange, Precision
from drsn.export.build_progress import cancellable, monitor
from drsn.model.errors import BundleError, DrsnError, UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.sidecar import BatchRange, Precision
    from drsn.export.build_progress import BuildProgress
    from drsn.model.contract import ModelContract

OUT_OF_MEMORY = (
    "could not find any implementation",
    "out of memory",
    "outofmemory",
    "insufficient",
    "allocation",
    "workspace",
)
"""Log texts that mean a lack of memory. The first is usual: TensorRT drops kernels that lack workspace."""

NEEDED_OUTPUTS = ("probabilities", "novelty")
DEFAULT_WORKSPACE_BYTES = 256 << 20


@dataclass(frozen=True)
class BuilderOptions:
    """Options of the builder configuration and of the optimization profile."""

    batch: BatchRange = DEFAULT_BATCH
    precision: Precision = "fp32"
    workspace_bytes: int = DEFAULT_WORKSPACE_BYTES
    opt_level: int | None = None
    """Builder optimization level, 0 (fast build) to 5 (fast engine); None: TensorRT's default, 3."""
    strict: bool = False
    """Disable TF32, whose products have 10 bits of mantissa."""
    compute_capabilities: tuple[str, ...] = ()
    """TensorRT-RTX only, ahead-of-time build: '8.6' and so on; empty: the GPU of this machine."""


@dataclass(frozen=True)
class BuiltPlan:
    """A plan with the timing cache of its build."""

    plan: bytes
    timing_cache: bytes | None
    cache_used: bool
    """True if the given timing cache fits this device and version."""


def plan_from_onnx(
    trt: TensorRt,
    model: bytes,
    contract: ModelContract,
    options: BuilderOptions,
    timing_cache: bytes,
    progress: BuildProgress,
) -> BuiltPlan:
    """Build a plan. CUDA must have been probed before, except for TensorRT-RTX, which builds without a GPU.

    Raises:
        BundleError: TensorRT can't read the network, or its inputs or outputs are not the contract's.
        UsageError: the batch or a compute capability is impossible.
        UnavailableError: TensorRT can't build it here; the text quotes TensorRT's log.
        KeyboardInterrupt: the build was cancelled; nothing is left of it.
    """
    trt.errors.clear()
    builder = _made(trt, "builder", lambda: trt.module.Builder(trt.logger))
    network = _network(trt, builder)
    _parse(trt, network, model)
    _check_inputs_and_outputs(trt, network, contract)
    config = _config(trt, builder, options)
    _add_profile(trt, builder, config, contract, options.batch)
    cache_used = _attach_cache(trt, config, timing_cache)
    config.progress_monitor = monitor(trt, progress)
    with cancellable(progress):
        serialized = builder.build_serialized_network(network, config)
    if progress.cancelled:
        raise KeyboardInterrupt
    if serialized is None:
        raise _failed(trt)
    plan = bytes(memoryview(serialized))
    _check_plan(trt, plan)
    return BuiltPlan(plan, _cache_bytes(trt, config), cache_used)


def _made(trt: TensorRt, what: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 (TensorRT's objects have no types)
    """Construct a TensorRT object; only constructors raise (pybind11 turns their null pointer into a TypeError)."""
    try:
        return make()
    except (TypeError, RuntimeError) as error:
        reason = trt.take_errors() if trt.errors else str(error)
        raise UnavailableError(f"{trt.title} makes no {what}: {reason}; see drsn-agent doctor") from None


def _network(trt: TensorRt, builder: Any) -> Any:  # noqa: ANN401 (TensorRT's objects have no types)
    network = builder.create_network(1 << int(trt.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    if network is None:
        raise UnavailableError(f"{trt.title} makes no network: {trt.take_errors()}")
    return network


def _parse(trt: TensorRt, network: Any, model: bytes) -> None:  # noqa: ANN401
    parser = _made(trt, "parser", lambda: trt.module.OnnxParser(network, trt.logger))
    if parser.parse(model):
        trt.errors.clear()
        return
    text = "; ".join(str(parser.get_error(index).desc()) for index in range(parser.num_errors)) or trt.take_errors()
    raise BundleError(f"{trt.title} can't read the network: {' '.join(text.split())[:400]}; export it again")


def _check_inputs_and_outputs(trt: TensorRt, network: Any, contract: ModelContract) -> None:  # noqa: ANN401
    """Check the network against the contract: the parser accepts any graph, the agent feeds x and reads two outputs."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    names = {network.get_output(index).name for index in range(network.num_outputs)}
    shape = tuple(inputs[0].shape) if len(inputs) == 1 else ()
    due = (-1, contract.input_channels, contract.window)
    if len(inputs) != 1 or inputs[0].name != "x" or shape != due or inputs[0].dtype != trt.module.float32:
        text = [(tensor.name, tuple(tensor.shape)) for tensor in inputs]
        raise BundleError(f"the network's inputs are {text}, not x float32{list(due)}; export it again")
    if missing := sorted(set(NEEDED_OUTPUTS) - names):
        raise BundleError(f"the network has no output {' and no '.join(missing)}; export it again")


def _config(trt: TensorRt, builder: Any, options: BuilderOptions) -> Any:  # noqa: ANN401
    config = builder.create_builder_config()
    if config is None:
        raise UnavailableError(f"{trt.title} makes no builder configuration: {trt.take_errors()}")
    config.set_memory_pool_limit(trt.module.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    if options.opt_level is not None:
        config.builder_optimization_level = options.opt_level
    if options.strict or options.precision == "fp16":  # what stays float32 in an fp16 network needs full precision
        config.clear_flag(trt.module.BuilderFlag.TF32)
    if options.compute_capabilities:
        _name_capabilities(trt, config, options.compute_capabilities)
    return config


def _name_capabilities(trt: TensorRt, config: Any, wanted: tuple[str, ...]) -> None:  # noqa: ANN401
    if not hasattr(trt.module, "ComputeCapability"):
        raise UsageError(
            "--compute-capability goes with --target trt-rtx: TensorRT builds only for the GPU that is here"
        )
    kinds = trt.module.ComputeCapability
    known = {name: name for name in dir(kinds) if name.startswith("SM")}
    config.num_compute_capabilities = len(wanted)
    for index, capability in enumerate(wanted):
        name = f"SM{capability.replace('.', '')}"
        if name not in known or not config.set_compute_capability(getattr(kinds, name), index):
            due = ", ".join(f"{sm[2:-1]}.{sm[-1]}" for sm in sorted(known, key=lambda sm: int(sm[2:])))
            raise UsageError(f"--compute-capability {capability}: {trt.title} builds for {due}")


def _add_profile(trt: TensorRt, builder: Any, config: Any, contract: ModelContract, batch: BatchRange) -> None:  # noqa: ANN401
    profile = builder.create_optimization_profile()
    if profile is None:
        raise UnavailableError(f"{trt.title} makes no optimization profile: {trt.take_errors()}")
    shapes = [(size, contract.input_channels, contract.window) for size in (batch.min, batch.opt, batch.max)]
    text = f"--batch {batch.min},{batch.opt},{batch.max}: {trt.title} takes no such profile"
    try:
        profile.set_shape("x", *shapes)
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"{text}: {error}") from None
    if config.add_optimization_profile(profile) < 0:
        raise UsageError(f"{text}: {trt.take_errors()}")


def _attach_cache(trt: TensorRt, config: Any, content: bytes) -> bool:  # noqa: ANN401
    """Attach the timing cache of earlier builds. TensorRT-RTX measures nothing, so it has no cache."""
    if trt.flavour == "tensorrt-rtx":
        return False
    cache = config.create_timing_cache(content)
    used = bool(content)
    if cache is None or not config.set_timing_cache(cache, False):
        used = False  # of another device or version: measured anew
        cache = config.create_timing_cache(b"")
        if cache is None or not config.set_timing_cache(cache, False):
            raise UnavailableError(f"{trt.title} makes no timing cache: {trt.take_errors()}")
    trt.errors.clear()
    return used


def _cache_bytes(trt: TensorRt, config: Any) -> bytes | None:  # noqa: ANN401
    cache = None if trt.flavour == "tensorrt-rtx" else config.get_timing_cache()
    serialized = None if cache is None else cache.serialize()
    return None if serialized is None else bytes(memoryview(serialized))


def _failed(trt: TensorRt) -> DrsnError:
    text = trt.take_errors()
    if any(symptom in text.lower() for symptom in OUT_OF_MEMORY):
        advice = (
            "that is how a lack of memory shows: close what else uses the GPU, add swap, give a smaller --batch, "
            "or a larger --workspace"
        )
    else:
        advice = "try another --opt-level or --precision fp32; the bundle still runs on ONNX Runtime"
    return UnavailableError(f"{trt.title} built no engine: {text}; {advice}")


def _check_plan(trt: TensorRt, plan: bytes) -> None:
    """Check flavour and version in the plan's header, which the agent will compare with its own."""
    try:
        flavour, version = parse_header(plan)
    except ValueError as error:
        raise UnavailableError(f"{trt.title} built a plan that {error}; nothing was written") from None
    shared = min(len(version), len(trt.version))
    if flavour != trt.flavour or version[:shared] != trt.version[:shared]:
        text = f"{flavour} {'.'.join(map(str, version))}"
        raise UnavailableError(
            f"{trt.title} built a plan of {text}: two versions are mixed up "
            f"(loaded: {trt.library_path}); nothing was written"
        )
