"""Verify a bundle: run its networks and engines on the golden windows against torch's outputs, and on fresh noise.

A file that can't run on this machine is named in the report with the reason.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.tensorrt.sidecar import NETWORK
from drsn.agent.backends.tolerance import TOLERANCES, Tolerance
from drsn.export.parity import Comparison, compare
from drsn.model.errors import DrsnError
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend
    from drsn.agent.backends.tolerance import Tolerance
    from drsn.model.bundle import Bundle, Golden
    from drsn.model.contract import ModelContract

    Answers = tuple[NDArray[np.float32], NDArray[np.float32]]
    """Probabilities[n, labels] and novelty[n]."""

BATCHES = (1, 7, 32)
"""Batch sizes for the same windows: an output must not depend on the other windows of the batch."""

ONNXRUNTIME = TOLERANCES["onnxruntime"]
WARM_UP = 5


@dataclass(frozen=True)
class Artifact:
    """A runnable file of a bundle: a network in ONNX Runtime, or an engine."""

    name: str
    limits: Tolerance
    open: AbstractContextManager[Backend]
    max_batch: int


@dataclass(frozen=True)
class Latency:
    """Latency of one call, from windows to outputs, in microseconds. `artefact` is a key of the JSON report."""

    artefact: str
    batch: int
    calls: int
    p50_us: float
    p99_us: float


@dataclass(frozen=True)
class Verification:
    """Results of a verification."""

    comparisons: list[Comparison] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Engines that could not be opened, or failed while they ran, each with the reason."""

    @property
    def passed(self) -> bool:
        """True if all artifacts ran, within their tolerances."""
        return not self.broken and all(comparison.passed for comparison in self.comparisons)


def verify(bundle: Bundle, engines: Iterable[Artifact] = (), calls: int = 200, seed: int = 0) -> Verification:
    """Run the bundle's networks and the given engines; failures are collected in the findings.

    Args:
        bundle: the bundle to verify.
        engines: are opened one after the other.
        calls: number of timed calls for each batch size; 0: none.
        seed: seed of the fresh noise.

    Raises:
        BundleError: one of the bundle's own networks can't be opened.
    """
    findings, noise = Verification(), fresh_noise(bundle.contract, seed)
    with OnnxBackend(bundle.read(NETWORK["fp32"]), bundle.contract, 1) as backend:
        expected = run(backend, noise, 1)  # what all are compared with
    for artifact in networks(bundle):
        _verify_artifact(artifact, bundle, noise, expected, calls, findings)
    for artifact in engines:
        try:
            _verify_artifact(artifact, bundle, noise, expected, calls, findings)
        except DrsnError as error:  # noqa: PERF203 (they are few, and the other engines are verified all the same)
            findings.broken.append(f"{artifact.name}: {error}")
    return findings


def _verify_artifact(
    artifact: Artifact,
    bundle: Bundle,
    noise: NDArray[np.float32],
    expected: Answers,
    calls: int,
    findings: Verification,
) -> None:
    name, limits, batches = artifact.name, artifact.limits, batches_up_to(artifact.max_batch)
    contract = bundle.contract
    with artifact.open as backend:
        findings.comparisons.extend(on_golden(name, backend, bundle.golden(), contract, batches, limits))
        answers = run(backend, noise, batches[-1])
        pair, threshold = f"{NETWORK['fp32']} ~ {name}, noise", contract.abstention_threshold
        findings.comparisons.append(compare(pair, expected, answers, threshold, *limits))
        if calls:
            findings.latencies.extend(timed(name, backend, noise, batch, calls) for batch in batches)


def networks(bundle: Bundle) -> list[Artifact]:
    """The bundle's networks in ONNX Runtime, which computes float16 in float32: this tests the file, not precision."""
    limits = {"fp32": ONNXRUNTIME, "fp16": TOLERANCES["fp16"]}
    return [
        Artifact(
            name="onnxruntime" if precision == "fp32" else f"onnxruntime, {name}",
            limits=limits[precision],
            open=OnnxBackend(bundle.read(name), bundle.contract, max(BATCHES), file=name),
            max_batch=max(BATCHES),
        )
        for precision, name in NETWORK.items()
        if name in bundle.files
    ]


def verify_onnx(
    model: bytes, contract: ModelContract, golden: Golden, limits: Tolerance = ONNXRUNTIME, name: str = "onnxruntime"
) -> list[Comparison]:
    """Compare ONNX Runtime with the golden outputs, in batches of each size."""
    with OnnxBackend(model, contract, max(BATCHES)) as backend:
        return on_golden(name, backend, golden, contract, BATCHES, limits)


def batches_up_to(most: int) -> tuple[int, ...]:
    """Batch sizes to try if a batch may have at most `most` windows."""
    return tuple(batch for batch in BATCHES if batch <= most)


def on_golden(
    name: str,
    backend: Backend,
    golden: Golden,
    contract: ModelContract,
    batches: Iterable[int],
    limits: Tolerance,
) -> list[Comparison]:
    """Compare a backend with the golden outputs, in batches of each size."""
    expected, threshold = (golden.probabilities, golden.novelty), contract.abstention_threshold
    return [
        compare(f"torch ~ {name}, batch {batch}", expected, run(backend, golden.x, batch), threshold, *limits)
        for batch in batches
    ]


def fresh_noise(contract: ModelContract, seed: int) -> NDArray[np.float32]:
    """Fresh random windows: plain noise, ADC counts far from zero, small impulsive values, and a constant window.

    Returns:
        float32[97, channels, window].
    """
    rng = np.random.default_rng(seed)
    shape = (32, contract.input_channels, contract.window)
    plain, counts, small = (rng.standard_normal(shape, np.float32) for _ in range(3))
    counts = np.rint(3000 * counts + 20_000).astype(np.float32)  # a 16-bit converter's; their squares exceed 65504
    flat = np.full((1, *shape[1:]), 20_000, np.float32)
    x = np.concatenate([plain, counts, np.float32(1e-4) * small**3, flat])
    if contract.domain == "order":  # from a standstill to 12,000 rpm
        x[:, -1] = shaft_angle(np.linspace(0, 12_000, len(x)), contract.window, contract.sample_rate_hz)
    return x


def run(backend: Backend, x: NDArray[np.float32], batch: int) -> Answers:
    """Outputs for all windows in batches; copied, because a backend may reuse its arrays."""
    outputs = [
        (answers.probabilities.copy(), answers.novelty.copy())
        for start in range(0, len(x), batch)
        for answers in (backend.infer(x[start : start + batch]),)
    ]
    return np.concatenate([p for p, _ in outputs]), np.concatenate([n for _, n in outputs])


def timed(name: str, backend: Backend, x: NDArray[np.float32], batch: int, calls: int) -> Latency:
    """Time calls with a batch of this size."""
    windows = np.ascontiguousarray(x[:batch])
    for _ in range(WARM_UP):
        backend.infer(windows)
    taken_ns = np.empty(calls)
    for call in range(calls):
        started_ns = time.perf_counter_ns()
        backend.infer(windows)
        taken_ns[call] = time.perf_counter_ns() - started_ns
    p50, p99 = np.percentile(taken_ns / 1000, (50, 99))
    return Latency(name, batch, calls, float(p50), float(p99))
