"""A GPU that is plain memory, behind the functions of libcuda and libcudart that the agent calls, by their C names.

It tests control flow: that work is queued, waited for, captured and freed, and that each failure is noticed. It does
not show that a real GPU computes anything.
"""

# ruff: noqa: ANN401, ARG002, N802 (C functions have C names, no types, and arguments that plain memory needs not)

from __future__ import annotations

import ctypes
import itertools
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.tensorrt.cuda import Cuda, Device

if TYPE_CHECKING:
    from collections.abc import Callable

ERRORS = {
    1: "cudaErrorInvalidValue",
    2: "cudaErrorMemoryAllocation",
    35: "cudaErrorInsufficientDriver",
    400: "cudaErrorInvalidResourceHandle",
    700: "cudaErrorIllegalAddress",
    901: "cudaErrorStreamCaptureInvalidated",
}
INVALID_VALUE, OUT_OF_MEMORY, INVALID_HANDLE = 1, 2, 400
TO_DEVICE, TO_HOST = 1, 2
ORIN = Device("Orin", (8, 7), (12, 6), 1)
BEYOND = 1 << 48
"""Device addresses are above all host memory, so that code that confuses the two fails."""


@dataclass
class Gpu:
    """Memory and queues. A queue runs only when it is waited for, so that a missing wait shows as old outputs."""

    device: Device = ORIN
    device_memory: dict[int, Any] = field(default_factory=dict)
    host_memory: dict[int, Any] = field(default_factory=dict)
    streams: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    captures: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    graphs: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    launchable: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    """Function -> the error code that it returns instead of its work."""
    calls: Counter[str] = field(default_factory=Counter)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def load(self, name: str) -> Any:
        """As `ctypes.CDLL`."""
        if name == "libcuda.so.1":
            return Libcuda(self)
        if name == f"libcudart.so.{self.device.cuda[0]}":
            return Libcudart(self)
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    def cuda(self) -> Cuda:
        return Cuda(self.device.cuda, self.load)

    def number(self) -> int:
        """Return a number that no handle had before."""
        return next(self._numbers)

    def queue(self, stream: int, work: Callable[[], None]) -> None:
        """Run it later, or record it if the stream is being captured."""
        self.captures.get(stream, self.streams[stream]).append(work)

    def buffer(self, address: int, size: int) -> Any:
        """Return the `size` bytes at a device address.

        Raises:
            LookupError: nothing is allocated there; a real GPU would report an illegal address, or read other data.
        """
        content = self.device_memory[address]
        if size > len(content):
            raise LookupError(f"{size} bytes of {len(content)}")
        return content

    @property
    def held(self) -> int:
        """Number of handles and allocations that are not freed yet."""
        kinds = (self.device_memory, self.host_memory, self.streams, self.captures, self.graphs, self.launchable)
        return sum(map(len, kinds))


class _Library:
    """Counts the calls of each `cu...` method, and fails those in `broken`; there are no other names."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        for name in [name for name in dir(self) if name.startswith("cu")]:
            setattr(self, name, partial(self._called, name, getattr(self, name)))

    def _called(self, name: str, function: Callable[..., int], *arguments: Any) -> Any:
        self._gpu.calls[name] += 1
        return self._gpu.broken[name] if name in self._gpu.broken else function(*arguments)


class Libcuda(_Library):
    """The driver."""

    def cuInit(self, flags: int) -> int:
        return 0

    def cuGetErrorName(self, code: int, out: Any) -> int:
        out._obj.value = {100: b"CUDA_ERROR_NO_DEVICE", 803: b"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"}.get(code)
        return 0 if out._obj.value else 1

    def cuDeviceGetCount(self, out: Any) -> int:
        out._obj.value = self._gpu.device.count
        return 0

    def cuDeviceGet(self, out: Any, ordinal: int) -> int:
        out._obj.value = ordinal
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = self._gpu.device.name.encode()
        return 0

    def cuDeviceGetAttribute(self, out: Any, attribute: int, device: Any) -> int:
        out._obj.value = self._gpu.device.compute_capability[{75: 0, 76: 1}[attribute]]
        return 0

    def cuDriverGetVersion(self, out: Any) -> int:
        major, minor = self._gpu.device.cuda
        out._obj.value = 1000 * major + 10 * minor
        return 0


class Libcudart(_Library):
    """The runtime."""

    def cudaGetErrorName(self, code: int) -> bytes:
        return ERRORS[code].encode()

    def cudaMalloc(self, out: Any, size: int) -> int:
        address = BEYOND + self._gpu.number() * BEYOND
        self._gpu.device_memory[address] = ctypes.create_string_buffer(b"\xff" * size, size)
        out._obj.value = address
        return 0

    def cudaFree(self, address: int) -> int:
        return self._freed(self._gpu.device_memory, address)

    def cudaHostAlloc(self, out: Any, size: int, flags: int) -> int:
        content = ctypes.create_string_buffer(b"\xff" * size, size)
        out._obj.value = ctypes.addressof(content)
        self._gpu.host_memory[out._obj.value] = content
        return 0

    def cudaFreeHost(self, address: int) -> int:
        return self._freed(self._gpu.host_memory, address)

    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: int, stream: int) -> int:
        memory = {TO_DEVICE: self._gpu.device_memory, TO_HOST: self._gpu.host_memory}
        into, out_of = memory[kind].get(target), memory[TO_DEVICE + TO_HOST - kind].get(source)
        if into is None or out_of is None or size > len(into) or size > len(out_of):
            return INVALID_VALUE
        self._gpu.queue(stream, partial(ctypes.memmove, into, out_of, size))
        return 0

    def cudaStreamCreateWithFlags(self, out: Any, flags: int) -> int:
        out._obj.value = self._gpu.number()
        self._gpu.streams[out._obj.value] = []
        return 0

    def cudaStreamDestroy(self, stream: int) -> int:
        return self._freed(self._gpu.streams, stream)

    def cudaStreamSynchronize(self, stream: int) -> int:
        if stream in self._gpu.captures:
            return 900
        waiting, self._gpu.streams[stream] = self._gpu.streams[stream], []
        for work in waiting:
            work()
        return 0

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> int:
        self._gpu.captures[stream] = []
        return 0

    def cudaStreamEndCapture(self, stream: int, out: Any) -> int:
        return self._named(out, self._gpu.graphs, self._gpu.captures.pop(stream))

    def cudaGraphInstantiateWithFlags(self, out: Any, graph: int, flags: int) -> int:
        return self._named(out, self._gpu.launchable, list(self._gpu.graphs[graph]))

    def cudaGraphDestroy(self, graph: int) -> int:
        return self._freed(self._gpu.graphs, graph)

    def cudaGraphLaunch(self, graph: int, stream: int) -> int:
        self._gpu.streams[stream].extend(self._gpu.launchable[graph])
        return 0

    def cudaGraphExecDestroy(self, graph: int) -> int:
        return self._freed(self._gpu.launchable, graph)

    def _named(self, out: Any, kind: dict[int, Any], content: Any) -> int:
        out._obj.value = self._gpu.number()
        kind[out._obj.value] = content
        return 0

    @staticmethod
    def _freed(kind: dict[int, Any], handle: int) -> int:
        return 0 if kind.pop(handle, None) is not None else INVALID_HANDLE
