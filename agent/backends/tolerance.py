"""How far an engine's answers may lie from the network's own, by the precision that it was built with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from drsn.agent.backends.tensorrt.engine_file import Precision, Sidecar


class Tolerance(NamedTuple):
    """How far an engine's answers may lie from the network's own, float32 on a CPU."""

    probability: float
    """Largest difference."""
    novelty: float
    """Largest difference, over 1 + its size."""


TOLERANCES: Final[dict[str, Tolerance]] = {
    "fp32 strict": Tolerance(1e-4, 1e-3),
    "fp32": Tolerance(5e-2, 0.3),
    "fp16": Tolerance(2e-2, 0.2),
}
"""By precision. float32 kernels sum in other orders: 1e-6 is usual; a broken engine is off by more than 0.1 in
probability. The others were estimated on a CPU with both shipped networks, 1,100 windows each, golden, noisy and of
noise alone; no GPU has measured them.

fp16, half arithmetic in torch: probabilities move by up to 0.007, novelties by up to 0.04; a kernel may sum in
float16 too. fp32 with TF32, whose factors have 11 bits: rounded to the nearest, by 0.005 and 0.06; cut off, as
hardware does with float32 that it is given as it is, by 0.024 and 0.13 (tests/unit/agent/backends/test_tolerance.py
computes both). Novelties move more, being differences of larger numbers. Who wants less than 0.05 and 0.3 builds with
--strict."""


def tolerance(sidecar: Sidecar) -> Tolerance:
    """What the engine's self-test may find."""
    return limits_of(sidecar.precision, strict=sidecar.strict)


def limits_of(precision: Precision, *, strict: bool) -> Tolerance:
    """The same before there is a sidecar; `strict`: without TF32."""
    return TOLERANCES["fp32 strict" if strict and precision == "fp32" else precision]
