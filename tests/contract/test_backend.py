"""What every backend promises: the one without a model, and ONNX Runtime and TensorRT on a shipped bundle.

TensorRT is a fake of each version's names on a fake GPU here (tests/fake_tensorrt.py); tests/gpu runs the real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from engine_files import plan_bytes
from fake_cuda import Gpu
from fake_tensorrt import VERSIONS, Behaviour, fake

from drsn.agent.backends.fake import ToneBackend, tone_of
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.tensorrt.backend import TensorRtBackend
from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend

BUNDLE = open_bundle(shipped("synthetic"))
MAX_BATCH = 8


def engine(version: str, *, graphs: bool) -> Backend:
    gpu = Gpu()
    library = fake(version, Behaviour(gpu))
    plan = plan_bytes(library, BUNDLE.read("model.onnx"))
    return TensorRtBackend(library, gpu.cuda(), plan, BUNDLE.contract, MAX_BATCH, graphs=graphs)


BACKENDS: dict[str, Callable[[], Backend]] = {
    "tone": lambda: ToneBackend(BUNDLE.contract, MAX_BATCH),
    "onnxruntime": lambda: OnnxBackend(BUNDLE.read("model.onnx"), BUNDLE.contract, MAX_BATCH),
    "tensorrt without graphs": lambda: engine(VERSIONS[0], graphs=False),
    **{f"tensorrt {version}": partial(engine, version, graphs=True) for version in VERSIONS},
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    made = BACKENDS[request.param]()
    yield made
    made.close()


@pytest.fixture
def windows() -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((MAX_BATCH, 1, BUNDLE.contract.window)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3, MAX_BATCH])
def test_outputs_have_the_documented_shapes_and_rows_sum_to_one(backend, windows, batch: int):
    outputs = backend.infer(windows[:batch])
    assert outputs.probabilities.shape == (batch, len(BUNDLE.contract.labels))
    assert outputs.novelty.shape == (batch,)
    assert outputs.probabilities.dtype == outputs.novelty.dtype == np.float32
    np.testing.assert_allclose(outputs.probabilities.sum(axis=1), 1, atol=1e-5)


def test_an_answer_does_not_depend_on_the_windows_beside_it(backend, windows):
    together = backend.infer(windows).probabilities.copy()
    alone = np.concatenate([backend.infer(windows[i : i + 1]).probabilities.copy() for i in range(MAX_BATCH)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("gain", [1e-4, 1e6])
def test_gain_changes_nothing(backend, windows, gain: float):
    expected = backend.infer(windows).probabilities.copy()
    np.testing.assert_allclose(backend.infer(windows * np.float32(gain)).probabilities, expected, atol=1e-3)


def test_a_flat_window_gives_finite_answers(backend):
    outputs = backend.infer(np.full((1, 1, BUNDLE.contract.window), 3, np.float32))
    assert np.isfinite(outputs.probabilities).all()
    assert np.isfinite(outputs.novelty).all()


def test_an_input_is_left_as_it_was(backend, windows):
    before = windows.copy()
    backend.infer(windows)
    np.testing.assert_array_equal(windows, before)


@pytest.mark.parametrize("shape", [(0, 1, 2048), (MAX_BATCH + 1, 1, 2048), (1, 2, 2048), (1, 1, 2047), (1, 2048)])
def test_another_shape_is_refused(backend, shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="is not float32"):
        backend.infer(np.zeros(shape, np.float32))


def test_another_dtype_is_refused(backend, windows):
    with pytest.raises(ValueError, match="float64"):
        backend.infer(windows.astype(np.float64))


def test_closing_twice_is_fine_and_a_closed_backend_says_so(backend, windows):
    backend.close()
    backend.close()
    with pytest.raises(ValueError, match="closed"):
        backend.infer(windows)


def test_a_with_block_closes(backend, windows):
    with backend as opened:
        opened.infer(windows)
    with pytest.raises(ValueError, match="closed"):
        backend.infer(windows)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_tone_of_a_label_is_called_by_that_label(name: str):
    contract = open_bundle(shipped(name)).contract
    with ToneBackend(contract, MAX_BATCH) as backend:
        for index, label in enumerate(contract.labels):
            x = tone_of(contract, label.name, contract.window, contract.sample_rate_hz)
            assert backend.infer(x[np.newaxis]).probabilities.argmax() == index


def test_onnx_runtime_tells_nobody_and_leaves_nothing_behind(tmp_path):
    quiet = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    code = (
        "from drsn.agent.backends.onnx import OnnxBackend\n"
        "from drsn.model.bundle import open_bundle\n"
        "from drsn.agent.bundles import shipped\n"
        "bundle = open_bundle(shipped('synthetic'))\n"
        "OnnxBackend(bundle.read('model.onnx'), bundle.contract, 1).close()\n"
    )
    homes = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=quiet | homes)
    assert list(tmp_path.rglob("*")) == []
