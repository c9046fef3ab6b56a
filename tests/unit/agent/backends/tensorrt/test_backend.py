from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from engine_files import plan_bytes
from fake_cuda import Gpu
from fake_tensorrt import VERSIONS, Behaviour, fake

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.tensorrt.backend import TensorRtBackend
from drsn.agent.backends.tensorrt.engine import Engine
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import DrsnError, UnavailableError

BUNDLE = open_bundle(shipped("synthetic"))
MODEL = BUNDLE.read("model.onnx")
MAX_BATCH = 12
CAPTURING = "10.3.0"


def windows(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 1, BUNDLE.contract.window)).astype(np.float32)


def opened(
    gpu: Gpu,
    version: str = CAPTURING,
    *,
    graphs: bool = True,
    behaviour: Behaviour | None = None,
    max_batch: int = MAX_BATCH,
):
    library = fake(version, behaviour or Behaviour(gpu))
    return TensorRtBackend(library, gpu.cuda(), plan_bytes(library, MODEL), BUNDLE.contract, max_batch, graphs=graphs)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("graphs", [True, False])
def test_every_batch_size_gives_what_onnx_runtime_gives(version: str, graphs: bool):  # noqa: FBT001 (a parameter)
    x = windows(MAX_BATCH)
    with opened(Gpu(), version, graphs=graphs) as backend, OnnxBackend(MODEL, BUNDLE.contract, MAX_BATCH) as other:
        for batch in (*range(1, MAX_BATCH + 1), 1, 5):  # and a small one after a large one, whose rows are still there
            actual, expected = backend.infer(x[-batch:]), other.infer(x[-batch:])
            np.testing.assert_allclose(actual.probabilities, expected.probabilities, atol=1e-5)
            np.testing.assert_allclose(actual.novelty, expected.novelty, rtol=1e-4)
            np.testing.assert_allclose(actual.alpha, expected.alpha, atol=1e-5)


def test_one_graph_for_each_power_of_two_and_one_launch_a_call():
    gpu = Gpu()
    with opened(gpu) as backend:
        assert [context.batch for context in backend.contexts] == [1, 2, 4, 8, 12]
        before = gpu.calls.copy()
        backend.infer(windows(3))
        assert dict(gpu.calls - before) == {"cudaGraphLaunch": 1, "cudaStreamSynchronize": 1}


@pytest.mark.parametrize(("most", "sizes"), [(1, [1]), (2, [1, 2]), (8, [1, 2, 4, 8]), (9, [1, 2, 4, 8, 9])])
def test_no_batch_size_has_two_contexts(most: int, sizes: list[int]):
    with opened(Gpu(), max_batch=most) as backend:
        assert [context.batch for context in backend.contexts] == sizes


def test_what_nobody_reads_has_no_memory_on_the_host():
    gpu = Gpu()
    with opened(gpu):
        assert len(gpu.host_memory) == len(("x", "probabilities", "novelty", "alpha"))
        assert len(gpu.device_memory) == len(gpu.host_memory) + len(("logits", "embedding"))


def test_a_network_without_learned_thresholds_gives_none():
    gpu = Gpu()
    with opened(gpu, behaviour=Behaviour(gpu, renamed={"alpha": "beta"})) as backend:
        assert backend.infer(windows(1)).alpha is None


def test_contexts_go_before_their_engine_and_nothing_is_kept(monkeypatch: pytest.MonkeyPatch):
    left: list[int] = []
    monkeypatch.setattr(Engine, "close", lambda _self: left.append(len(backend.contexts)))
    backend = opened(Gpu())
    backend.close()
    assert left == [0]


def test_the_switch_queues_part_by_part_and_captures_nothing():
    gpu = Gpu()
    with opened(gpu, graphs=False) as backend:
        backend.infer(windows(3))
    assert not any("Graph" in name or "Capture" in name for name in gpu.calls)


def test_tensorrt_rtx_keeps_its_own_graphs_and_compiles_at_the_start():
    """It compiles kernels while it runs; a graph that was captured from outside would hold the first, slow ones."""
    gpu = Gpu()
    for graphs, strategy in ((True, "WHOLE_GRAPH_CAPTURE"), (False, "DISABLED")):
        with opened(gpu, "rtx-1.7.1", graphs=graphs) as backend:
            for made in backend.contexts:
                assert made.context._config.cuda_graph_strategy.name == strategy
                assert made.context._config.dynamic_shapes_kernel_specialization_strategy.name == "EAGER"
    assert gpu.calls["cudaStreamBeginCapture"] == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_closing_frees_everything(version: str):
    gpu = Gpu()
    backend = opened(gpu, version)
    assert gpu.held > 0
    backend.close()
    assert gpu.held == 0


