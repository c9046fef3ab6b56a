"""One simulated sensor under the agent's own alarm engine: false alarms while it is healthy, the delay of a fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.decision.policy import Policy
    from drsn.model.contract import ModelContract

    Stretches = Sequence[Sequence[Diagnosis]]

WARM_UP_WINDOWS = 32
"""Healthy windows before a fault begins, besides those of the gate's settling time: a quorum's history against it."""


class SimulatedSensor:
    """One sensor, from its first window on.

    Args:
        contract: the model's contract.
        policy: when its alarms are raised and cleared.
    """

    def __init__(self, contract: ModelContract, policy: Policy) -> None:
        self._conditions = tuple(name for name in contract.alarm_conditions if name != NORMAL)
        self._engine = AlarmEngine(contract, "", lambda _sensor: policy)
        self._active: frozenset[str] = frozenset()

    def raised(self, diagnosis: Diagnosis) -> list[str]:
        """Feed one window; return the machine conditions that it raises, in the contract's order."""
        conditions = self._engine.feed(diagnosis, 0).sensor.conditions
        active = frozenset(name for name in self._conditions if conditions[name].state.active)
        before, self._active = self._active, active
        return [name for name in self._conditions if name in active - before]


@dataclass(frozen=True)
class Delay:
    """How one fault was found."""

    windows: float
    """From its onset to the first machine alarm; inf: none came in time."""
    condition: str | None
    """That was raised; None: none."""


def drawn(stretches: Stretches, rng: np.random.Generator, reset_share: float = 0.0) -> Iterator[Diagnosis]:
    """Yield windows without end: whole stretches, drawn evenly, one after the other.

    Before `reset_share` of the windows there is a gap that resets the votes.
    """
    while True:
        for diagnosis in stretches[int(rng.integers(len(stretches)))]:
            if reset_share and rng.uniform() < reset_share:
                yield replace(diagnosis, reading=replace(diagnosis.reading, fresh=True))
            else:
                yield diagnosis


def count_false_alarms(
    sensor: SimulatedSensor,
    healthy: Stretches,
    windows: int,
    rng: np.random.Generator,
    on_window: Callable[[], None] = lambda: None,
    reset_share: float = 0.0,
) -> int:
    """Return how many machine alarms a healthy sensor raises in so many windows."""
    count = 0
    for _, diagnosis in zip(range(windows), drawn(healthy, rng, reset_share), strict=False):
        count += len(sensor.raised(diagnosis))
        on_window()
    return count


def first_alarm(
    sensor: SimulatedSensor,
    healthy: Stretches,
    faulty: Stretches,
    warm_up_windows: int,
    most_windows: int,
    rng: np.random.Generator,
    reset_share: float = 0.0,
) -> Delay:
    """Let a fault begin after healthy windows and wait for the first machine alarm.

    The onset lies anywhere within a window; the window that holds it still looks healthy.

    Args:
        sensor: a new one.
        healthy: stretches before the fault.
        faulty: stretches of the fault.
        warm_up_windows: healthy windows.
        most_windows: to wait for.
        rng: draws the stretches and the onset.
        reset_share: of the windows; before them is a gap that resets the votes.
    """
    for _, diagnosis in zip(range(warm_up_windows), drawn(healthy, rng, reset_share), strict=False):
        sensor.raised(diagnosis)
    onset_windows = rng.uniform()
    for step, diagnosis in zip(range(1, most_windows + 1), drawn(faulty, rng, reset_share), strict=False):
        conditions = sensor.raised(diagnosis)
        if conditions:
            return Delay(step + onset_windows, conditions[0])
    return Delay(np.inf, None)


def poisson_upper_bound(events: int, exposure: float, confidence: float = 0.95) -> float:
    """Return Garwood's upper limit of a Poisson rate, in events per unit of `exposure`.

    It is the rate at which no more than `events` would be counted in 5 of 100 histories (at a confidence of 0.95).
    """
    low, high = 0.0, 10.0 * (events + 5)
    for _ in range(100):
        mean = (low + high) / 2
        terms = np.cumsum([0.0, *np.log(mean / np.arange(1, events + 1))])
        low, high = (mean, high) if np.exp(terms - mean).sum() > 1 - confidence else (low, mean)
    return high / exposure
