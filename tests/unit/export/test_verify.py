from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.backends.backend import Outputs
from drsn.export import verify as module
from drsn.export.verify import Artifact, Verification, fresh_noise, networks, timed, verify
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle
    from drsn.model.contract import ModelContract

ONNX = [*(f"torch ~ onnxruntime, batch {batch}" for batch in (1, 7, 32)), "model.onnx ~ onnxruntime, noise"]
PAIRS = [*ONNX, *(pair.replace("onnxruntime", "onnxruntime, model.fp16.onnx") for pair in ONNX)]


def compared(bundle: Bundle) -> list[Comparison]:
    return verify(bundle, calls=0).comparisons


def on_golden(comparisons: list[Comparison]) -> list[Comparison]:
    return [comparison for comparison in comparisons if "noise" not in comparison.parity.pair]


def test_both_networks_are_compared_in_batches_of_several_sizes_and_on_noise(bundle: Bundle):
    comparisons = compared(bundle)
    assert [comparison.parity.pair for comparison in comparisons] == PAIRS
    assert all(comparison.passed for comparison in comparisons)
    assert {comparison.parity.windows for comparison in on_golden(comparisons)} == {len(bundle.golden().x)}


def test_each_precision_is_held_to_its_own_tolerance(bundle: Bundle):
    assert [(c.parity.tolerance, c.novelty_tolerance) for c in compared(bundle)] == [(1e-4, 1e-3)] * 4 + [
        (2e-2, 0.2)
    ] * 4


def test_a_bundle_without_a_half_is_compared_without_it(bundle: Bundle):
    files = {name: content for name, content in bundle.files.items() if name != "model.fp16.onnx"}
    assert [c.parity.pair for c in compared(replace(bundle, files=files))] == ONNX


def test_one_wrong_window_fails_and_every_comparison_is_still_made(bundle: Bundle, with_golden):
    probabilities = bundle.golden().probabilities.copy()
    probabilities[-1] = np.roll(probabilities[-1], 1)  # the last, alone in its batch of 7
    comparisons = compared(with_golden(probabilities=probabilities))
    assert [comparison.parity.pair for comparison in comparisons] == PAIRS
    assert not any(comparison.passed for comparison in on_golden(comparisons))


def test_golden_outputs_that_are_no_numbers_fail(bundle: Bundle, with_golden):
    comparisons = compared(with_golden(probabilities=np.full_like(bundle.golden().probabilities, np.nan)))
    assert not any(comparison.passed for comparison in on_golden(comparisons))


def test_other_abstentions_are_counted(bundle: Bundle, with_golden):
    comparisons = compared(with_golden(novelty=bundle.golden().novelty + np.float32(1e6)))
    assert all(comparison.abstention_agreement < 1 for comparison in on_golden(comparisons))


@pytest.mark.parametrize("name", ["model.onnx", "model.fp16.onnx"])
def test_a_network_that_cannot_be_loaded_is_a_broken_bundle(altered, name: str):
    with pytest.raises(BundleError, match=r"model(\.fp16)?\.onnx: is no ONNX"):
        compared(altered({name: b"hello"}))


@pytest.mark.parametrize("name", ["model.onnx", "model.fp16.onnx"])
def test_a_sound_file_that_onnx_runtime_can_not_load_is_a_broken_bundle(altered, bundle: Bundle, name: str):
    import onnx

    model = onnx.load_from_string(bundle.read(name))
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(BundleError, match=rf"{name}: ONNX Runtime can't load it"):
        compared(altered({name: model.SerializeToString()}))


def test_another_network_as_the_half_is_found_out(altered, bundle: Bundle):
    """Its graph is sound, its answers are not the bundle's."""
    import onnx

    model = onnx.load_from_string(bundle.read("model.onnx"))
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    largest.raw_data = (-np.frombuffer(largest.raw_data, np.float32)).tobytes()
    failed = [c.parity.pair for c in compared(altered({"model.fp16.onnx": model.SerializeToString()})) if not c.passed]
    assert failed
    assert all("model.fp16.onnx" in pair for pair in failed)


