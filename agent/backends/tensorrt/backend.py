"""TensorRT and TensorRT-RTX: a bundle's network as an engine on the GPU.

Everything is allocated and captured when the backend opens. A call is a copy into page-locked memory, one launch of a
CUDA graph (upload, network, download) and one wait.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.backend import require_windows
from drsn.agent.backends.tensorrt.buffers import Buffers
from drsn.agent.backends.tensorrt.engine import Engine
from drsn.agent.observability.logs import fields
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from drsn.agent.backends.backend import Outputs
    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.cuda import Cuda
    from drsn.model.contract import ModelContract

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchContext:
    """An execution context for one batch size, with its CUDA graph."""

    batch: int
    context: Any
    graph: int | None
    """None: the copies and the network are queued one by one."""


class TensorRtBackend:
    """One engine, one stream, and an execution context for each batch size of 1, 2, 4 … `max_batch`.

    A batch between two sizes runs in the larger one. Its unused rows hold windows of an earlier call, whose outputs are
    not read: windows do not affect each other, and a small network costs its launches, not its arithmetic. So a few
    graphs, all captured before the agent is ready, serve every batch size.

    Args:
        library: TensorRT, loaded; CUDA must have been probed before.
        cuda: the CUDA runtime.
        plan: the plan's bytes.
        contract: that the engine must obey.
        max_batch: the largest batch that `infer` accepts.
        graphs: capture CUDA graphs; False: every call queues its parts one by one.

    Raises:
        BundleError: the plan can't be loaded, or is not the contract's network.
        UnavailableError: CUDA or TensorRT fails.
    """

    def __init__(
        self,
        library: TensorRt,
        cuda: Cuda,
        plan: bytes,
        contract: ModelContract,
        max_batch: int,
        *,
        graphs: bool = True,
    ) -> None:
        self.name: str = library.flavour
        self.contexts: list[BatchContext] = []
        """One for each batch size, the smallest first; empty when the backend is closed."""
        self._cuda = cuda
        self._shape = (contract.input_channels, contract.window)
        with ExitStack() as stack:
            self._engine = Engine(library, plan, contract, max_batch)
            stack.callback(self._engine.close)
            self._stream = cuda.stream()
            stack.callback(cuda.stream_destroy, self._stream)
            self._buffers = Buffers(cuda, self._engine.tensors, max_batch, stack)
            self._outputs = [self._buffers.outputs(batch) for batch in range(1, max_batch + 1)]
            stack.callback(self._outputs.clear)
            stack.callback(self.contexts.clear)  # contexts are freed before their engine
            for batch in _sizes(max_batch):
                self.contexts.append(self._context(stack, batch, graphs=graphs))
            self._resources = stack.pop_all()

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window].

        Raises:
            ValueError: x has another shape or dtype, or the backend is closed.
            UnavailableError: CUDA or TensorRT fails; the backend may not be used again.
        """
        if not self.contexts:
            raise ValueError("this backend is closed")
        require_windows(x, self._shape, len(self._outputs))
        self._buffers.fill(x)
        fitting = next(context for context in self.contexts if context.batch >= len(x))
        if fitting.graph is None:
            self._queue(fitting.context, fitting.batch)
        else:
            self._cuda.launch(fitting.graph, self._stream)
        self._cuda.synchronise(self._stream)
        return self._outputs[len(x) - 1]

    def close(self) -> None:
        """Free graphs, contexts, memory, stream and engine; a second call has no effect."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _context(self, stack: ExitStack, batch: int, *, graphs: bool) -> BatchContext:
        context = self._engine.context(batch, graph=graphs)
        self._engine.bind(context, self._buffers.addresses)
        self._queue(context, batch)  # the first run of a shape does work that can't be captured
        self._cuda.synchronise(self._stream)
        if not graphs or self._engine.captures_itself:
            return BatchContext(batch, context, None)
        try:
            graph = self._cuda.capture(self._stream, lambda: self._queue(context, batch))
        except UnavailableError as error:
            remedy = "none needed: results are the same, but slower; inference.cuda_graphs = false stops this line"
            log.warning(
                "CUDA graph not available: the network runs layer by layer",
                extra=fields(batch=batch, reason=str(error), remedy=remedy),
            )
            return BatchContext(batch, context, None)
        stack.callback(self._cuda.graph_destroy, graph)
        return BatchContext(batch, context, graph)

    def _queue(self, context: Any, batch: int) -> None:  # noqa: ANN401 (TensorRT has no types)
        self._buffers.upload(batch, self._stream)
        self._engine.enqueue(context, self._stream)
        self._buffers.download(batch, self._stream)


def _sizes(max_batch: int) -> list[int]:
    """1, 2, 4 … and `max_batch`."""
    powers = [1 << bit for bit in range(max_batch.bit_length()) if 1 << bit < max_batch]
    return [*powers, max_batch]
