"""Long histories of many sensors, drawn from a pool stretch by stretch: false alarms and delays of a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from alarm_quality.pool import FAULTY
from alarm_quality.rules import Sensors, ceilings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alarm_quality.pool import Pool
    from alarm_quality.rules import Rule

DAY_S = 86_400.0
Windows: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]"
"""One window of each of n sensors: vote int64[n], probability float32 and z float64 [n, conditions], excess
float64[n]."""

WARM_UP = 32
"""Healthy windows before a fault begins: a full vote history against it."""


class Draws:
    """Windows of n sensors, one step after another: whole stretches of a pool, drawn evenly, one after the other.

    Args:
        pool: most stretches are drawn from it.
        n: number of sensors.
        rng: the same state draws the same.
        other: the part `share` of the stretches is drawn from it; as long as those of `pool`.
        share: 0 to 1.
    """

    def __init__(
        self, pool: Pool, n: int, rng: np.random.Generator, other: Pool | None = None, share: float = 0.0
    ) -> None:
        pools = [pool] if other is None else [pool, other]
        self.conditions = len(pool.conditions)
        self._counts = [len(p.vote) for p in pools]
        self._share = share
        self._length = pool.vote.shape[1]
        self._n, self._rng = n, rng
        self._at = self._length
        self._first: NDArray[np.int64] = np.zeros(n, np.int64)
        self._vote = np.concatenate([p.vote.reshape(-1) for p in pools])
        self._probability = np.concatenate([p.probability.reshape(-1, self.conditions) for p in pools])
        self._z = np.concatenate([p.z.reshape(-1, self.conditions + 1) for p in pools])
        self._excess = np.concatenate([p.excess.reshape(-1) for p in pools])

    def next(self) -> Windows:
        """Return one window of each sensor."""
        if self._at == self._length:
            self._at = 0
            stretch = self._rng.integers(self._counts[0], size=self._n)
            if self._share:
                from_other = self._counts[0] + self._rng.integers(self._counts[1], size=self._n)
                stretch = np.where(self._rng.uniform(size=self._n) < self._share, from_other, stretch)
            self._first = stretch * self._length
        row = self._first + self._at
        self._at += 1
        return self._vote[row], self._probability[row], self._z[row], self._excess[row]


def false_alarms(rule: Rule, draws: Draws, sensors: int, steps: int) -> int:
    """Return how many machine alarms a rule raises on healthy sensors in `steps` windows each."""
    batch, count = Sensors(rule, sensors, draws.conditions), 0
    for _ in range(steps):
        count += int(batch.feed(*draws.next()).sum())
    return count


def misled_streams(rule: Rule, streams: Pool, steps: int) -> int:
    """Return how many streams raise an alarm in `steps` windows; each stream repeats its own stretch.

    The streams are foreign signals: no machine of the model made them.
    """
    count, length = streams.vote.shape
    batch, raised = Sensors(rule, count, len(streams.conditions)), np.zeros(count, bool)
    for step in range(steps):
        at = step % length
        windows = streams.vote[:, at], streams.probability[:, at], streams.z[:, at], streams.excess[:, at]
        raised |= batch.feed(*windows).any(axis=1)
    return int(raised.sum())


@dataclass(frozen=True)
class Delays:
    """How n faults were found."""

    windows: NDArray[np.float64]
    """float64[n]: from the onset to the first alarm; inf: none came in time."""
    condition: NDArray[np.int64]
    """int64[n]: the condition that was raised; -1: none."""


def delays(rule: Rule, healthy: Pool, faulty: Pool, trials: int, most: int, seed: int) -> Delays:
    """Let a fault begin in each of `trials` sensors and wait at most `most` windows for the first machine alarm.

    The onset lies anywhere within a window; the window that holds it still looks healthy.
    """
    rng = np.random.default_rng(seed)
    batch = Sensors(rule, trials, len(healthy.conditions))
    draws = Draws(healthy, trials, rng)
    for _ in range(WARM_UP):
        batch.feed(*draws.next())
    found = Delays(np.full(trials, np.inf), np.full(trials, -1))
    onset, draws = rng.uniform(size=trials), Draws(faulty, trials, rng)
    for step in range(1, most + 1):
        raised = batch.feed(*draws.next())
        new = raised.any(axis=1) & (found.condition < 0)
        found.windows[new] = step + onset[new]
        found.condition[new] = raised[new].argmax(axis=1)
        if (found.condition >= 0).all():
            break
    return found


def dependence_windows(pool: Pool, most: float = 64.0) -> float | None:
    """Return the least T for which e^(sum of z / T) has a mean of at most 1, over runs of any length in the stretches.

    The bound on false alarms requires that of T (drsn.agent.decision.cusum), whatever the dependence looks like.
    Windows with a sensor fault count as z = 0. None: T is above `most`.
    """
    weighed = np.minimum(pool.z, ceilings(pool.excess)[..., np.newaxis])
    z = np.where((pool.vote == FAULTY)[..., np.newaxis], 0.0, weighed)
    total = np.concatenate([np.zeros_like(z[:, :1]), z.cumsum(axis=1)], axis=1)
    sums = [total[:, length:] - total[:, :-length] for length in range(1, z.shape[1] + 1)]
    for t in np.arange(1.0, most, 0.25).tolist():
        if max(np.exp(s / t).mean(axis=(0, 1)).max() for s in sums) <= 1:
            return float(t)
    return None
