"""The memory that an engine computes in: each tensor on the device, and what the agent reads on the host as well."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.backend import Outputs
from drsn.agent.backends.tensorrt.engine import INPUT, OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from drsn.agent.backends.tensorrt.cuda import Cuda
    from drsn.agent.backends.tensorrt.engine import Tensor


class Buffers:
    """Memory for `max_batch` windows, allocated once; `stack` frees it.

    Args:
        cuda: the CUDA runtime.
        tensors: all inputs and outputs of the engine; those that are not `wanted` have no memory on the host.
        max_batch: windows.
        stack: frees the memory when it is closed.

    Raises:
        UnavailableError: CUDA gives no memory.
    """

    def __init__(self, cuda: Cuda, tensors: Sequence[Tensor], max_batch: int, stack: ExitStack) -> None:
        self._cuda = cuda
        self._tensors = {tensor.name: tensor for tensor in tensors}
        self.addresses: dict[str, int] = {}
        """Tensor -> its address on the device."""
        self._pinned: dict[str, int] = {}  # tensor -> address in page-locked host memory
        self._host: dict[str, NDArray[np.float32]] = {}  # the same memory as arrays
        for tensor in tensors:
            size = max_batch * tensor.window_bytes
            self.addresses[tensor.name] = cuda.malloc(size)
            stack.callback(cuda.free, self.addresses[tensor.name])
            if tensor.wanted:
                self._pinned[tensor.name] = address = cuda.host_alloc(size)
                stack.callback(cuda.host_free, address)
                self._host[tensor.name] = _array(address, size).reshape(max_batch, *tensor.shape)
        stack.callback(self._host.clear)  # no array may refer to memory that is freed

    def fill(self, x: NDArray[np.float32]) -> None:
        """Copy windows into the first rows of the input; the other rows keep the windows of an earlier call."""
        np.copyto(self._host[INPUT][: len(x)], x)

    def outputs(self, batch: int) -> Outputs:
        """Return views of the first `batch` rows of each output."""
        alpha = self._host.get(OPTIONAL)
        probabilities, novelty = self._host["probabilities"], self._host["novelty"]
        return Outputs(probabilities[:batch], novelty[:batch], None if alpha is None else alpha[:batch])

    def upload(self, batch: int, stream: int) -> None:
        """Queue the copy of the input's first `batch` rows to the device."""
        size = batch * self._tensors[INPUT].window_bytes
        self._cuda.upload(self.addresses[INPUT], self._pinned[INPUT], size, stream)

    def download(self, batch: int, stream: int) -> None:
        """Queue the copy of each wanted output's first `batch` rows to the host."""
        for name in self._pinned:
            if name != INPUT:
                size = batch * self._tensors[name].window_bytes
                self._cuda.download(self._pinned[name], self.addresses[name], size, stream)


def _array(address: int, size: int) -> NDArray[np.float32]:
    memory = (ctypes.c_char * size).from_address(address)
    content: NDArray[np.float32] = np.frombuffer(memoryview(memory), np.float32)
    content[:] = 0  # the rows that a small first batch leaves unused hold zeros, not random bytes
    return content
