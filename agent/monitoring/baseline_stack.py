"""The baselines of many sensors as arrays, and the score of their windows.

A window that lies in no operating state of its baseline has no vote, unless features that no healthy machine shows at
any speed have changed: shocks, and the modulation of the envelope. Their evidence is summed on its own, and only what
the sum changes by is handed on. So a time in an unknown state takes nothing from what a known state has shown.

Where nothing speaks for a change, the locations follow the machine slowly. They never move further from what was learnt
than the margin of a change: a fault that grows for a year is found, at twice its margin at the latest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from drsn.agent.monitoring.baseline_features import FEATURES, LEVEL, MODEL, SPECTRUM
from drsn.agent.monitoring.baseline_model import ELSEWHERE_MARGIN, MAX_STATES, NEAR, SPEED_MARGIN
from drsn.agent.monitoring.baseline_score import DOWN, EXPERTS, FLOOR_NATS, PRIOR, mix, shift_nats, tempered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.monitoring.baseline_model import HealthBaseline, OperatingState

AGEING_S: Final = 7 * 86_400.0
"""Time constant with which the locations follow the machine."""

MOST_EVIDENCE_NATS: Final = 40.0
ODD_SCALES: Final = 3.0
"""A band of the spectrum that differs from the state by its margin and so many scales is that of another state, where
the speed is not known."""

_FIRST_SLOTS = 16  # doubled when they are used up
_ELSEWHERE = MAX_STATES
_DIGEST_BYTES = 16
_LOCATION, _SCALE, _DEPENDENCE, _MARGIN, _COST = range(5)


class Scores(NamedTuple):
    """What windows of distinct sensors say of a change."""

    nats: NDArray[np.float32]
    """float32[windows]; NaN: the window has no vote."""
    expert: NDArray[np.intp]
    """int[windows]: the expert that weighs most."""
    unknown_state: NDArray[np.bool_]
    """bool[windows]: it lies in no operating state."""


class BaselineStack:
    """The baselines of all sensors, and what their windows have shown so far, by slot."""

    def __init__(self) -> None:
        self.present = np.zeros(_FIRST_SLOTS, np.bool_)
        """bool[slots]: there is a baseline."""
        self.unknown = np.zeros(_FIRST_SLOTS, np.int64)
        """int64[slots]: windows in no operating state."""
        self._parameters = np.zeros((_FIRST_SLOTS, MAX_STATES + 1, _COST + 2, FEATURES), np.float32)
        self._learnt = np.zeros((_FIRST_SLOTS, MAX_STATES + 1, FEATURES), np.float32)
        """Locations before they aged."""
        self._drift = np.zeros((_FIRST_SLOTS, MAX_STATES + 1, FEATURES))
        """How far they have aged."""
        self._middle = np.full((_FIRST_SLOTS, MAX_STATES), np.inf)
        self._width = np.zeros(_FIRST_SLOTS)
        self.by_speed = np.zeros(_FIRST_SLOTS, np.bool_)
        """bool[slots]: the features of the sensor are those with orders."""
        self._weights = np.zeros((_FIRST_SLOTS, EXPERTS), np.float32)
        self._evidence = np.zeros((2, _FIRST_SLOTS), np.float32)
        """Sum of the weights, 0 at least: of windows in a state, and elsewhere."""
        self.rpm = np.full(_FIRST_SLOTS, np.nan)
        """float64[slots]: speed of the shaft where packets do not give it; NaN: not known."""
        self.frozen = np.zeros(_FIRST_SLOTS, np.bool_)
        """bool[slots]: an alarm stands, so the locations do not age."""

    def set(self, slot: int, baseline: HealthBaseline, *, uses_model: bool) -> None:
        """Take over a baseline.

        Args:
            slot: of its sensor.
            baseline: its parameters are copied.
            uses_model: the log-odds are those of the model that the baseline was learnt with.
        """
        self._grow(slot)
        parameters = self._parameters[slot]
        for at, state in enumerate(baseline.states):
            _fill(parameters[at], state, baseline.margin)
        _fill(parameters[_ELSEWHERE], baseline.elsewhere, ELSEWHERE_MARGIN)
        if not uses_model:
            parameters[:, _MARGIN, MODEL] = np.inf
        self._learnt[slot], self._drift[slot] = parameters[:, _LOCATION], 0
        self._middle[slot] = np.inf
        self._middle[slot, : len(baseline.states)] = [state.middle for state in baseline.states]
        self._width[slot], self.by_speed[slot] = NEAR * baseline.width, baseline.by_speed
        self._weights[slot], self._evidence[:, slot] = PRIOR, 0
        self.frozen[slot], self.present[slot], self.unknown[slot] = False, True, 0

    def clear(self, slot: int) -> None:
        """The sensor with the slot has no baseline."""
        self._grow(slot)
        self.present[slot] = self.by_speed[slot] = False

    def drift(self, slot: int) -> bytes | None:
        """How far the locations of a slot have moved, with a digest of those that were learnt: to be stored.

        None: it has no baseline, or they have not moved.
        """
        if not (self.present[slot] and self._drift[slot].any()):
            return None
        drift: bytes = self._drift[slot].astype("<f4").tobytes()
        return _digest(self._learnt[slot]) + drift

    def resume(self, slot: int, stored: bytes) -> bool:
        """Go on with a stored drift; false: it is damaged, or of another baseline, and is not used."""
        digest, values = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        if digest != _digest(self._learnt[slot]) or len(values) != 4 * self._drift[slot].size:
            return False
        drift = np.frombuffer(values, "<f4").reshape(self._drift[slot].shape).astype(np.float64)
        if not np.isfinite(drift).all():
            return False
        self._drift[slot] = np.clip(drift, -SPEED_MARGIN, SPEED_MARGIN)
        self._parameters[slot, :, _LOCATION] = self._learnt[slot] + self._drift[slot]
        return True

    def score(
        self,
        slots: NDArray[np.intp],
        features: NDArray[np.float32],
        rpm: NDArray[np.float64],
        seconds: NDArray[np.float64],
    ) -> Scores:
        """Compare windows with the baselines.

        Args:
            slots: int[windows], none twice.
            features: float32[windows, FEATURES].
            rpm: float64[windows]; NaN: not known.
            seconds: float64[windows]: what is new in each window, by which the locations age.
        """
        by_speed = self.by_speed[slots]
        at = np.where(by_speed, np.log(rpm), features[:, LEVEL.start])
        distance = np.abs(self._middle[slots] - at[:, np.newaxis])
        state = np.where(np.isnan(distance), np.inf, distance).argmin(axis=1)
        rows = np.arange(len(slots))
        parameters = self._parameters[slots, state]
        outside = ~(distance[rows, state] <= self._width[slots])
        outside |= ~by_speed & self._is_odd(features, parameters)
        state[outside] = _ELSEWHERE
        parameters[outside] = self._parameters[slots[outside], _ELSEWHERE]
        deviation = features - parameters[:, _LOCATION]
        nats = shift_nats(deviation, parameters[:, _MARGIN], parameters[:, _SCALE])
        nats = tempered(nats, parameters[:, _DEPENDENCE]) - parameters[:, _COST:]
        nats[outside, DOWN] = FLOOR_NATS  # elsewhere only a rise counts
        weights = self._weights[slots]
        total, expert = mix(weights, nats.reshape(-1, EXPERTS))
        self._weights[slots] = weights
        total[by_speed & np.isnan(rpm)] = np.nan  # these features are not in orders
        self.unknown[slots] += outside
        given = self._sum(slots, total, outside)
        self._age(slots, state, deviation, seconds, given)
        return Scores(given, expert, outside)

    def _is_odd(self, features: NDArray[np.float32], parameters: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The spectrum is not that of the state."""
        deviation = np.abs(features[:, SPECTRUM] - parameters[:, _LOCATION, SPECTRUM])
        odd: NDArray[np.bool_] = (
            deviation > SPEED_MARGIN[SPECTRUM] + ODD_SCALES * parameters[:, _SCALE, SPECTRUM]
        ).any(axis=1)
        return odd

    def _sum(
        self, slots: NDArray[np.intp], nats: NDArray[np.float32], outside: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Sum the weights; return those to hand on: outside of all states not below what the sum has."""
        which = outside.astype(np.intp)
        before = self._evidence[which, slots]
        after = np.clip(before + np.nan_to_num(nats), 0, MOST_EVIDENCE_NATS)
        self._evidence[which, slots] = after
        fall = np.where(before > 0, np.fmax(nats, -before), np.float32(np.nan))
        return np.where(outside & ~(nats > 0), fall, nats)

    def _age(
        self,
        slots: NDArray[np.intp],
        state: NDArray[np.intp],
        deviation: NDArray[np.float32],
        seconds: NDArray[np.float64],
        nats: NDArray[np.float32],
    ) -> None:
        """Let the locations follow the windows that show nothing, by the margin of a change in all."""
        calm = (nats < 0) & (state != _ELSEWHERE) & ~self.frozen[slots] & (self._evidence[:, slots] == 0).all(axis=0)
        slots, state = slots[calm], state[calm]
        scale = self._parameters[slots, state, _SCALE]
        drift = aged(self._drift[slots, state], deviation[calm], scale, seconds[calm])
        self._drift[slots, state] = drift
        self._parameters[slots, state, _LOCATION] = self._learnt[slots, state] + drift

    def _grow(self, slot: int) -> None:
        while slot >= len(self._width):
            for name in (
                "_parameters",
                "_learnt",
                "_drift",
                "_middle",
                "_width",
                "by_speed",
                "_weights",
                "frozen",
                "present",
                "unknown",
                "rpm",
            ):
                array = getattr(self, name)
                setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
            self._evidence = np.concatenate([self._evidence, np.zeros_like(self._evidence)], axis=1)


def aged(
    drift: NDArray[np.float64], deviation: NDArray[np.float32], scale: NDArray[np.float32], seconds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far locations have moved after one more window, within the margin of a change.

    In double precision: a window of 0.2 s moves a location by less than a float32 of that size can hold.

    Args:
        drift: float64[windows, FEATURES] before the window.
        deviation: float32[windows, FEATURES] from the aged location; NaN: the window lacks the feature. An odd window
            counts as one that is a scale away.
        scale: float32[windows, FEATURES].
        seconds: float64[windows]: what is new in each window.
    """
    step = np.clip(np.nan_to_num(deviation), -scale, scale) * (seconds / AGEING_S)[:, np.newaxis]
    return np.clip(drift + step, -SPEED_MARGIN, SPEED_MARGIN)


def _digest(learnt: NDArray[np.float32]) -> bytes:
    return hashlib.sha256(learnt.astype("<f4").tobytes()).digest()[:_DIGEST_BYTES]


def _fill(parameters: NDArray[np.float32], state: OperatingState, margin: NDArray[np.float32]) -> None:
    absent = np.isnan(state.location)
    parameters[_LOCATION] = np.where(absent, 0, state.location)
    parameters[_MARGIN] = np.where(absent, np.inf, margin)
    parameters[_SCALE], parameters[_DEPENDENCE] = state.scale, state.dependence
    parameters[_COST:] = state.cost
