"""A TensorRT engine in this process: loaded, checked against the contract, with its execution contexts.

One code path serves TensorRT 10.3 to 11 and TensorRT-RTX. Most of TensorRT's calls do not raise: they return None or
False, and log the reason. Each result is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.model.contract import ModelContract

INPUT = "x"
NEEDED = ("probabilities", "novelty")
OPTIONAL = "alpha"
PROFILE = 0
"""The only optimization profile of our engines."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of an engine."""

    name: str
    shape: tuple[int, ...]
    """Shape of one window, without the batch."""
    item_bytes: int
    wanted: bool
    """The agent reads it; the others are computed and stay on the device."""

    @property
    def window_bytes(self) -> int:
        """Bytes of one window."""
        size = self.item_bytes
        for length in self.shape:
            size *= length
        return size


class Engine:
    """A deserialized plan. Its errors name neither file nor remedy: the caller that opened the file adds them.

    Args:
        library: TensorRT, loaded; CUDA must have been probed before.
        plan: the plan's bytes.
        contract: the shapes that its inputs and outputs must have.
        max_batch: the largest batch that it must take.

    Raises:
        BundleError: TensorRT can't load it, or it is not the contract's network.
        UnavailableError: TensorRT makes no runtime on this machine.
    """

    def __init__(self, library: TensorRt, plan: bytes, contract: ModelContract, max_batch: int) -> None:
        self._library = library
        library.errors.clear()  # errors of earlier calls are not the reason of a failure here
        try:
            self._runtime = library.module.Runtime(library.logger)
        except TypeError:  # pybind11 raises it for a constructor that returns nothing
            raise UnavailableError(
                f"{library.title} gives no runtime: {library.take_errors()}; run drsn-agent doctor"
            ) from None
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise BundleError(f"engine: {library.title} cannot load it: {library.take_errors()}")
        self.tensors = self._tensors()
        """The input first."""
        self._check(contract, max_batch)

    @property
    def captures_itself(self) -> bool:
        """True for TensorRT-RTX, which compiles while it runs and so captures its CUDA graphs itself."""
        return hasattr(self._library.module, "CudaGraphStrategy")

    def context(self, batch: int, *, graph: bool) -> Any:  # noqa: ANN401 (TensorRT has no types)
        """Create an execution context for batches of exactly this size; its input's shape is set.

        Each size has its own, because a CUDA graph is bound to the state of its context at the capture.

        Raises:
            UnavailableError: TensorRT creates none, mostly for lack of memory.
        """
        library = self._library
        if self.captures_itself:
            context = self._engine.create_execution_context(self._runtime_config(graph=graph))
        else:
            context = self._engine.create_execution_context()
        if context is None:
            raise UnavailableError(
                f"TensorRT gives no execution context: {library.take_errors()}; "
                "free memory, or lower inference.max_batch"
            )
        # Every context uses optimization profile 0, which several contexts may share, from TensorRT 10 on.
        x = self.tensors[0]
        if not context.set_input_shape(x.name, (batch, *x.shape)):
            raise UnavailableError(f"TensorRT refuses a batch of {batch}: {library.take_errors()}")
        for tensor in self.tensors:
            shape = tuple(context.get_tensor_shape(tensor.name))
            if shape != (batch, *tensor.shape):
                raise BundleError(f"engine: {tensor.name} is {list(shape)} for a batch of {batch}")
        return context

    def bind(self, context: Any, addresses: dict[str, int]) -> None:  # noqa: ANN401 (as above)
        """Give every tensor its address on the device.

        Raises:
            UnavailableError: TensorRT refuses one.
        """
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise UnavailableError(f"TensorRT refuses an address for {name}: {self._library.take_errors()}")

    def enqueue(self, context: Any, stream: int) -> None:  # noqa: ANN401 (as above)
        """Queue one run of the network.

        Raises:
            UnavailableError: TensorRT refuses.
        """
        if not context.execute_async_v3(stream):
            raise UnavailableError(f"TensorRT failed: {self._library.take_errors()}; the agent must restart")

    def close(self) -> None:
        """Free engine and runtime, in this order; contexts must be freed before. A second call has no effect."""
        self._engine = None
        self._runtime = None

    def _runtime_config(self, *, graph: bool) -> Any:  # noqa: ANN401 (as above)
        module = self._library.module
        config = self._engine.create_runtime_config()
        if config is None:
            raise UnavailableError(f"TensorRT gives no runtime configuration: {self._library.take_errors()}")
        # Kernels for a shape are compiled at its first run, which is at the start, never while the agent runs.
        config.dynamic_shapes_kernel_specialization_strategy = module.DynamicShapesKernelSpecializationStrategy.EAGER
        strategy = module.CudaGraphStrategy
        config.cuda_graph_strategy = strategy.WHOLE_GRAPH_CAPTURE if graph else strategy.DISABLED
        return config

    def _tensors(self) -> tuple[Tensor, ...]:
        engine, inputs = self._engine, self._library.module.TensorIOMode.INPUT
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        found = []
        for name in sorted(names, key=lambda name: engine.get_tensor_mode(name) != inputs):
            shape = tuple(engine.get_tensor_shape(name))
            if shape[:1] != (-1,) or -1 in shape[1:]:
                raise BundleError(f"engine: {name} is {list(shape)}; only its batch size may be dynamic")
            wanted = name in (INPUT, *NEEDED, OPTIONAL)
            size = engine.get_tensor_bytes_per_component(name)
            if wanted and engine.get_tensor_dtype(name) != self._library.module.DataType.FLOAT:
                raise BundleError(f"engine: {name} is {engine.get_tensor_dtype(name)}, not float32")
            found.append(Tensor(name, shape[1:], size, wanted))
        if [t.name for t in found if engine.get_tensor_mode(t.name) == inputs] != [INPUT]:
            raise BundleError(f"engine: its tensors are {names}; its only input must be {INPUT}")
        return tuple(found)

    def _check(self, contract: ModelContract, max_batch: int) -> None:
        shapes = {tensor.name: tensor.shape for tensor in self.tensors}
        due = {
            INPUT: (contract.input_channels, contract.window),
            "probabilities": (len(contract.labels),),
            "novelty": (),
        }
        for name, shape in due.items():
            if shapes.get(name) != shape:
                raise BundleError(f"engine: {name} is {shapes.get(name)} a window, the contract says {shape}")
        least, _, most = (shape[0] for shape in self._engine.get_tensor_profile_shape(INPUT, PROFILE))
        if least > 1 or most < max_batch:
            raise BundleError(
                f"engine: takes {least} to {most} windows at once, not 1 to {max_batch}; see inference.max_batch"
            )
