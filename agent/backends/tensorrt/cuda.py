"""CUDA by ctypes: the search for a GPU, and the few calls that an engine needs. No dependency, for every JetPack.

`probe` calls the driver before TensorRT is used: without a driver some builds of TensorRT crash at their first call.
"""

from __future__ import annotations

import ctypes
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Load = Callable[[str], Any]
    """Opens a shared library by name or path, as `ctypes.CDLL` does; OSError where it can't."""

DRIVER = "libcuda.so.1"
RUNTIMES = (13, 12)
"""Major versions of CUDA in JetPack 7 and 6."""

COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR = 75, 76
"""CUdevice_attribute."""

NON_BLOCKING = 1
"""cudaStreamNonBlocking: the stream never waits for the default stream."""

CAPTURE_THREAD_LOCAL = 1
"""cudaStreamCaptureModeThreadLocal: calls of other threads do not affect the capture."""

TO_DEVICE, TO_HOST = 1, 2
"""cudaMemcpyKind."""

_handle, _bytes = ctypes.c_void_p, ctypes.c_size_t
_out = ctypes.POINTER(ctypes.c_void_p)
CALLS: Final[Mapping[str, tuple[Any, ...]]] = {
    "cudaMalloc": (_out, _bytes),
    "cudaFree": (_handle,),
    "cudaHostAlloc": (_out, _bytes, ctypes.c_uint),
    "cudaFreeHost": (_handle,),
    "cudaMemcpyAsync": (_handle, _handle, _bytes, ctypes.c_int, _handle),
    "cudaStreamCreateWithFlags": (_out, ctypes.c_uint),
    "cudaStreamDestroy": (_handle,),
    "cudaStreamSynchronize": (_handle,),
    "cudaStreamBeginCapture": (_handle, ctypes.c_int),
    "cudaStreamEndCapture": (_handle, _out),
    # Not cudaGraphInstantiate, whose arguments changed between CUDA 11 and 12.
    "cudaGraphInstantiateWithFlags": (_out, _handle, ctypes.c_ulonglong),
    "cudaGraphDestroy": (_handle,),
    "cudaGraphLaunch": (_handle, _handle),
    "cudaGraphExecDestroy": (_handle,),
}
"""The functions of libcudart that are called, with the types of their arguments; all return cudaError_t."""

REMEDIES: Final[Mapping[str, str]] = {
    "cudaErrorMemoryAllocation": "free memory on this device, or lower inference.max_batch",
    "cudaErrorInsufficientDriver": "libcudart is newer than the driver: install the CUDA that belongs to it",
    "cudaErrorNoDevice": "no GPU is visible: check that this user can open the device nodes",
}
REMEDY = "restart; if the error stays, look at dmesg, or set agent.backend = 'onnxruntime'"


@dataclass(frozen=True, slots=True)
class Device:
    """The GPU that CUDA calls device 0."""

    name: str
    compute_capability: tuple[int, int]
    cuda: tuple[int, int]
    """The newest CUDA that the driver supports, for example (12, 6)."""
    count: int
    """Number of GPUs in this machine."""


@dataclass(frozen=True, slots=True)
class NoDevice:
    """The probe found no usable GPU."""

    reason: str
    has_driver: bool = False
    """True: a driver is installed, and finds no usable GPU."""


