from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from fake_cuda import ERRORS, Gpu, Libcudart

from drsn.agent.backends.tensorrt.cuda import CALLS, Cuda, Device, NoDevice, probe
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

WINDOW_BYTES = 8192


def test_a_gpu_is_described():
    gpu = Gpu(device=Device("NVIDIA Thor", (11, 0), (13, 2), 1))
    assert probe(gpu.load) == gpu.device
    assert not any(name.startswith("cuda") for name in gpu.calls), "the runtime is not touched"


def test_without_a_driver_the_loaders_words_are_the_reason():
    def load(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    found = probe(load)
    assert found == NoDevice("no CUDA driver (libcuda.so.1: cannot open shared object file)", has_driver=False)


@pytest.mark.parametrize(("code", "said"), [(100, "CUDA_ERROR_NO_DEVICE"), (4711, "error 4711")])
def test_a_driver_that_finds_no_gpu_says_why(code: int, said: str):
    gpu = Gpu(broken={"cuInit": code})
    found = probe(gpu.load)
    assert isinstance(found, NoDevice)
    assert (found.has_driver, said in found.reason) == (True, True)
    assert set(gpu.calls) == {"cuInit", "cuGetErrorName"}, "nothing is asked of a driver that did not start"


@pytest.mark.parametrize(
    "call", ["cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDriverGetVersion"]
)
def test_every_answer_of_the_driver_is_checked(call: str):
    found = probe(Gpu(broken={call: 803}).load)
    assert isinstance(found, NoDevice)
    assert call in found.reason
    assert "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" in found.reason


@pytest.mark.parametrize(
    ("driver", "here", "taken"),
    [
        ((12, 6), ("libcudart.so.12",), "libcudart.so.12"),
        ((13, 2), ("libcudart.so.12", "libcudart.so.13"), "libcudart.so.13"),
        ((13, 0), ("libcudart.so.12",), "libcudart.so.12"),
        ((12, 2), ("libcudart.so.12", "libcudart.so.13"), "libcudart.so.12"),
    ],
)
def test_the_newest_runtime_that_the_driver_can_serve_is_taken(
    driver: tuple[int, int], here: tuple[str, ...], taken: str
):
    def load(name: str) -> object:
        if name not in here:
            raise OSError(f"{name}: no such file")
        return Libcudart(Gpu())

    assert Cuda(driver, load).path == taken


def test_a_runtime_newer_than_the_driver_is_not_tried_and_the_remedy_fits_the_driver():
    tried: list[str] = []

    def load(name: str) -> object:
        tried.append(name)
        raise OSError(f"{name}: no such file")

    first = re.escape("(libcudart.so.12: no such file)")
    with pytest.raises(UnavailableError, match=rf"no libcudart .*{first}.* nvidia-cuda-runtime-cu12$"):
        Cuda((12, 6), load)
    assert not any("13" in name.rpartition("/")[2] for name in tried)
    with pytest.raises(UnavailableError, match=r"no libcudart .*pip install nvidia-cuda-runtime$"):
        Cuda((13, 0), load)


def test_places_that_have_no_runtime_are_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "nvidia" / "cublas" / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "cuda_runtime" / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "cuda_runtime" / "lib" / "libcudart.so.12").touch()
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    tried: list[str] = []

    def load(name: str) -> object:
        tried.append(name)
        raise OSError(f"{name}: no such file")

    with pytest.raises(UnavailableError, match=r"\(libcudart\.so\.12: no such file\)"):  # what the loader said first
        Cuda((12, 6), load)
    assert not any("cublas" in name for name in tried)
    assert any("cuda_runtime" in name for name in tried)


def test_an_error_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Libcudart, "cudaGetErrorName", lambda _self, _code: None)
    with pytest.raises(UnavailableError, match="cudaMalloc failed: error 4711; restart"):
        work(Gpu(broken={"cudaMalloc": 4711}))


@pytest.mark.parametrize("name", CALLS)
def test_a_runtime_without_a_function_is_refused(name: str):
    library = Libcudart(Gpu())

    class Lacking:
        def __getattr__(self, asked: str) -> object:
            if asked == name:
                raise AttributeError(asked)
            return getattr(library, asked)

    with pytest.raises(UnavailableError, match=f"has no {name}"):
        Cuda((12, 6), lambda _path: Lacking())


def work(gpu: Gpu) -> bytes:
    """Every function that there is; what came back from the device."""
    cuda = gpu.cuda()
    device, host, stream = cuda.malloc(WINDOW_BYTES), cuda.host_alloc(WINDOW_BYTES), cuda.stream()
    gpu.host_memory[host][:3] = b"abc"

    def round_trip() -> None:
        cuda.upload(device, host, WINDOW_BYTES, stream)
        cuda.download(host, device, WINDOW_BYTES, stream)

    graph = cuda.capture(stream, round_trip)
    cuda.synchronise(stream)
    assert gpu.device_memory[device][:3] == b"\xff\xff\xff", "what is captured does not run"
    cuda.launch(graph, stream)
    cuda.synchronise(stream)
    content = gpu.device_memory[device][:3]
    gpu.host_memory[host][:3] = b"..."
    cuda.download(host, device, WINDOW_BYTES, stream)
    cuda.synchronise(stream)
    assert gpu.host_memory[host][:3] == content
    cuda.graph_destroy(graph)
    cuda.stream_destroy(stream)
    cuda.host_free(host)
    cuda.free(device)
    return content


def test_what_is_captured_runs_when_it_is_launched_and_nothing_stays():
    gpu = Gpu()
    assert work(gpu) == b"abc"
    assert gpu.held == 0
    assert set(gpu.calls) == set(CALLS), "and no function is declared that nobody calls"


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("code", [2, 700])
def test_every_return_code_is_checked(name: str, code: int):
    with pytest.raises(UnavailableError, match=f"CUDA: {name} failed: {ERRORS[code]}; "):
        work(Gpu(broken={name: code}))


def test_out_of_memory_has_its_own_remedy():
    with pytest.raises(UnavailableError, match=r"lower inference\.max_batch"):
        work(Gpu(broken={"cudaMalloc": 2}))


def test_a_capture_that_fails_leaves_a_stream_that_works():
    gpu = Gpu()
    cuda = gpu.cuda()
    stream = cuda.stream()

    def stumble() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cuda.capture(stream, stumble)
    assert gpu.captures == {}
    cuda.synchronise(stream)


def test_a_capture_that_gives_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Libcudart, "cudaStreamEndCapture", lambda _self, _stream, _out: 0)
    with pytest.raises(UnavailableError, match="gave no graph"):
        work(Gpu())


@pytest.mark.parametrize(("major", "package"), [(12, "cuda_runtime"), (13, "cu13")])
def test_the_runtime_of_nvidias_wheels_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, major: int, package: str
):
    """Where nvidia-cuda-runtime-cu12 12.9 and nvidia-cuda-runtime 13.5 put it."""
    path = tmp_path / "nvidia" / package / "lib" / f"libcudart.so.{major}"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))

    def load(name: str) -> object:
        if name != str(path):
            raise OSError(f"{name}: no such file")
        return Libcudart(Gpu())

    assert Cuda((major, 0), load).path == str(path)
