"""Parity: compare the outputs of two implementations on the same windows, within tolerances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.tolerance import TOLERANCES
from drsn.model.contract import Parity

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOVELTY_TOLERANCE = TOLERANCES["onnxruntime"].novelty


@dataclass(frozen=True)
class Comparison:
    """Result of a parity comparison; `passed` if it is within the tolerances."""

    parity: Parity
    novelty_error: float
    """Largest difference of a novelty, over 1 + its size."""
    abstention_agreement: float
    """Part of the windows with a clear novelty on which both abstain or both do not."""
    finite: bool
    mean_abs: float = 0.0
    """Mean difference of a probability."""
    novelty_tolerance: float = NOVELTY_TOLERANCE

    @property
    def passed(self) -> bool:
        """Within the tolerances; same label and same abstention on every window that has a clear one; no NaN."""
        agreed = self.parity.label_agreement == self.abstention_agreement == 1.0
        within = self.parity.max_abs <= self.parity.tolerance and self.novelty_error <= self.novelty_tolerance
        return self.finite and within and agreed

    def __str__(self) -> str:
        p = self.parity
        return (
            f"{'ok  ' if self.passed else 'FAIL'} {p.pair}: {p.windows} windows, largest difference {p.max_abs:.2g}, "
            f"mean {self.mean_abs:.2g} (tolerance {p.tolerance:g}), labels agree on {p.label_agreement:.1%}; "
            f"novelty off by {self.novelty_error:.2g} (tolerance {self.novelty_tolerance:g}), abstentions agree on "
            f"{self.abstention_agreement:.1%}{'' if self.finite else ', NaN or infinity'}"
        )


def compare(
    pair: str,
    reference: tuple[NDArray[np.float32], NDArray[np.float32]],
    candidate: tuple[NDArray[np.float32], NDArray[np.float32]],
    threshold: float | None,
    tolerance: float,
    novelty_tolerance: float = NOVELTY_TOLERANCE,
) -> Comparison:
    """Compare (probabilities[n, labels], novelty[n]) of two implementations.

    Labels must agree wherever the reference's two best lie further apart than twice the tolerance, and abstentions
    wherever its novelty lies further from the threshold than its tolerance; closer than that, either answer is right.
    """
    (expected, expected_novelty), (actual, actual_novelty) = reference, candidate
    finite = all(bool(np.isfinite(part).all()) for part in (*reference, *candidate))
    difference = float(np.abs(actual - expected).max()) if finite else float("inf")
    second, best = np.sort(expected, axis=1)[:, -2:].T
    clear = best - second > 2 * tolerance
    same = expected.argmax(axis=1) == actual.argmax(axis=1)
    limit = np.inf if threshold is None else threshold
    scale = 1 + np.abs(expected_novelty)
    decided = np.abs(expected_novelty - limit) > novelty_tolerance * scale
    abstentions = ((expected_novelty > limit) == (actual_novelty > limit))[decided]
    novelty_error = float((np.abs(actual_novelty - expected_novelty) / scale).max()) if finite else float("inf")
    parity = Parity(
        pair=pair,
        max_abs=difference if finite else np.finfo(np.float32).max,
        label_agreement=float(same[clear].mean()) if clear.any() else 1.0,
        windows=len(expected),
        tolerance=tolerance,
    )
    return Comparison(
        parity,
        novelty_error,
        float(abstentions.mean()) if decided.any() else 1.0,
        finite,
        float(np.abs(actual - expected).mean()) if finite else float("inf"),
        novelty_tolerance,
    )