@pytest.mark.parametrize("graphs", [True, False])
def test_a_call_allocates_nothing_on_the_device_and_keeps_nothing_on_the_host(
    graphs: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("fake_tensorrt._Context._compute", lambda _self: None)  # ONNX Runtime keeps some itself
    gpu = Gpu()
    x = windows(MAX_BATCH)
    with opened(gpu, graphs=graphs) as backend:
        made = gpu.calls["cudaMalloc"], gpu.calls["cudaHostAlloc"]
        answers = {id(backend.infer(x[:batch])) for batch in (1, 5, MAX_BATCH) for _ in range(3)}
        tracemalloc.start()
        kept = []
        for _ in range(2):
            for _ in range(200):
                backend.infer(x)
            kept.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert (gpu.calls["cudaMalloc"], gpu.calls["cudaHostAlloc"]) == made
    assert len(answers) == 3, "the answers are views made once"
    assert kept[1] - kept[0] < 2_000, "200 calls more leave less than one object each"


def test_a_graph_that_can_not_be_captured_costs_a_warning_and_no_answer(caplog):
    gpu = Gpu(broken={"cudaStreamEndCapture": 901})
    behaviour = Behaviour(gpu)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fake_cuda.Libcudart.cudaStreamBeginCapture", lambda _self, _stream, _mode: 0)
        backend = opened(gpu, behaviour=behaviour)
    with backend, OnnxBackend(MODEL, BUNDLE.contract, MAX_BATCH) as other:
        x = windows(2)
        np.testing.assert_allclose(backend.infer(x).probabilities, other.infer(x).probabilities, atol=1e-5)
    assert [record.message for record in caplog.records] == [
        "CUDA graph not available: the network runs layer by layer"
    ] * 5
    assert gpu.held == 0


OPENING = (
    "cudaMalloc", "cudaHostAlloc", "cudaMemcpyAsync", "cudaStreamCreateWithFlags", "cudaStreamSynchronize",
)  # fmt: skip


@pytest.mark.parametrize("call", OPENING)
def test_a_failure_of_cuda_while_opening_is_told_and_leaves_nothing(call: str):
    gpu = Gpu(broken={call: 2})
    with pytest.raises(UnavailableError, match=f"{call} failed: cudaErrorMemoryAllocation"):
        opened(gpu)
    assert gpu.held == 0


REFUSALS = (
    "Runtime", "deserialize_cuda_engine", "create_execution_context",
    "set_input_shape", "set_tensor_address", "execute_async_v3",
)  # fmt: skip


@pytest.mark.parametrize("method", REFUSALS)
@pytest.mark.parametrize("version", ["10.3.0", "11.4.0", "rtx-1.7.1"])
def test_a_none_or_false_of_tensorrt_is_told_in_its_own_words_and_leaves_nothing(method: str, version: str):
    gpu = Gpu()
    with pytest.raises(DrsnError, match=f"{method} is to fail"):
        opened(gpu, version, behaviour=Behaviour(gpu, refused={method}))
    assert gpu.held == 0


def test_rtx_without_a_runtime_configuration_says_so():
    gpu = Gpu()
    with pytest.raises(UnavailableError, match="no runtime configuration"):
        opened(gpu, "rtx-1.7.1", behaviour=Behaviour(gpu, refused={"create_runtime_config"}))


@pytest.mark.parametrize("call", ["cudaGraphLaunch", "cudaStreamSynchronize"])
def test_a_failure_while_running_ends_in_one_line(call: str):
    gpu = Gpu()
    with opened(gpu) as backend:
        gpu.broken[call] = 700
        with pytest.raises(UnavailableError, match=f"{call} failed: cudaErrorIllegalAddress"):
            backend.infer(windows(1))
        gpu.broken.clear()
    assert gpu.held == 0


def test_a_refused_run_without_graphs_ends_in_one_line():
    gpu = Gpu()
    behaviour = Behaviour(gpu)
    with opened(gpu, graphs=False, behaviour=behaviour) as backend:
        behaviour.refused.add("execute_async_v3")
        with pytest.raises(UnavailableError, match="must restart"):
            backend.infer(windows(1))
