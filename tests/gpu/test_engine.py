"""Tests that need a real GPU: an engine runs, computes what the network computes, leaks nothing; its latency."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import numpy as np
import pytest

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.tensorrt.compat import load
from drsn.agent.backends.tensorrt.cuda import Cuda, Device, probe
from drsn.agent.backends.tensorrt.engine_search import NoEngine, Platform, find_engine
from drsn.agent.backends.tolerance import limits_of

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

MAX_BATCH = 32
BATCHES = (1, 2, 3, 8, 17, 32)
LEAK_CALLS = 10_000
LEAK_BYTES = 8 << 20
"""Host memory that allocators may keep. One window kept for each call would be 80 MB."""


def windows(rig, count: int, seed: int = 1) -> np.ndarray:
    """The golden windows, and `count` windows of noise of any amplitude."""
    golden = rig.bundle.golden().x
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((count, *golden.shape[1:])) * 10.0 ** generator.uniform(-3, 4, (count, 1, 1))
    return np.concatenate([golden, noise.astype(np.float32)])


def answers(backend, x: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    probabilities, novelty = [], []
    for start in range(0, len(x), batch):
        outputs = backend.infer(x[start : start + batch])
        probabilities.append(outputs.probabilities.copy())
        novelty.append(outputs.novelty.copy())
    return np.concatenate(probabilities), np.concatenate(novelty)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def free_bytes() -> int:
    """Free memory of the GPU; on a Jetson it is the main memory, which other programs use as well."""
    device = probe()
    assert isinstance(device, Device)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    code = ctypes.CDLL(Cuda(device.cuda).path).cudaMemGetInfo(ctypes.byref(free), ctypes.byref(total))
    assert code == 0
    return free.value


def test_what_was_built_is_found_and_passes_the_agents_self_test(rig):
    device, library = probe(), load(rig.flavour)
    found = find_engine(rig.engine_dir, rig.bundle, Platform(rig.flavour, library.version, device), MAX_BATCH)
    assert not isinstance(found, NoEngine), found.reason
    chosen = rig.open()
    assert (chosen.backend.name, chosen.engine, chosen.reasons) == (rig.flavour, found.path.name, ())
    chosen.backend.close()
    rig.report["build_s"] = found.sidecar.build_s
    rig.report["plan_bytes"] = found.sidecar.plan_bytes


@pytest.mark.parametrize("cuda_graphs", [True, False], ids=["graphs", "no graphs"])
@pytest.mark.parametrize("batch", BATCHES)
def test_parity_with_onnx_runtime_at_every_batch_size(rig, batch: int, cuda_graphs: bool):  # noqa: FBT001
    x = windows(rig, 512)
    limits = limits_of(rig.precision, strict=False)
    chosen = rig.open(cuda_graphs=cuda_graphs)
    with (
        chosen.backend as backend,
        OnnxBackend(rig.bundle.read("model.onnx"), rig.bundle.contract, MAX_BATCH) as reference,
    ):
        probabilities, novelty = answers(backend, x, batch)
        expected, expected_novelty = answers(reference, x, batch)
    assert np.isfinite(probabilities).all()
    assert np.isfinite(novelty).all()
    off = float(np.abs(probabilities - expected).max())
    rig.report["max_abs"] = max(off, float(rig.report.get("max_abs", 0)))
    assert off <= limits.probability
    assert (np.abs(novelty - expected_novelty) / (1 + np.abs(expected_novelty))).max() <= limits.novelty
    second, best = np.sort(expected, axis=1)[:, -2:].T
    clear = best - second > 2 * limits.probability
    np.testing.assert_array_equal(probabilities.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])


def test_ten_thousand_calls_leave_memory_as_it_was(rig):
    x = windows(rig, MAX_BATCH)[-MAX_BATCH:]
    with rig.open().backend as backend:
        for call in range(500):  # pools fill, lazy modules load
            backend.infer(x[: 1 + call % MAX_BATCH])
        before, free_before = resident_bytes(), free_bytes()
        for call in range(LEAK_CALLS):
            backend.infer(x[: 1 + call % MAX_BATCH])
        grown, taken = resident_bytes() - before, free_before - free_bytes()
    rig.report["leak_bytes"] = {"calls": LEAK_CALLS, "host": grown, "gpu": taken}
    assert grown < LEAK_BYTES
    assert taken < LEAK_BYTES


def test_opening_and_closing_leaves_memory_as_it_was(rig):
    def once() -> None:
        rig.open().backend.close()

    for _ in range(3):
        once()
    before = free_bytes()
    for _ in range(10):
        once()
    assert before - free_bytes() < LEAK_BYTES


@pytest.mark.parametrize("cuda_graphs", [True, False], ids=["graphs", "no graphs"])
def test_latency(rig, cuda_graphs: bool, capsys):  # noqa: FBT001
    """Latency of a whole call: copy, upload, network, download, wait."""
    x = windows(rig, MAX_BATCH)
    rows = {}
    with rig.open(cuda_graphs=cuda_graphs).backend as backend:
        for batch in (1, 8, 32):
            seconds = []
            for call in range(1100):
                before_s = time.perf_counter()
                backend.infer(x[:batch])
                seconds.append(time.perf_counter() - before_s if call >= 100 else np.nan)
            p50, p99 = np.nanpercentile(seconds, [50, 99]) * 1e3
            rows[batch] = {"p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4)}
    rig.report.setdefault("latency", {})["graphs" if cuda_graphs else "no graphs"] = rows
    with capsys.disabled():
        print(f"\n{rig.flavour} {rig.precision}, {'' if cuda_graphs else 'no '}graphs: {rows}")  # noqa: T201 (for who runs it)
    assert rows[1]["p50_ms"] < 20, "the agent waits up to 20 ms for a fuller batch; a call must be shorter"
