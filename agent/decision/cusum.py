"""CUSUM: the sequential test, which sums the evidence for a condition window by window until it passes a threshold.

It is Page's cumulative sum (Biometrika 1954) over the log-likelihood ratio of a condition. The model's probabilities
are calibrated, so they are likelihoods once the share of each condition in training is divided out. The ratio z is
taken against whichever other condition explains the window best, normal among them, as Nikiforov's rule to detect and
tell apart (IEEE Transactions on Information Theory 1995) does: under every one of them e^z has a mean of at most 1.
Lorden (Annals of Mathematical Statistics 1971) then bounds the average run length: from one false alarm to the next,
e^threshold windows at least. What people set is `false_alarms_per_sensor_year`, and

    threshold = ln(windows per year x tests / false alarms per year)

where all conditions together are one more test beside those of each (drsn.agent.decision.any_fault). Its z is the ratio
of two densities, that of the faults as the training drew them and that of normal, so under normal e^z has a mean of 1.

Bounding z below by -b may raise the mean of e^z to 1 + e^-b, so ln(1 + e^-b) is taken off each z. Windows of one
machine are not independent: for increments with an integrated autocorrelation time of T windows, the tail of their sum
falls as e^(-x/T) (large deviations of a stationary Gaussian sequence), so each z is divided by T. A window that
overlaps the one before it counts by what is new in it.

A window that the model abstains from is not dropped: the higher its novelty, the less it weighs. No window counts for
more than a ceiling, which falls with its novelty from the bound to a small price for what is far from all that is
known. Such a cut keeps Lorden's bound: min(z, anything) is z at most, and so is the mean of e to it. Something that is
none of the conditions promises nothing about z; there it is the ceiling that must have a mean of e to it of 1 at most.

The bound does not hold for a machine on which the model is wrong all the time: docs/reference/alarm-rules.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.diagnosis import ANY_FAULT
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract

BOUND_NATS = 5.7
"""One window weighs no more than 300 to one: calibration was checked on a few thousand windows, which do not show
what a probability of 0.9999 is worth. At 0.1 false alarms a sensor-year it takes five windows at least, so
that no single blow, and no knock against the cable, raises an alarm."""

NOVELTY_PER_NAT = 2.5
"""Novelty past the abstention threshold for which a window weighs one nat less. The novelty is a difference of
squared Mahalanobis lengths (drsn.model.novelty), so that by its theory two of them are a nat; measured at -10 dB on the
loads that `cwru` was trained on, two are too dear by a quarter (benchmarks/alarms_doubt.py). A bundle whose novelty has
another unit is better off with votes."""

DOUBT_NATS = 1.0
"""Weight of a window of very high novelty against any change. At 0 what is near enough now and then
would creep up on the threshold; at the bound one blow would take what a fault has said in seconds."""

DEPENDENCE = 1.25
"""T, in windows that do not overlap. The healthy recordings of CWRU in stationary noise come to 1.0
(`benchmarks/alarms.py` measures it); a quarter more, for machines that were not measured."""

YEAR_S = 365.25 * 86_400

_PRICE_NATS = math.log1p(math.exp(-BOUND_NATS))
_LEAST = 1e-9  # below it a float32 softmax is rounding; the bound cuts far above


def threshold_nats(false_alarms_per_sensor_year: float, window_s: float, conditions: int) -> float:
    """The threshold of the CUSUM, in nats.

    Args:
        false_alarms_per_sensor_year: of all conditions of a sensor together, by Lorden's bound.
        window_s: of one model window.
        conditions: that can be raised, normal not counted; of several, all together are tested too.
    """
    tests = conditions + 1 if conditions > 1 else 1
    return math.log(YEAR_S / window_s * tests / false_alarms_per_sensor_year)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What CUSUM uses of one window."""

    ratios: Mapping[str, float] = field(default_factory=dict)
    """Condition -> log-likelihood ratio in nats; empty: every condition of this window is decided by votes."""
    ceiling_nats: float = BOUND_NATS
    """Largest weight of the window, for or against a condition."""


