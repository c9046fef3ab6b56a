"""What the agent has learnt of one machine while it was healthy, and from what. No clock, no I/O.

Location and scale are the median and 1.4826 times the median absolute deviation, which a tenth of odd windows hardly
moves (Rousseeuw and Croux, Journal of the American Statistical Association 1993).

The contract's threshold is the novelty below which 95 % of the windows of validation lie. Another load, mounting or
machine moves the novelty; the allowance is what this machine's own 95 % point lies above the threshold, counted and
not put together of location and scale, for novelty has a long tail upwards. It is never below 0: faults lie higher
than what is healthy, and a lower threshold would refuse them. It changes whether the model abstains, so votes and
`unknown`; the sequential test weighs doubt itself, by a scale that promises something of noise
(drsn.agent.decision.cusum), and goes on to do so.
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
"""The median of so many normal values is known to 0.23 of their scale. A minute gives `cwru` 350."""

ACCEPTED = 0.95
"""Of the machine's healthy windows, as of those of validation."""

SIGMA_PER_MAD = 1.4826
"""Of normal values."""

STEADY_FACTOR = 2.0
UNSTEADY_SHARE = 0.1
"""A window is steady if its RMS is within a factor of 2 of the median; one in ten may be otherwise. The recordings
of CWRU and HIT-SM have none, their healthy windows lie within 0.90 and 1.08; a machine that stops has more."""

NORMAL_SHARE = 0.95
"""Of windows that the model must take for normal. Where it takes a healthy machine for a broken one, its abstention is
all that keeps the alarm down."""

GATE_PART = 0.25
"""Of the median RMS. At half the speed the healthy bearings of HIT-SM come to 0.81 and 0.97 of it, at three more horse
power that of CWRU to 0.80: a gate that closed on a machine that runs otherwise than usual would be deaf."""


class UnfitError(Exception):
    """What was seen can't be learnt from; the message says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one window."""

    novelty: float
    rms: float
    condition: str
    """The most probable, whether the model abstained or not."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Of one machine."""

    windows: int
    novelty: float
    """Location."""
    novelty_spread: float
    """Scale."""
    rms: float
    """Location, in the sensor's unit."""
    rms_spread: float
    """Scale of its logarithm: 0.1 is about 10 %."""
    normal_share: float
    """Of the windows that the model takes for normal."""
    allowance: float
    """Novelty by which its windows may pass the contract's threshold, 0 at least."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was learnt, by whose word, and for which model."""

    learnt: Learnt
    bundle_sha256: str
    gate_rms: float | None
    """The machine runs from here on, where the settings give no RMS; None: nobody asked for it."""
    at_unix_ns: int
    by: str
    comment: str | None = None

    def allowance(self, bundle_sha256: str) -> float:
        """For windows of this model; another's novelty has another scale."""
        return self.learnt.allowance if bundle_sha256 == self.bundle_sha256 else 0.0


def learn(seen: Sequence[Seen], threshold: float | None, most: float) -> Learnt:
    """Location and scale of RMS and novelty, and the allowance that follows.

    Args:
        seen: windows of a machine that is healthy and runs, not overlapping.
        threshold: the contract's; None: the model never abstains, and needs no allowance.
        most: allowance, past which noise would no longer be refused.

    Raises:
        UnfitError: too few, not steady, not taken for normal, or too far from all that the model knows.
    """
    if len(seen) < LEAST_WINDOWS:
        raise UnfitError(f"{len(seen)} windows are too few, {LEAST_WINDOWS} are needed")
    _require_steady(seen)
    normal_share = _require_normal(seen)
    novelty = np.array([window.novelty for window in seen])
    if not np.isfinite(novelty).all():
        raise UnfitError("the network gives novelties that are no numbers: `drsn-export verify` the bundle")
    location, scale = location_and_scale(novelty)
    rms, rms_spread = location_and_scale(np.log([window.rms for window in seen]))
    excess = 0.0 if threshold is None else max(0.0, float(np.quantile(novelty, ACCEPTED)) - threshold)
    if excess > most:
        raise UnfitError(
            f"the model does not know this machine: its novelty is {location:.1f} with a spread of {scale:.1f}, up "
            f"to {excess:.1f} past the threshold, and from {most:.1f} on noise and hum would pass too; "
            "train with recordings of it"
        )
    return Learnt(len(seen), location, scale, float(np.exp(rms)), rms_spread, normal_share, excess)


def location_and_scale(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Median, and median absolute deviation as the standard deviation of normal values that had it."""
    location = float(np.median(values))
    return location, SIGMA_PER_MAD * float(np.median(np.abs(np.asarray(values) - location)))


def judged(diagnosis: Diagnosis, threshold: float | None, allowance: float) -> Diagnosis:
    """The diagnosis for a machine whose windows may be so much more novel than the contract's threshold."""
    if diagnosis.condition != UNKNOWN or threshold is None or not diagnosis.novelty <= threshold + allowance:
        return diagnosis
    return replace(diagnosis, condition=best_condition(diagnosis))


def best_condition(diagnosis: Diagnosis) -> str:
    """The most probable one, the first of equals, as the interpreter takes it."""
    probabilities = diagnosis.condition_probabilities
    return max(probabilities, key=probabilities.__getitem__)


def _require_steady(seen: Sequence[Seen]) -> None:
    rms = np.array([window.rms for window in seen])
    median = float(np.median(rms))
    steady = (rms >= median / STEADY_FACTOR) & (rms <= median * STEADY_FACTOR) & (rms > 0)
    if (unsteady := len(seen) - int(steady.sum())) > UNSTEADY_SHARE * len(seen):
        raise UnfitError(
            f"not steady: the RMS of {unsteady} of {len(seen)} windows is below half or above twice the median of "
            f"{median:.3g}; let the machine run as it usually does"
        )
    if not (rms > 0).all():
        raise UnfitError("a window has an RMS of 0; look after the sensor")


def _require_normal(seen: Sequence[Seen]) -> float:
    conditions = [window.condition for window in seen]
    share = conditions.count(NORMAL) / len(seen)
    if share < NORMAL_SHARE:
        others = sorted(set(conditions) - {NORMAL}, key=conditions.count)
        raise UnfitError(
            f"the model takes {conditions.count(others[-1])} of {len(seen)} windows for {others[-1]}: commissioning "
            "changes no names. If the machine is well, train with recordings of it"
        )
    return share
