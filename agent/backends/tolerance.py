"""The largest differences allowed between a backend's outputs and the network's own, by precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from drsn.agent.backends.tensorrt.sidecar import Precision, Sidecar


class Tolerance(NamedTuple):
    """The largest allowed differences from the network's own outputs, float32 on a CPU."""

    probability: float
    """Largest difference."""
    novelty: float
    """Largest difference, over 1 + its size."""


TOLERANCES: Final[dict[str, Tolerance]] = {
    "onnxruntime": Tolerance(1e-4, 1e-3),
    "fp32 strict": Tolerance(1e-4, 1e-3),
    "fp32": Tolerance(5e-2, 0.3),
    "fp16": Tolerance(2e-2, 0.2),
}
"""By ONNX Runtime, or by an engine's precision.

onnxruntime and fp32 strict, float32 products: kernels sum in different orders. 1e-6 is usual for a probability, 3e-5
for a novelty, which is a difference of sums of squares. A broken engine differs by more than 0.1 in probability.

The other two were estimated on a CPU with both shipped networks, 1,100 windows each (golden, noisy, and noise alone);
no GPU has measured them. fp16, half arithmetic in torch: probabilities differ by up to 0.007, novelties by up to 0.04;
a kernel may also sum in float16. fp32 with TF32, whose factors have 11 bits: rounded to the nearest, by 0.005 and 0.06;
truncated, as hardware does with float32 inputs, by 0.024 and 0.13 (tests/unit/agent/backends/test_tolerance.py computes
both). For less than 0.05 and 0.3, build with --strict."""


def tolerance(sidecar: Sidecar) -> Tolerance:
    """Return what the self-test of an engine allows."""
    return limits_of(sidecar.precision, strict=sidecar.strict)


def limits_of(precision: Precision, *, strict: bool) -> Tolerance:
    """Return the same for an engine that is not built yet; `strict`: without TF32."""
    return TOLERANCES["fp32 strict" if strict and precision == "fp32" else precision]
