"""A simulation: healthy sensor-days and faults over signal-to-noise ratios, and whether the targets are met."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.tools.simulation.simulated_sensor import (
    WARM_UP_WINDOWS,
    SimulatedSensor,
    count_false_alarms,
    first_alarm,
    poisson_upper_bound,
)
from drsn.agent.tools.simulation.stretches import noise_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.decision.policy import Policy
    from drsn.agent.tools.simulation.simulated_sensor import Stretches
    from drsn.agent.tools.simulation.stretches import WindowDiagnoser
    from drsn.model.data.recording import Recording

DAY_S = 86_400.0
FAULTY_STRETCHES = 5
"""Healthy stretches for each stretch of a condition: delays need fewer windows than false alarms."""

PROGRESS_WINDOWS = 1000
"""Windows of the alarm engine for each step of progress; a stretch through the network is a step too."""

SIGFIGS = 4


@dataclass(frozen=True)
class SimulationPlan:
    """How much is simulated."""

    snr_db: tuple[float, ...]
    days: float
    """Healthy sensor-days in all, shared evenly by the signal-to-noise ratios."""
    stretches: int
    """Healthy stretches through the network at each signal-to-noise ratio."""
    trials: int
    """Faults of each condition at each signal-to-noise ratio."""
    most_s: float
    """A fault that is not found in this time is missed."""
    seed: int
    reset_share: float = 0.0
    """Share of windows before which samples were lost, so that the votes begin anew."""


@dataclass(frozen=True)
class Targets:
    """What the alarms must reach."""

    false_alarms_per_sensor_day: float
    """At most, by the upper 95 % bound."""
    delay_s: float
    """At most, by the 95th percentile of the slowest condition at every signal-to-noise ratio."""


class Simulation:
    """Runs one plan.

    Args:
        diagnoser: the agent's steps from samples to diagnoses.
        policy: when alarms are raised and cleared.
        healthy: recordings of the healthy machine.
        faulty: condition -> recordings of the machine with that fault.
        plan: how much is simulated.
    """

    def __init__(
        self,
        diagnoser: WindowDiagnoser,
        policy: Policy,
        healthy: Sequence[Recording],
        faulty: Mapping[str, Sequence[Recording]],
        plan: SimulationPlan,
    ) -> None:
        contract = diagnoser.contract
        self._diagnoser, self._policy, self._plan = diagnoser, policy, plan
        self._healthy, self._faulty = healthy, faulty
        self.window_s = contract.window / contract.sample_rate_hz

    @property
    def steps(self) -> int:
        """About how many steps of progress there are."""
        at_each = self._plan.stretches + len(self._faulty) * (self._faulty_stretches + self._plan.trials)
        return len(self._plan.snr_db) * (at_each + self._windows // PROGRESS_WINDOWS)

    @property
    def _faulty_stretches(self) -> int:
        return max(2, self._plan.stretches // FAULTY_STRETCHES)

    @property
    def _windows(self) -> int:
        """Healthy windows at each signal-to-noise ratio."""
        return max(1, round(self._plan.days / len(self._plan.snr_db) * DAY_S / self.window_s))

    def run(self, targets: Targets, on_progress: Callable[[int], None] = lambda _steps: None) -> dict[str, Any]:
        """Simulate all; return a document for JSON.

        Args:
            targets: decide about `met` in the document.
            on_progress: called with the number of steps that were done; `steps` says of about how many.

        Raises:
            BadDataError: a recording is shorter than two windows.
        """
        levels = [self._level(snr_db, on_progress) for snr_db in self._plan.snr_db]
        alarms = sum(level["false_alarms"] for level in levels)
        days = len(levels) * self._windows * self.window_s / DAY_S
        bound = _rounded(poisson_upper_bound(alarms, days))
        for level in levels:
            level["met"] = all(_within(delay["p95_s"], targets.delay_s) for delay in level["delay"].values())
        quiet = bound <= targets.false_alarms_per_sensor_day
        return {
            "plan": asdict(self._plan),
            "window_s": self.window_s,
            "false_alarms": {"alarms": alarms, "days": _rounded(days), "upper_95_per_day": bound, "met": quiet},
            "levels": levels,
            "targets": asdict(targets),
            "met": quiet and all(level["met"] for level in levels),
        }

    def _level(self, snr_db: float, on_progress: Callable[[int], None]) -> dict[str, Any]:
        """False alarms and delays at one signal-to-noise ratio."""
        plan, contract, alter = self._plan, self._diagnoser.contract, noise_at(snr_db)

        def one_done() -> None:
            on_progress(1)

        healthy = self._diagnoser.stretches(self._healthy, plan.stretches, plan.seed, alter, one_done)
        windows_done = 0

        def window_done() -> None:
            nonlocal windows_done
            windows_done += 1
            if windows_done % PROGRESS_WINDOWS == 0:
                on_progress(1)

        sensor, rng = SimulatedSensor(contract, self._policy), np.random.default_rng(plan.seed + 1)
        alarms = count_false_alarms(sensor, healthy, self._windows, rng, window_done, plan.reset_share)
        delays = {}
        for condition, recordings in self._faulty.items():
            faulty = self._diagnoser.stretches(recordings, self._faulty_stretches, plan.seed + 2, alter, one_done)
            delays[condition] = self._delays(condition, healthy, faulty, one_done)
        return {"snr_db": snr_db, "false_alarms": alarms, "delay": delays}

    def _delays(
        self, condition: str, healthy: Stretches, faulty: Stretches, on_trial: Callable[[], None]
    ) -> dict[str, float | None]:
        """Delays of one condition in seconds, and the parts of the faults that were missed or named wrong."""
        plan, rng = self._plan, np.random.default_rng(self._plan.seed + 3)
        most = max(1, round(plan.most_s / self.window_s))
        warm_up = WARM_UP_WINDOWS + round(self._policy.limits.settle_ns / 1e9 / self.window_s)
        found = []
        for _ in range(plan.trials):
            sensor = SimulatedSensor(self._diagnoser.contract, self._policy)
            found.append(first_alarm(sensor, healthy, faulty, warm_up, most, rng, plan.reset_share))
            on_trial()
        right = (None, condition, *self._diagnoser.contract.parents)
        seconds = np.array([delay.windows for delay in found]) * self.window_s
        return {
            "median_s": _finite(np.quantile(seconds, 0.5, method="higher")),
            "p95_s": _finite(np.quantile(seconds, 0.95, method="higher")),
            "missed": sum(delay.condition is None for delay in found) / plan.trials,
            "wrong": sum(delay.condition not in right for delay in found) / plan.trials,
        }


def _within(seconds: float | None, most_s: float) -> bool:
    return seconds is not None and seconds <= most_s


def _finite(seconds: np.floating[Any]) -> float | None:
    return round(float(seconds), 3) if np.isfinite(seconds) else None


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGFIGS}g}")