class Reusing:
    """A backend whose arrays are valid until its next call, as the protocol says; it answers with the windows' peak."""

    name = "reusing"

    def __init__(self, labels: int, *, forgets: bool = False) -> None:
        self._probabilities, self._novelty = np.empty((32, labels), np.float32), np.empty(32, np.float32)
        self._forgets = forgets
        self.calls: list[int] = []

    def infer(self, x: np.ndarray) -> Outputs:
        self.calls.append(len(x))
        rows = slice(0, len(x))
        self._probabilities[rows] = 1 / self._probabilities.shape[1]
        self._novelty[rows] = np.float32(len(x)) if self._forgets else x.reshape(len(x), -1).max(axis=1)
        return Outputs(self._probabilities[rows], self._novelty[rows], None)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_answers_are_kept_before_the_next_call_overwrites_them():
    x = np.arange(10, dtype=np.float32).reshape(10, 1, 1)
    _probabilities, novelty = module.run(Reusing(3), x, 4)
    np.testing.assert_array_equal(novelty, np.arange(10))


def test_an_answer_that_depends_on_its_company_fails(bundle: Bundle):
    (first, *_) = networks(bundle)
    guilty = Artifact("guilty", first.limits, Reusing(len(bundle.contract.labels), forgets=True), 32)
    failed = [c.parity.pair for c in verify(bundle, [guilty], calls=0).comparisons if not c.passed]
    assert failed
    assert all("guilty" in pair for pair in failed)


@pytest.mark.parametrize("error", [BundleError("engine: can't be loaded"), UnavailableError("CUDA: failed")])
def test_an_engine_that_fails_is_told_and_keeps_no_other_from_being_run(bundle: Bundle, error: Exception):
    @contextmanager
    def fails() -> Iterator[None]:
        raise error
        yield

    (first, *_) = networks(bundle)
    sound = Artifact("sound", first.limits, first.open, 32)
    findings = verify(bundle, [Artifact("x.plan", first.limits, fails(), 32), sound], calls=0)
    assert findings.broken == [f"x.plan: {error}"]
    assert not findings.passed
    assert [c.parity.pair for c in findings.comparisons if "sound" in c.parity.pair]
    assert all(comparison.passed for comparison in findings.comparisons)


def test_calls_are_timed_for_each_batch(bundle: Bundle):
    findings = verify(bundle, calls=3)
    assert [(timing.artefact, timing.batch, timing.calls) for timing in findings.latencies] == [
        (name, batch, 3) for name in ("onnxruntime", "onnxruntime, model.fp16.onnx") for batch in (1, 7, 32)
    ]
    assert all(0 < timing.p50_us <= timing.p99_us for timing in findings.latencies)
    assert verify(bundle, calls=0).latencies == []


def test_latency_is_that_of_a_call_with_its_batch(monkeypatch: pytest.MonkeyPatch):
    backend = Reusing(3)
    clock_ns = iter(range(0, 10_000_000, 1000))  # each look at the clock is a microsecond later
    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: next(clock_ns))
    timing = timed("x", backend, np.zeros((8, 1, 4), np.float32), 8, calls=10)
    assert (timing.p50_us, timing.p99_us) == (1.0, 1.0)
    assert backend.calls == [8] * (10 + module.WARM_UP)


def test_fresh_noise_has_what_breaks_half_precision(contract: ModelContract):
    noise = fresh_noise(contract, seed=1)
    assert (noise.dtype, noise.shape[1:]) == (np.float32, (1, 256))
    assert np.isfinite(noise).all()
    assert (noise.astype(np.float64) ** 2).max() > 65504
    assert np.abs(noise).reshape(len(noise), -1).max(axis=1).min() < 1e-2
    assert (np.ptp(noise, axis=-1) == 0).any(), "a dead sensor"
    np.testing.assert_array_equal(noise, fresh_noise(contract, seed=1))
    assert not np.array_equal(noise, fresh_noise(contract, seed=2))


def test_nothing_found_is_no_failure():
    assert Verification().passed
