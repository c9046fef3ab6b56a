"""What is stored of the baseline of one machine: statistics for the model's abstention, and the health baseline.

The contract's threshold is the novelty below which 95 % of the windows of validation lie. Another load, mounting or
machine moves the novelty. The allowance is the distance of this machine's own 95 % point above the threshold; it is
counted, not computed from location and scale, for novelty has a long tail upwards. It is never below 0: faults have a
higher novelty than healthy windows, and a lower threshold would make the model abstain from them. It has no upper
limit: noise and hum that the model then accepts differ from the health baseline (drsn.agent.monitoring.baseline_model).
The allowance changes whether the model abstains, so it changes votes and `unknown`. It does not change the weight of a
window in a CUSUM, which has a bound for noise (drsn.agent.decision.cusum).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.monitoring.baseline_model import SIGMA_PER_MAD, UnfitError
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.diagnosis import Diagnosis

ACCEPTED = 0.95
"""Share of the machine's healthy windows that the model accepts, as of the windows of validation."""

MAX_COMMISSION_S = 604_800.0
"""Longest signal that a baseline is learnt from: a week, which has every operating state of most machines."""

GATE_SHARE = 0.25
"""RMS of the gate over the median RMS. At half the speed the healthy bearings of HIT-SM have 0.81 and 0.97 of it, at
three more horse power that of CWRU 0.80: the gate must not close on a machine that runs otherwise than usual."""


@dataclass(frozen=True, slots=True)
class HealthyWindow:
    """What a baseline uses of one window."""

    novelty: float
    rms: float
    condition: str
    """The most probable condition, whether the model abstained or not."""


@dataclass(frozen=True, slots=True)
class BaselineStatistics:
    """Statistics of one machine's healthy windows. Stored."""

    windows: int
    novelty: float
    """Median."""
    novelty_spread: float
    """1.4826 times the median absolute deviation."""
    rms: float
    """Exponential of the median of ln(RMS), in the sensor's unit."""
    rms_spread: float
    """Scale of ln(RMS), as `novelty_spread`: 0.1 is about 10 %."""
    normal_share: float
    """Share of the windows that the model, as it is shipped, takes for normal."""
    allowance: float
    """Novelty by which the machine's windows may pass the contract's threshold, 0 at least."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline of one machine: what was learnt, who asked for it, and for which model. Stored."""

    learnt: BaselineStatistics
    bundle_sha256: str
    gate_rms: float | None
    """RMS from which on the machine counts as running, if the settings give none; None: not asked for."""
    at_unix_ns: int
    by: str
    comment: str | None = None
    states: int = 0
    """Operating states of the health baseline; 0: an earlier version learnt none."""
    health: str | None = None
    """Text of the health baseline (drsn.agent.monitoring.baseline_file)."""
    despite: tuple[str, ...] = ()
    """Conditions whose alarm stood while it was learnt: the operator has stated that they were false alarms."""

    def allowance(self, bundle_sha256: str) -> float:
        """The allowance for a model's windows: 0 for another model, whose novelty has another scale."""
        return self.learnt.allowance if bundle_sha256 == self.bundle_sha256 else 0.0


def statistics_of(windows: Sequence[HealthyWindow], threshold: float | None) -> BaselineStatistics:
    """Learn location and scale of RMS and novelty, and the allowance.

    Args:
        windows: of a machine that is healthy and runs, not overlapping.
        threshold: novelty above which the model abstains; None: it never does, and needs no allowance.

    Raises:
        UnfitError: an RMS is 0, or a novelty is no number.
    """
    novelty, rms = np.array([[window.novelty, window.rms] for window in windows]).T
    if not np.isfinite(novelty).all():
        raise UnfitError("the network gives novelties that are not numbers: run `drsn-export verify` on the bundle")
    if not (rms > 0).all():
        raise UnfitError("a window has an RMS of 0; check the sensor")
    location, scale = location_and_scale(novelty)
    log_rms, rms_spread = location_and_scale(np.log(rms))
    normal_share = sum(window.condition == NORMAL for window in windows) / len(windows)
    excess = 0.0 if threshold is None else max(0.0, float(np.quantile(novelty, ACCEPTED)) - threshold)
    return BaselineStatistics(len(windows), location, scale, float(np.exp(log_rms)), rms_spread, normal_share, excess)


def location_and_scale(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Median, and median absolute deviation as the standard deviation of normal values that had it."""
    location = float(np.median(values))
    return location, SIGMA_PER_MAD * float(np.median(np.abs(np.asarray(values) - location)))


def with_allowance(diagnosis: Diagnosis, threshold: float | None, allowance: float) -> Diagnosis:
    """The diagnosis if the model abstained only above `threshold + allowance`."""
    if diagnosis.condition != UNKNOWN or threshold is None or not diagnosis.novelty <= threshold + allowance:
        return diagnosis
    return replace(diagnosis, condition=best_condition(diagnosis))


def best_condition(diagnosis: Diagnosis) -> str:
    """The most probable condition, the first of equals, as in `Interpreter`."""
    probabilities = diagnosis.condition_probabilities
    return max(probabilities, key=probabilities.__getitem__)
