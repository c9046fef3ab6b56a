"""Engines that lie here, run on a fake GPU; the proof of a plan that has just been built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engine_files import plan_bytes, write_engine
from fake_cuda import ORIN, Gpu
from fake_tensorrt import Behaviour, fake

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import NoDevice
from drsn.export import engine_artifacts as module
from drsn.export.engine_artifacts import check_golden, find_engines
from drsn.export.plan_from_onnx import BuilderOptions
from drsn.export.verify import verify
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.model.bundle import Bundle


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour(Gpu())


@pytest.fixture
def library(behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch) -> TensorRt:
    """An Orin with TensorRT 10.3."""
    made = fake("10.3.0", behaviour)
    monkeypatch.setattr(trt_compat, "load", lambda _flavour: made)
    monkeypatch.setattr(module, "probe", lambda: ORIN)
    monkeypatch.setattr(module, "Cuda", lambda _newest: behaviour.gpu.cuda())
    return made


def prove(library: TensorRt, bundle: Bundle, **options: object):
    plan = plan_bytes(library, bundle.read("model.onnx"))
    return check_golden(library, ORIN.cuda, plan, bundle, BuilderOptions(**options))


def test_an_engine_that_lies_here_is_verified_like_the_rest(library: TensorRt, bundle: Bundle, tmp_path: Path):
    path = write_engine(tmp_path, library, bundle, ORIN)
    found = find_engines(bundle, tmp_path)
    assert (len(found.artifacts), found.not_run) == (1, ())
    findings = verify(bundle, found.artifacts, calls=3)
    pairs = [comparison.parity.pair for comparison in findings.comparisons if path.name in comparison.parity.pair]
    assert pairs == [
        *(f"torch ~ {path.name}, batch {batch}" for batch in (1, 7, 32)),
        f"model.onnx ~ {path.name}, noise",
    ]
    assert findings.passed
    assert {timing.batch for timing in findings.latencies if timing.artefact == path.name} == {1, 7, 32}


def test_what_was_held_for_it_is_free_again(library, behaviour: Behaviour, bundle: Bundle, tmp_path: Path):
    write_engine(tmp_path, library, bundle, ORIN)
    verify(bundle, find_engines(bundle, tmp_path).artifacts, calls=0)
    assert not behaviour.gpu.held


def test_an_engine_that_computes_something_else_fails(library, behaviour: Behaviour, bundle: Bundle, tmp_path: Path):
    write_engine(tmp_path, library, bundle, ORIN)
    behaviour.nudge = 0.2
    findings = verify(bundle, find_engines(bundle, tmp_path).artifacts, calls=0)
    failed = [comparison.parity.pair for comparison in findings.comparisons if not comparison.passed]
    assert len(failed) == 4
    assert all(".plan" in pair for pair in failed)


def test_smaller_engines_are_given_smaller_batches(library, bundle: Bundle, tmp_path: Path):
    write_engine(tmp_path, library, bundle, ORIN, batch=(1, 4, 8))
    (artifact,) = find_engines(bundle, tmp_path).artifacts
    findings = verify(bundle, [artifact], calls=0)
    pairs = [c.parity.pair for c in findings.comparisons if artifact.name in c.parity.pair]
    assert [pair.rpartition(" ")[2] for pair in pairs] == ["1", "7", "noise"]


def test_strict_is_held_to_float32s_tolerance(library, bundle: Bundle, tmp_path: Path):
    write_engine(tmp_path, library, bundle, ORIN, strict=True)
    (artifact,) = find_engines(bundle, tmp_path).artifacts
    assert artifact.limits.probability == 1e-4


def test_without_a_gpu_the_reason_is_told_and_tensorrt_is_not_touched(
    library, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write_engine(tmp_path, library, bundle, ORIN)
    monkeypatch.setattr(module, "probe", lambda: NoDevice("no CUDA driver"))
    monkeypatch.setattr(trt_compat, "load", pytest.fail)
    found = find_engines(bundle, tmp_path)
    assert (found.artifacts, found.not_run) == ((), (f"{path.name}: no CUDA driver",))


def test_without_tensorrt_its_remedy_is_told(library, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_engine(tmp_path, library, bundle, ORIN)

    def load(_flavour: str) -> TensorRt:
        raise UnavailableError("Python has no tensorrt; apt-get install it")

    monkeypatch.setattr(trt_compat, "load", load)
    assert "apt-get install it" in find_engines(bundle, tmp_path).not_run[0]


def test_an_engine_that_does_not_fit_is_not_run_and_the_others_are(library, bundle: Bundle, tmp_path: Path):
    write_engine(tmp_path, library, bundle, ORIN)
    write_engine(tmp_path, library, bundle, ORIN, precision="fp16", gpu="NVIDIA Thor")
    damaged = write_engine(tmp_path / "b", library, bundle, ORIN, precision="fp16", network="model.onnx")
    found = find_engines(bundle, tmp_path)
    assert len(found.artifacts) == 1
    assert "was built for NVIDIA Thor" in found.not_run[0]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    assert "does not match its sidecar file" in find_engines(bundle, tmp_path / "b").not_run[0]


def test_where_nothing_lies_nothing_is_loaded(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trt_compat, "load", pytest.fail)
    monkeypatch.setattr(module, "probe", pytest.fail)
    found = find_engines(bundle, tmp_path / "none")
    assert (found.artifacts, found.not_run) == ((), ())


def test_a_plan_is_proven_on_the_golden_windows(library, bundle: Bundle, tmp_path: Path):
    parity = prove(library, bundle)
    assert [p.pair for p in parity] == [f"torch ~ TensorRT 10.3.0 fp32, batch {batch}" for batch in (1, 7, 32)]
    assert {(p.windows, p.tolerance) for p in parity} == {(len(bundle.golden().x), 5e-2)}
    assert prove(library, bundle, strict=True)[0].tolerance == 1e-4


@pytest.mark.parametrize("nudge", [0.2, float("nan")])
def test_a_wrong_plan_is_not_proven(library, behaviour: Behaviour, bundle: Bundle, tmp_path: Path, nudge: float):
    behaviour.nudge = nudge
    with pytest.raises(BundleError, match=r"that TensorRT 10\.3\.0 built is wrong, nothing was written: FAIL"):
        prove(library, bundle)


def test_strict_does_not_forgive_what_tf32_may_do(library, behaviour: Behaviour, bundle: Bundle, tmp_path: Path):
    behaviour.nudge = 1e-3
    prove(library, bundle)
    with pytest.raises(BundleError, match="is wrong"):
        prove(library, bundle, strict=True)


def test_a_gpu_that_fails_is_not_taken_for_a_wrong_engine(library, behaviour, bundle: Bundle, tmp_path: Path):
    behaviour.refused.add("execute_async_v3")
    with pytest.raises(UnavailableError, match="execute_async_v3"):
        prove(library, bundle)
