"""TensorRT and TensorRT-RTX: a bundle's network as an engine on the GPU.

Everything is allocated and captured when the backend opens. A call is a copy into page-locked memory, one launch of a
CUDA graph (upload, network, download) and one wait.
"""

from __future__ import annotations

import ctypes
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.backends.backend import Outputs, require_windows
from drsn.agent.backends.tensorrt.engine import Engine
from drsn.agent.observability.logs import fields
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.cuda import Cuda
    from drsn.agent.backends.tensorrt.engine import Tensor
    from drsn.model.contract import ModelContract

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """All that a batch of up to `batch` windows needs; its context, graph and views are made once."""

    batch: int
    context: Any
    graph: int | None
    """None: its copies and its network are queued one by one."""


class TensorRtBackend:
    """One engine, one stream, and a lane for each batch size of 1, 2, 4 … `max_batch`.

    A batch between two sizes runs in the larger one: what it lacks is left over from an earlier call, and nobody reads
    its answers. Windows do not see each other, and a small network costs its launches, not its arithmetic. So a few
    graphs, all captured before the agent is ready, serve every size.

    Args:
        library: TensorRT, loaded; CUDA must have been probed before.
        cuda: the CUDA runtime.
        plan: the plan's bytes.
        contract: that the engine must obey.
        max_batch: the largest batch that will be asked for.
        graphs: capture CUDA graphs; without, every call queues its parts one by one.

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
        self._cuda = cuda
        self._max_batch = max_batch
        self._shape = (contract.channels, contract.window)
        self._open = True
        with ExitStack() as stack:
            self._engine = Engine(library, plan, contract, max_batch)
            stack.callback(self._engine.close)
            self._stream = cuda.stream()
            stack.callback(cuda.stream_destroy, self._stream)
            self._x = self._engine.tensors[0]
            self._wanted = tuple(t for t in self._engine.tensors[1:] if t.wanted)
            self._device = {t.name: self._device_memory(stack, t) for t in self._engine.tensors}
            self._pinned = {t.name: self._pinned_memory(stack, t) for t in (self._x, *self._wanted)}
            self._host = {t.name: self._view(t) for t in (self._x, *self._wanted)}
            self._answers = tuple(self._outputs(batch) for batch in range(1, max_batch + 1))
            self._lanes: list[Lane] = []
            stack.callback(self._lanes.clear)  # contexts go before their engine
            for batch in _sizes(max_batch):
                self._lanes.append(self._lane(stack, batch, graphs=graphs))
            self._lane_of = tuple(
                next(lane for lane in self._lanes if lane.batch >= batch) for batch in range(1, max_batch + 1)
            )
            stack.callback(setattr, self, "_lane_of", ())
            self._held = stack.pop_all()

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window].

        Raises:
            ValueError: x has another shape or dtype, or the backend is closed.
            UnavailableError: CUDA or TensorRT fails; the backend may not be used again.
        """
        if not self._open:
            raise ValueError("this backend is closed")
        require_windows(x, self._shape, self._max_batch)
        batch = len(x)
        np.copyto(self._host[self._x.name][:batch], x)
        lane = self._lane_of[batch - 1]
        if lane.graph is None:
            self._queue(lane.context, lane.batch)
        else:
            self._cuda.launch(lane.graph, self._stream)
        self._cuda.synchronise(self._stream)
        return self._answers[batch - 1]

    def close(self) -> None:
        """Free graphs, contexts, memory, stream and engine; calling twice is fine."""
        if self._open:
            self._open = False
            self._answers = ()  # they look into memory that goes
            self._host = {}
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _device_memory(self, stack: ExitStack, tensor: Tensor) -> int:
        address = self._cuda.malloc(self._max_batch * tensor.window_bytes)
        stack.callback(self._cuda.free, address)
        return address

    def _pinned_memory(self, stack: ExitStack, tensor: Tensor) -> int:
        address = self._cuda.host_alloc(self._max_batch * tensor.window_bytes)
        stack.callback(self._cuda.host_free, address)
        return address

    def _view(self, tensor: Tensor) -> NDArray[np.float32]:
        size = self._max_batch * tensor.window_bytes
        memory = (ctypes.c_char * size).from_address(self._pinned[tensor.name])
        content: NDArray[np.float32] = np.frombuffer(memoryview(memory), np.float32)
        content[:] = 0  # until a lane's first full batch, its unused rows are silence
        return content.reshape(self._max_batch, *tensor.shape)

    def _outputs(self, batch: int) -> Outputs:
        alpha = self._host.get("alpha")
        return Outputs(
            self._host["probabilities"][:batch], self._host["novelty"][:batch], None if alpha is None else alpha[:batch]
        )

    def _lane(self, stack: ExitStack, batch: int, *, graphs: bool) -> Lane:
        context = self._engine.context(batch, graph=graphs)
        self._engine.bind(context, self._device)
        self._queue(context, batch)  # the first run of a shape sets things up that can't be captured
        self._cuda.synchronise(self._stream)
        if not graphs or self._engine.captures_itself:
            return Lane(batch, context, None)
        try:
            graph = self._cuda.captured(self._stream, lambda: self._queue(context, batch))
        except UnavailableError as error:
            remedy = "slower, with the same answers; inference.cuda_graphs = false does without and without this line"
            log.warning("no CUDA graph", extra=fields(batch=batch, reason=str(error), remedy=remedy))
            return Lane(batch, context, None)
        stack.callback(self._cuda.graph_destroy, graph)
        return Lane(batch, context, graph)

    def _queue(self, context: Any, batch: int) -> None:  # noqa: ANN401 (TensorRT has no types)
        cuda, stream, x = self._cuda, self._stream, self._x
        cuda.upload(self._device[x.name], self._pinned[x.name], batch * x.window_bytes, stream)
        self._engine.enqueue(context, stream)
        for tensor in self._wanted:
            size = batch * tensor.window_bytes
            cuda.download(self._pinned[tensor.name], self._device[tensor.name], size, stream)


def _sizes(max_batch: int) -> list[int]:
    """1, 2, 4 … and `max_batch`."""
    powers = [1 << bit for bit in range(max_batch.bit_length()) if 1 << bit < max_batch]
    return [*powers, max_batch]