class LogLikelihoodRatios:
    """Log-likelihood ratios of one model's conditions.

    Args:
        contract: whose labels were drawn evenly in training, so a condition's share is that of its labels, and a
            parent's that of all of them.
    """

    def __init__(self, contract: ModelContract) -> None:
        labels = [label.condition for label in contract.labels]
        self._log_share = {
            name: math.log(len(contract.labels_of(name)) / len(labels)) for name in contract.alarm_conditions
        }
        self._names = [name for name in self._log_share if name != NORMAL]
        self._log_share_of_any = math.log(max(1, sum(name != NORMAL for name in labels)) / len(labels))
        self._log_shares = np.array([*self._log_share.values(), self._log_share_of_any])
        self._normal = contract.conditions.index(NORMAL)
        least = min(*(self._log_share[name] for name in self._names), self._log_share_of_any)
        self.most_faults = math.exp(least - self._log_share[NORMAL])
        """P(any fault) over P(normal) up to which no condition has a ratio above 0."""
        self._faults = np.array([at for at, name in enumerate(self._log_share) if name != NORMAL], np.intp)

    def __call__(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Condition -> z in nats, within the bound: for it, against the other condition that explains the window best.

        `probabilities` holds P(condition) of each alarm condition of the contract; `normal` gets no ratio. The last
        entry is that of `ANY_FAULT`: for the faults in the shares of the training, against `normal`.
        """
        any_fault = 0.0
        for name in self._names:  # sum() rounds otherwise
            any_fault += probabilities[name]
        log_likelihood = {n: math.log(max(probabilities[n], _LEAST)) - s for n, s in self._log_share.items()}
        best, second = sorted(log_likelihood.values())[-1:-3:-1]
        z = {name: log_likelihood[name] - (second if log_likelihood[name] == best else best) for name in self._names}
        z[ANY_FAULT] = math.log(max(any_fault, _LEAST)) - self._log_share_of_any - log_likelihood[NORMAL]
        return {name: min(BOUND_NATS, max(-BOUND_NATS, value)) for name, value in z.items()}

    def rows(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """The ratios of many windows, bit for bit those of one.

        Args:
            probabilities: float32[rows, alarm conditions], in the contract's order.

        Returns:
            float64[rows, alarm conditions], without `normal`; the last column is that of `ANY_FAULT`.
        """
        p = probabilities.astype(np.float64)
        any_fault = np.cumsum(p.take(self._faults, axis=1), axis=1)[:, -1:]  # in this order, as sum() does not
        likely = np.maximum(np.concatenate([p, any_fault], axis=1), _LEAST)
        # numpy's logarithm differs from math's in the last bit, from one processor to the next.
        logs = np.array(list(map(math.log, likely.ravel().tolist()))).reshape(likely.shape) - self._log_shares
        own = logs[:, :-1]
        second, best = np.sort(own, axis=1)[:, -2:].T[:, :, np.newaxis]
        of_each = (own - np.where(own == best, second, best)).take(self._faults, axis=1)
        of_any = logs[:, -1:] - own[:, self._normal, np.newaxis]
        z: NDArray[np.float64] = np.concatenate([of_each, of_any], axis=1)
        return np.minimum(BOUND_NATS, np.maximum(-BOUND_NATS, z))


def ceiling_nats(novelty: float, threshold: float | None) -> float:
    """The largest weight of a window, in nats: the bound up to the threshold of novelty, less and less above it.

    Args:
        novelty: of the window; NaN counts as infinite.
        threshold: novelty above which the model abstains; None: it never does.
    """
    allowed = BOUND_NATS - (novelty - (math.inf if threshold is None else threshold)) / NOVELTY_PER_NAT
    return min(BOUND_NATS, max(-DOUBT_NATS, allowed))  # in this order: max() takes its first of a NaN


def ceilings_nats(novelty: NDArray[np.float64], threshold: float | None) -> NDArray[np.float64]:
    """The largest weights of many windows, as `ceiling_nats`; NaN counts as infinite."""
    with np.errstate(invalid="ignore"):  # infinite less infinite
        allowed = BOUND_NATS - (novelty - (math.inf if threshold is None else threshold)) / NOVELTY_PER_NAT
    return np.minimum(BOUND_NATS, np.where(allowed > -DOUBT_NATS, allowed, -DOUBT_NATS))


def accumulate(evidence: float, z: float, share: float, ceiling: float = BOUND_NATS) -> float:
    """The CUSUM after one more window, in nats, 0 at least.

    Args:
        evidence: before it.
        z: log-likelihood ratio for the change that is tested: the negative one while the condition is active.
        share: how much of the window no window before it held, above 0 and up to 1.
        ceiling: the largest weight of the window.
    """
    return max(0.0, evidence + (min(z, ceiling) - _PRICE_NATS) * share / DEPENDENCE)


def accumulate_all(
    evidence: NDArray[np.float64], z: NDArray[np.float64], share: NDArray[np.float64], ceiling: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Many CUSUMs after one more window each, bit for bit as `accumulate`; the arrays broadcast."""
    after = evidence + (np.minimum(z, ceiling) - _PRICE_NATS) * share / DEPENDENCE
    return np.where(after > 0.0, after, 0.0)  # also where it is no number
