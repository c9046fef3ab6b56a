"""The baseline of one machine, learnt from windows of it while it is healthy. No clock, no I/O.

Location and scale are the median and 1.4826 times the median absolute deviation, which a tenth of odd windows hardly
moves (Rousseeuw and Croux, Journal of the American Statistical Association 1993).

The contract's threshold is the novelty below which 95 % of the windows of validation lie. Another load, mounting or
machine moves the novelty. The allowance is the distance of this machine's own 95 % point above the threshold; it is
counted, not computed from location and scale, for novelty has a long tail upwards. It is never below 0: faults have a
higher novelty than healthy windows, and a lower threshold would make the model abstain from them. The allowance
changes whether the model abstains, so it changes votes and `unknown`. It does not change the weight of a window in a
CUSUM, which has a bound for noise (drsn.agent.decision.cusum).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.decision.diagnosis import Diagnosis

LEAST_WINDOWS = 30
"""The median of so many normal values has an error of 0.23 of their scale. A minute of `cwru` gives 350."""

ACCEPTED = 0.95
"""Share of the machine's healthy windows that the model accepts, as of the windows of validation."""

SIGMA_PER_MAD = 1.4826
"""Standard deviation over median absolute deviation of normally distributed values."""

STEADY_FACTOR = 2.0
UNSTEADY_SHARE = 0.1
"""A window is steady if its RMS is within a factor of 2 of the median; one in ten may be otherwise. The recordings
of CWRU and HIT-SM have none, their healthy windows lie within 0.90 and 1.08; a machine that stops has more."""

NORMAL_SHARE = 0.95
"""Least share of windows that the model takes for normal. Where it takes a healthy machine for a broken one, only its
abstention prevents an alarm."""

GATE_SHARE = 0.25
"""RMS of the gate over the median RMS. At half the speed the healthy bearings of HIT-SM have 0.81 and 0.97 of it, at
three more horse power that of CWRU 0.80: the gate must not close on a machine that runs otherwise than usual."""


class UnfitError(Exception):
    """No baseline can be learnt from these windows. The message is the reason in the answer to the operator."""


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
    """Share of the windows that the model takes for normal."""
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

    def allowance(self, bundle_sha256: str) -> float:
        """The allowance for a model's windows: 0 for another model, whose novelty has another scale."""
        return self.learnt.allowance if bundle_sha256 == self.bundle_sha256 else 0.0


def learn(windows: Sequence[HealthyWindow], threshold: float | None, most: float) -> BaselineStatistics:
    """Learn location and scale of RMS and novelty, and the allowance.

    Args:
        windows: of a machine that is healthy and runs, not overlapping.
        threshold: novelty above which the model abstains; None: it never does, and needs no allowance.
        most: largest allowance; above it the model would accept noise.

    Raises:
        UnfitError: the windows are too few, not steady, not taken for normal, or too far from the training data.
    """
    if len(windows) < LEAST_WINDOWS:
        raise UnfitError(f"{len(windows)} windows are too few, {LEAST_WINDOWS} are needed")
    _require_steady(windows)
    normal_share = _require_normal(windows)
    novelty = np.array([window.novelty for window in windows])
    if not np.isfinite(novelty).all():
        raise UnfitError("the network gives novelties that are no numbers: `drsn-export verify` the bundle")
    location, scale = location_and_scale(novelty)
    rms, rms_spread = location_and_scale(np.log([window.rms for window in windows]))
    excess = 0.0 if threshold is None else max(0.0, float(np.quantile(novelty, ACCEPTED)) - threshold)
    if excess > most:
        raise UnfitError(
            f"the model does not know this machine: its novelty is {location:.1f} with a spread of {scale:.1f}, up "
            f"to {excess:.1f} past the threshold, and from {most:.1f} on noise and hum would pass too; "
            "train with recordings of it"
        )
    return BaselineStatistics(len(windows), location, scale, float(np.exp(rms)), rms_spread, normal_share, excess)


def location_and_scale(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
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


def _require_steady(windows: Sequence[HealthyWindow]) -> None:
    rms = np.array([window.rms for window in windows])
    median = float(np.median(rms))
    steady = (rms >= median / STEADY_FACTOR) & (rms <= median * STEADY_FACTOR) & (rms > 0)
    if (unsteady := len(windows) - int(steady.sum())) > UNSTEADY_SHARE * len(windows):
        raise UnfitError(
            f"not steady: the RMS of {unsteady} of {len(windows)} windows is below half or above twice the median of "
            f"{median:.3g}; let the machine run as it usually does"
        )
    if not (rms > 0).all():
        raise UnfitError("a window has an RMS of 0; look after the sensor")


def _require_normal(windows: Sequence[HealthyWindow]) -> float:
    conditions = [window.condition for window in windows]
    share = conditions.count(NORMAL) / len(windows)
    if share < NORMAL_SHARE:
        others = sorted(set(conditions) - {NORMAL}, key=conditions.count)
        raise UnfitError(
            f"the model takes {conditions.count(others[-1])} of {len(windows)} windows for {others[-1]}: commissioning "
            "changes no names. If the machine is well, train with recordings of it"
        )
    return share
