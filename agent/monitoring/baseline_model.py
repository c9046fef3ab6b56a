"""Health baseline: a statistical model of the healthy windows of one machine, learnt outside the network.

Operating states are intervals of the speed where it is known, else of the level. In each state the location and scale
of a feature are the median and the median absolute deviation, which a tenth of odd windows hardly moves. What a weight
of evidence costs is learnt too, from windows that the location was not learnt from: one block of time after the other
is left out. So a slow drift within the healthy time counts as scatter.

The cost of an expert is such that e to its weight has a mean of at most 1 over the healthy windows and one more, whose
weight is the largest: a conformal e-value (Vovk and Wang, "E-values: calibration, combination and applications", Annals
of Statistics 49(3), 2021). A baseline of few windows is thus not wrong, it only weighs less. Windows that follow each
other are not independent: they count divided by the integrated autocorrelation time of the feature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.monitoring.baseline_features import ENVELOPE, FEATURES, IMPULSIVENESS, LEVEL, MODEL, SPECTRUM
from drsn.agent.monitoring.baseline_score import BOUND_NATS, shift_nats, tempered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_WINDOWS: Final = 30
"""Of an operating state. The median of so many normal values has an error of 0.23 of their scale."""

MAX_STATES: Final = 8
OUTSIDE_SHARE: Final = 0.1
"""Largest share of windows in no operating state; above it the machine is not steady."""

SPEED_WIDTH: Final = math.log(1.05)
"""Half the width of a state in the logarithm of the speed: slip and load move a motor's speed by 5 % at most."""

LEVEL_WIDTH: Final = math.log(2) / 2
"""Half the width of a state in the logarithm of the RMS: 3 dB."""

NEAR: Final = 1.5
"""A window belongs to a state up to so many half widths from its middle."""

BLOCKS: Final = 10
MOST_DEPENDENCE: Final = 8.0
NEIGHBOURS: Final = 3
"""A line of the envelope spectrum at another speed is compared with so many bands on both sides, a factor of 1.6."""

SIGMA_PER_MAD: Final = 1.4826


class UnfitError(Exception):
    """No baseline can be learnt from these windows. The message is the reason in the answer to the operator."""


def _by_group(
    level: float, impulsiveness: tuple[float, float], spectrum: float, envelope: float, model: float
) -> NDArray[np.float32]:
    values = np.empty(FEATURES, np.float32)
    values[LEVEL], values[IMPULSIVENESS], values[SPECTRUM] = level, impulsiveness, spectrum
    values[ENVELOPE], values[MODEL] = envelope, model
    return values


_3_DB, _6_DB = math.log(2), math.log(4)  # of power

SPEED_MARGIN: Final = _by_group(_3_DB / 2, (0.2, 0.25), _6_DB, _3_DB, 2.0)
"""What a change must pass where the speed is known. 6 dB in a band is the usual first alarm of vibration monitoring;
the level takes 3 dB, a crest factor 20 % and a kurtosis 25 %, which is 3.9 instead of 3."""

LEVEL_MARGIN: Final = _by_group(np.inf, (0.2, 0.25), np.inf, _3_DB, 2.0)
"""The same where it is not known: another level or spectrum is then perhaps another speed."""

ELSEWHERE_MARGIN: Final = _by_group(np.inf, (0.3, 0.5), np.inf, _6_DB, 4.0)
"""The same outside of all operating states. Only what a healthy machine does not show at any speed counts: shocks, and
a modulation that rises."""

SCALE_FLOOR: Final = _by_group(0.02, (0.02, 0.02), 0.05, 0.05, 0.2)


@dataclass(frozen=True, slots=True, eq=False)
class OperatingState:
    """The healthy windows of one operating state. NaN in `location`: its windows do not have the feature."""

    middle: float
    """Logarithm of the speed in rpm, or of the RMS in the sensor's unit."""
    windows: int
    location: NDArray[np.float32]
    """float32[FEATURES], as `scale` and `dependence`."""
    scale: NDArray[np.float32]
    dependence: NDArray[np.float32]
    """Integrated autocorrelation time in windows, 1 to `MOST_DEPENDENCE`."""
    cost: NDArray[np.float32]
    """float32[2, FEATURES], in nats: taken off the weight of each expert."""


@dataclass(frozen=True, slots=True, eq=False)
class HealthBaseline:
    """The healthy windows of one machine."""

    by_speed: bool
    """States are of the speed, and the envelope spectrum is in orders; else of the level, and in hertz."""
    states: tuple[OperatingState, ...]
    elsewhere: OperatingState
    """For windows outside of all states, from all windows."""
    fault_nats: dict[str, float]
    """Condition of the model -> by how much the model overstates it, in nats, 0 at least (`overstatement`)."""

    @property
    def margin(self) -> NDArray[np.float32]:
        """float32[FEATURES]: what a change must pass within a state."""
        return SPEED_MARGIN if self.by_speed else LEVEL_MARGIN

    @property
    def width(self) -> float:
        """Half the width of a state."""
        return SPEED_WIDTH if self.by_speed else LEVEL_WIDTH

    @property
    def windows(self) -> int:
        """Windows that it was learnt from."""
        return self.elsewhere.windows