def probe(load: Load = ctypes.CDLL) -> Device | NoDevice:
    """Ask the CUDA driver for the first GPU. Never raises; calls neither libcudart nor TensorRT."""
    try:
        driver = load(DRIVER)
    except OSError as error:
        return NoDevice(f"no CUDA driver ({error})")
    code = driver.cuInit(0)
    if code:
        return NoDevice(f"the CUDA driver finds no GPU (cuInit: {_driver_error(driver, code)})", has_driver=True)
    count, device, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    major, minor = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    calls = {
        "cuDeviceGetCount": (ctypes.byref(count),),
        "cuDeviceGet": (ctypes.byref(device), 0),
        "cuDeviceGetName": (name, len(name), device),
        "cuDeviceGetAttribute, major": (ctypes.byref(major), COMPUTE_CAPABILITY_MAJOR, device),
        "cuDeviceGetAttribute, minor": (ctypes.byref(minor), COMPUTE_CAPABILITY_MINOR, device),
        "cuDriverGetVersion": (ctypes.byref(version),),
    }
    for call, arguments in calls.items():
        code = getattr(driver, call.partition(",")[0])(*arguments)
        if code:
            return NoDevice(f"the CUDA driver does not work ({call}: {_driver_error(driver, code)})", has_driver=True)
    return Device(
        name=name.value.decode("utf-8", "replace"),
        compute_capability=(major.value, minor.value),
        cuda=(version.value // 1000, version.value % 1000 // 10),
        count=count.value,
    )


def _driver_error(driver: Any, code: int) -> str:  # noqa: ANN401 (a library's functions have no types)
    text = ctypes.c_char_p()
    driver.cuGetErrorName(code, ctypes.byref(text))
    return text.value.decode() if text.value else f"error {code}"


class Cuda:
    """The CUDA runtime (libcudart); every return code is checked. Handles and addresses are plain integers.

    Args:
        newest: the newest CUDA that the driver supports; a newer libcudart is not tried.
        load: opens a library.

    Raises:
        UnavailableError: there is no libcudart, or it lacks a function. All methods raise it when CUDA fails.
    """

    def __init__(self, newest: tuple[int, int], load: Load = ctypes.CDLL) -> None:
        self.path, self._library = _load_runtime(newest[0], load)
        missing = [name for name in CALLS if not hasattr(self._library, name)]
        if missing:
            raise UnavailableError(f"{self.path}: has no {missing[0]}; install the CUDA of your JetPack or driver")
        for name, arguments in CALLS.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
        self._library.cudaGetErrorName.argtypes = (ctypes.c_int,)
        self._library.cudaGetErrorName.restype = ctypes.c_char_p

    def malloc(self, size: int) -> int:
        """Allocate bytes on the device; return their address."""
        return self._create("cudaMalloc", size)

    def free(self, address: int) -> None:
        """Free what `malloc` allocated."""
        self._call("cudaFree", address)

    def host_alloc(self, size: int) -> int:
        """Allocate page-locked bytes on the host, which asynchronous copies need; return their address."""
        return self._create("cudaHostAlloc", size, 0)

    def host_free(self, address: int) -> None:
        """Free what `host_alloc` allocated."""
        self._call("cudaFreeHost", address)

    def stream(self) -> int:
        """Create a stream, a queue of work on the device."""
        return self._create("cudaStreamCreateWithFlags", NON_BLOCKING)

    def stream_destroy(self, stream: int) -> None:
        """Destroy what `stream` created."""
        self._call("cudaStreamDestroy", stream)

    def upload(self, device: int, host: int, size: int, stream: int) -> None:
        """Queue a copy of bytes to the device."""
        self._call("cudaMemcpyAsync", device, host, size, TO_DEVICE, stream)

    def download(self, host: int, device: int, size: int, stream: int) -> None:
        """Queue a copy of bytes from the device."""
        self._call("cudaMemcpyAsync", host, device, size, TO_HOST, stream)

    def synchronise(self, stream: int) -> None:
        """Wait until all queued work is done."""
        self._call("cudaStreamSynchronize", stream)

    def capture(self, stream: int, work: Callable[[], None]) -> int:
        """Return a graph of the work that `work` queues; the work is recorded, not run."""
        self._call("cudaStreamBeginCapture", stream, CAPTURE_THREAD_LOCAL)
        try:
            work()
        except BaseException:
            graph = ctypes.c_void_p()  # the stream must end the capture, or it can't be used any more
            self._library.cudaStreamEndCapture(stream, ctypes.byref(graph))
            raise
        # As in `_create`, but here the stream is the first argument.
        graph = ctypes.c_void_p()
        self._call("cudaStreamEndCapture", stream, ctypes.byref(graph))
        if not graph.value:
            raise UnavailableError(f"CUDA: cudaStreamEndCapture gave no graph; {REMEDY}")
        try:
            return self._create("cudaGraphInstantiateWithFlags", graph.value, 0)
        finally:
            self._call("cudaGraphDestroy", graph.value)

    def launch(self, graph: int, stream: int) -> None:
        """Queue the work of a graph."""
        self._call("cudaGraphLaunch", graph, stream)

    def graph_destroy(self, graph: int) -> None:
        """Destroy what `capture` returned."""
        self._call("cudaGraphExecDestroy", graph)

    def _create(self, name: str, *arguments: int) -> int:
        handle = ctypes.c_void_p()
        self._call(name, ctypes.byref(handle), *arguments)
        return handle.value or 0

    def _call(self, name: str, *arguments: Any) -> None:  # noqa: ANN401 (as above)
        code = getattr(self._library, name)(*arguments)
        if code:
            text = self._library.cudaGetErrorName(code)
            error = text.decode() if text else f"error {code}"
            raise UnavailableError(f"CUDA: {name} failed: {error}; {REMEDIES.get(error, REMEDY)}")


def _load_runtime(newest: int, load: Load) -> tuple[str, Any]:
    first_error = ""
    for name in _candidates(newest):
        try:
            return name, load(name)
        except OSError as error:  # noqa: PERF203 (the names are few)
            first_error = first_error or str(error)
    wheel = "nvidia-cuda-runtime" if newest >= RUNTIMES[0] else f"nvidia-cuda-runtime-cu{newest}"
    raise UnavailableError(
        f"no libcudart for this driver, of CUDA {newest} ({first_error}); on a Jetson: sudo apt-get install "
        f"nvidia-jetpack; on a PC: pip install {wheel}"
    )


def _candidates(newest: int) -> Iterator[str]:
    """Yield names for the loader's search path, then paths of CUDA and of NVIDIA's wheels; the newest version first."""
    majors = [major for major in RUNTIMES if major <= newest]
    yield from (f"libcudart.so.{major}" for major in majors)
    site = Path(sysconfig.get_path("purelib"))
    places = (Path("/usr/local/cuda/lib64"), *sorted(site.glob("nvidia/*/lib")))
    for major in majors:
        yield from (
            str(place / f"libcudart.so.{major}") for place in places if (place / f"libcudart.so.{major}").exists()
        )