def learn(
    features: NDArray[np.float32],
    rpm: NDArray[np.float64],
    log_odds: NDArray[np.float32],
    conditions: Sequence[str],
) -> HealthBaseline:
    """Learn a baseline.

    Args:
        features: float32[windows, FEATURES] of a healthy machine, in order of time, not overlapping; the envelope
            spectrum in orders if every speed is known, else in hertz.
        rpm: float64[windows], NaN: not known.
        log_odds: float32[windows, conditions]: of each condition of the model against `normal`.
        conditions: names of these columns.

    Raises:
        UnfitError: the windows are too few, broken, or of too many operating states.
    """
    if len(features) < LEAST_WINDOWS:
        raise UnfitError(f"{len(features)} windows are too few, {LEAST_WINDOWS} are needed")
    if np.isinf(features).any() or not np.isfinite(features[:, LEVEL]).all() or not np.isfinite(log_odds).all():
        raise UnfitError("the network gives probabilities that are not numbers: run `drsn-export verify` on the bundle")
    by_speed = bool(np.isfinite(rpm).all())
    at = np.log(rpm) if by_speed else features[:, LEVEL.start].astype(np.float64)
    width, margin = (SPEED_WIDTH, SPEED_MARGIN) if by_speed else (LEVEL_WIDTH, LEVEL_MARGIN)
    members = states_of(at, width)
    outside = len(at) - sum(map(len, members))
    if outside > OUTSIDE_SHARE * len(at):
        what = "speed within 5 %" if by_speed else "RMS within 3 dB"
        raise UnfitError(
            f"not steady: {outside} of {len(at)} windows are in no operating state ({what}, {LEAST_WINDOWS} windows at "
            "least); let the machine run as it usually does, or commission for longer"
        )
    states = tuple(_learnt(features[rows], float(np.median(at[rows])), margin) for rows in members)
    excess = [max(0.0, overstatement(column)) for column in log_odds.T]
    return HealthBaseline(by_speed, states, _elsewhere(features), dict(zip(conditions, excess, strict=True)))


def states_of(at: NDArray[np.float64], width: float) -> list[NDArray[np.intp]]:
    """Find operating states: the interval with the most windows first, then that of the others, and so on.

    Args:
        at: float64[windows]: logarithm of speed or level.
        width: half the width of an interval.

    Returns:
        The windows of each state, rising; at most `MAX_STATES` of `LEAST_WINDOWS` windows at least.
    """
    left = np.arange(len(at))
    states: list[NDArray[np.intp]] = []
    while len(left) >= LEAST_WINDOWS and len(states) < MAX_STATES:
        ordered = np.sort(at[left])
        counts = np.searchsorted(ordered, ordered + 2 * width, side="right") - np.arange(len(ordered))
        first = int(counts.argmax())
        middle = np.median(ordered[first : first + counts[first]])
        inside = np.abs(at[left] - middle) <= NEAR * width
        if np.count_nonzero(inside) < LEAST_WINDOWS:
            break
        states.append(left[inside])
        left = left[~inside]
    return states


def overstatement(log_odds: NDArray[np.float32]) -> float:
    """By how much the model overstates a condition on healthy windows, in nats.

    Taken off, e to the log-odds has a mean of 1 at most over the healthy windows, and in one of a hundred healthy
    windows at most the condition is more probable than `normal`.

    Args:
        log_odds: float32[windows] of the condition against `normal`.
    """
    largest = float(log_odds.max())
    mean = largest + math.log(float(np.exp(log_odds - largest).mean(dtype=np.float64)))
    return max(mean, float(np.quantile(log_odds, 0.99, method="higher")))


def _elsewhere(features: NDArray[np.float32]) -> OperatingState:
    """The state of windows outside of all states: a line of the envelope may lie in a band nearby."""
    state = _learnt(features, 0.0, ELSEWHERE_MARGIN)
    nearby = np.pad(state.location[ENVELOPE], NEIGHBOURS, mode="edge")
    location = state.location.copy()
    location[ENVELOPE] = np.fmax.reduce(np.lib.stride_tricks.sliding_window_view(nearby, 2 * NEIGHBOURS + 1), axis=1)
    return OperatingState(0.0, state.windows, location, state.scale, state.dependence, state.cost)


def _learnt(features: NDArray[np.float32], middle: float, margin: NDArray[np.float32]) -> OperatingState:
    present = np.isfinite(features).mean(axis=0) > 1 - OUTSIDE_SHARE
    known = np.where(present, features, np.float32(0))
    location = _median(known)
    blocks = np.array_split(np.arange(len(known)), BLOCKS)
    rest = np.empty_like(known)
    for block in blocks:
        rest[block] = known[block] - _median(np.delete(known, block, axis=0))
    scale = np.maximum(SIGMA_PER_MAD * _median(np.abs(rest)), SCALE_FLOOR)
    dependence = _dependence(rest / scale, blocks)
    cost = _cost(tempered(shift_nats(rest, margin, scale), dependence), dependence)
    return OperatingState(middle, len(features), np.where(present, location, np.nan), scale, dependence, cost)


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of each column, of those values that are numbers; each column has some."""
    median: NDArray[np.float32] = (np.nanmedian if np.isnan(values).any() else np.median)(values, axis=0)
    return median


def _dependence(deviation: NDArray[np.float32], blocks: Sequence[NDArray[np.intp]]) -> NDArray[np.float32]:
    """Integrated autocorrelation time of each feature: variance of the means of blocks over that of the windows."""
    cut = np.nan_to_num(np.clip(deviation, -4, 4))
    means = np.stack([cut[block].mean(axis=0) for block in blocks])
    times: NDArray[np.float32] = (
        len(cut) / len(blocks) * np.square(means).mean(axis=0) / np.maximum(cut.var(axis=0), 1e-9)
    )
    return np.clip(times, 1, MOST_DEPENDENCE)


def _cost(nats: NDArray[np.float32], dependence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cost of each expert, 0 at least; `nats` is float32[windows, 2, FEATURES]."""
    windows = len(nats) / dependence
    mean = np.exp(nats, dtype=np.float64).mean(axis=0)
    cost: NDArray[np.float64] = np.log((windows * mean + np.exp(BOUND_NATS / dependence)) / (windows + 1))
    return np.fmax(cost, 0).astype(np.float32)
