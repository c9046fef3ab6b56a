"""The alarm-quality study: false alarms of healthy machines and delays of faults over SNR, of five rules.

It also compares the rules at equal false alarms. The network runs once over a pool of windows; histories are drawn
from the pool (`history`). What was counted is reported as such; a figure per year is an extrapolation, and its name
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alarm_quality.history import DAY_S, Draws, delays, dependence_windows, false_alarms, misled_streams
from alarm_quality.pool import ABSTAINED, PoolBuilder, Scene
from alarm_quality.rules import Argmax, ByVotes, Dropping, Sequential, Threshold
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.decision.cusum import YEAR_S, threshold_nats
from drsn.agent.decision.voting import Quorum
from drsn.agent.tools.simulation.progress import ProgressLine
from drsn.agent.tools.simulation.simulated_sensor import poisson_upper_bound
from drsn.agent.tools.simulation.stretches import BATCH
from drsn.model.foreign_signals import made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alarm_quality.pool import Pool
    from alarm_quality.rules import Rule
    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording

SENSORS = 4000
"""Simulated side by side."""

DISTURBANCE_EVERY_S = 60.0
"""1,440 a day; a press hall, not a fan."""

DISTURBED = "disturbed"
SCENES = ("quiet", DISTURBED)

EQUAL_PER_DAY = 1.0
"""False alarms a sensor-day at which rules are compared, at the worst SNR: at fewer, days of simulation would not
count enough of them."""

FOREIGN_S = 20.0
"""Length of a foreign signal before it repeats."""

CLEAR = Quorum(7, 8)
QUORUMS_OF = (1, 2, 3, 4, 5, 6, 8, 12, 16)
THRESHOLDS = tuple(1 - 10**-x for x in np.arange(0.5, 6.1, 0.5).tolist())


@dataclass(frozen=True)
class StudyPlan:
    """How much is simulated."""

    snr_db: tuple[float, ...] = (0.0, -4.0, -7.0, -10.0)
    days: float = 30.0
    """Healthy sensor-days for each rule and SNR."""
    stretches: int = 240
    """Healthy stretches at each SNR. Twice as many are disturbed, for no two of those are alike; a fifth as many are
    drawn of each condition, and a quarter as many of each kind of foreign signal."""
    trials: int = 1000
    """Faults of each condition at each SNR."""
    most_s: float = 60.0
    """A fault that is not found in this time is missed."""
    strange_hours: float = 1.0
    """Length of each history of a foreign signal."""
    false_alarms_per_sensor_year: float = 0.1
    seed: int = 1


COUNT_STEPS = 20
"""Steps of progress for one count of false alarms; a stretch through the network is one step."""


def steps_of(plan: StudyPlan, conditions: int, foreign: int) -> int:
    """Return about how many steps of progress there are, for so many conditions with recordings and foreign streams."""
    stretches = 3 * plan.stretches + conditions * max(2, plan.stretches // 5)
    # Counts of each rule and SNR, of those without abstention, of the curve, of the search for equal false alarms.
    counts = 10 * len(plan.snr_db) + 32 + 48 + 160
    return len(plan.snr_db) * stretches + foreign + COUNT_STEPS * counts


@dataclass(frozen=True)
class Pools:
    """Pools of one SNR."""

    quiet: Pool
    disturbed: Pool
    faulty: Mapping[str, Pool]
    """Condition -> pool."""

    def without_abstention(self) -> Pools:
        """Return the same as if the model never abstained."""
        faulty = {name: pool.without_abstention() for name, pool in self.faulty.items()}
        return Pools(self.quiet.without_abstention(), self.disturbed.without_abstention(), faulty)


class Study:
    """Pools of a model's windows, and the false alarms and delays of rules on them.

    Args:
        builder: makes pools with one model.
        healthy: recordings of healthy machines.
        faulty: condition -> recordings.
        foreign: kind -> recordings of signals that none of the model's machines made.
        plan: how much is simulated.
        step: called with the number of steps of progress that were done; `steps_of` gives their sum.
    """

    def __init__(
        self,
        builder: PoolBuilder,
        healthy: Sequence[Recording],
        faulty: Mapping[str, Sequence[Recording]],
        foreign: Mapping[str, Sequence[Recording]],
        plan: StudyPlan,
        step: Callable[[int], None] = lambda _windows: None,
    ) -> None:
        self.plan = plan
        self.window_s = builder.contract.window / builder.contract.sample_rate_hz
        self.conditions = builder.conditions
        self._step = step
        self.pools = {
            snr_db: Pools(
                builder.pool(healthy, Scene(snr_db), plan.stretches, plan.seed, step),
                builder.pool(healthy, Scene(snr_db, 1.0), 2 * plan.stretches, plan.seed + 1, step),
                {
                    name: builder.pool(recordings, Scene(snr_db), max(2, plan.stretches // 5), plan.seed + 2, step)
                    for name, recordings in faulty.items()
                },
            )
            for snr_db in plan.snr_db
        }
        self.foreign = {
            kind: builder.pool(streams, Scene(), len(streams), plan.seed + 5, step) for kind, streams in foreign.items()
        }

    @property
    def threshold_nats(self) -> float:
        """Threshold of the sequential test at the plan's false alarms per sensor-year."""
        return threshold_nats(self.plan.false_alarms_per_sensor_year, self.window_s, len(self.conditions))

    def share_disturbed(self, pools: Pools) -> float:
        """Return the part of the stretches that is disturbed: one disturbance each `DISTURBANCE_EVERY_S`."""
        return float(min(1.0, pools.quiet.vote.shape[1] * self.window_s / DISTURBANCE_EVERY_S))

    def count(self, rule: Rule, pools: Pools, days: float, scene: str) -> int:
        """Count the false machine alarms in so many healthy sensor-days."""
        share = self.share_disturbed(pools) if scene == DISTURBED else 0.0
        steps = max(1, round(days * DAY_S / self.window_s / SENSORS))
        draws = Draws(pools.quiet, SENSORS, np.random.default_rng(self.plan.seed + 3), pools.disturbed, share)
        self._step(COUNT_STEPS)
        return false_alarms(rule, draws, SENSORS, steps)

    def measured(self, rule: Rule, pools: Pools) -> dict[str, Any]:
        """Return condition -> delay in seconds, median and 95th percentile, and the parts missed and named wrong."""
        plan, rows = self.plan, {}
        for name, pool in pools.faulty.items():
            most = round(plan.most_s / self.window_s)
            found = delays(rule, pools.quiet, pool, plan.trials, most, plan.seed + 4)
            seconds = found.windows * self.window_s
            missed = float((found.condition < 0).mean())
            right = found.condition == self.conditions.index(name)
            rows[name] = {
                "median_s": _finite(np.quantile(seconds, 0.5, method="higher")),
                "p95_s": _finite(np.quantile(seconds, 0.95, method="higher")),
                "missed": missed,
                "wrong": float(1 - missed - right.mean()),
            }
        return rows

    def row(self, rule: Rule, snr_db: float, pools: Pools) -> dict[str, Any]:
        """Return false alarms and delays of a rule at an SNR."""
        false = {}
        # Rules that decide by one window raise so many false alarms that a tenth of the time is enough.
        days = self.plan.days / (10 if isinstance(rule, (Argmax, Threshold)) else 1)
        for scene in SCENES:
            count = self.count(rule, pools, days, scene)
            bound = poisson_upper_bound(count, days)
            false[scene] = {
                "alarms": count,
                "days": days,
                "upper_95_per_day": round(bound, 4),
                "extrapolated_upper_per_year": round(bound * YEAR_S / DAY_S, 2),
            }
        found = self.measured(rule, pools)
        return {"rule": rule.name, "snr_db": snr_db, "false_alarms": false, "delay": found}


def _finite(seconds: np.floating[Any]) -> float | None:
    return round(float(seconds), 3) if np.isfinite(seconds) else None


def rules_of(study: Study) -> list[Rule]:
    """Return the agent's two rules at their settings, and three that it does not have."""
    nats = study.threshold_nats
    return [Argmax(), Threshold(0.999), ByVotes(Quorum(6, 8), CLEAR), Dropping(nats), Sequential(nats)]


def on_foreign_signals(study: Study) -> list[dict[str, Any]]:
    """Return for each kind of foreign signal how many streams raise a machine alarm, by rule."""
    steps = max(1, round(study.plan.strange_hours * 3600 / study.window_s))
    return [
        {
            "kind": kind,
            "streams": len(pool.vote),
            "hours_each": study.plan.strange_hours,
            "abstained": round(float(np.mean(pool.vote == ABSTAINED)), 4),
            "misled": {rule.name: misled_streams(rule, pool, steps) for rule in rules_of(study)},
        }
        for kind, pool in study.foreign.items()
    ]


def at_equal_false_alarms(study: Study, pools: Pools) -> dict[str, list[dict[str, Any]]]:
    """Return scene -> rules at equal false alarms, at the worst SNR.

    They are measured on the stretches on which they were chosen: on others their false alarms would not be equal. That
    favours the family with the most members, votes.
    """
    worst = min(study.plan.snr_db)
    return {scene: [study.row(rule, worst, pools) for rule in equalised(study, pools, scene)] for scene in SCENES}


def equalised(study: Study, pools: Pools, scene: str) -> list[Rule]:
    """Return the fastest rule of each family that has no more than `EQUAL_PER_DAY`."""
    days = study.plan.days / 6

    def fits(rule: Rule) -> bool:
        return study.count(rule, pools, days, scene) <= EQUAL_PER_DAY * days

    def slowness(rule: Rule) -> float:
        found = [row["p95_s"] for row in study.measured(rule, pools).values()]
        return float("inf") if None in found else float(np.sum(found))

    families: list[list[Rule]] = [
        [rule for rule in (_first(fits, [Threshold(least) for least in THRESHOLDS]),) if rule],
        [
            rule
            for of in QUORUMS_OF
            if (rule := _first(fits, [ByVotes(Quorum(votes, of), CLEAR) for votes in range(1, of + 1)]))
        ],
        [rule for rule in (_first(fits, [Sequential(nats / 2) for nats in range(4, 120)]),) if rule],
    ]
    return [min(family, key=slowness) for family in families if family]


def _first(fits: Callable[[Rule], bool], rules: Sequence[Rule]) -> Rule | None:
    """Find the first rule that fits by bisection; the rules are ordered from lax to strict."""
    low, high = 0, len(rules)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(rules[middle]) else (middle + 1, high)
    return rules[low] if low < len(rules) else None


def promised_and_counted(study: Study) -> list[dict[str, float]]:
    """Return false alarms a day of the sequential test over its threshold: by the formula, and as counted."""
    snr_db = min(study.plan.snr_db)
    abstaining, days = study.pools[snr_db], study.plan.days / 6
    never_abstaining = abstaining.without_abstention()
    rows = []
    for nats in range(1, 25, 2):
        rule = Sequential(nats)
        counts = {scene: study.count(rule, abstaining, days, scene) for scene in SCENES}
        counts |= {f"{scene}, outspoken": study.count(rule, never_abstaining, days, scene) for scene in SCENES}
        promise = DAY_S / study.window_s * len(study.conditions) * float(np.exp(-nats))
        rows.append({"nats": nats, "promised_per_day": promise, "days": days, **counts})
    return rows


def document(study: Study) -> dict[str, Any]:
    """Return the whole study for JSON."""
    plan, worst = study.plan, min(study.plan.snr_db)
    rows = [study.row(rule, snr_db, study.pools[snr_db]) for snr_db in plan.snr_db for rule in rules_of(study)]
    pools = study.pools[worst]
    drawn = [pool for p in study.pools.values() for pool in (p.quiet, p.disturbed, *p.faulty.values())]
    seen = sum(pool.windows for pool in (*drawn, *study.foreign.values()))
    return {
        "plan": {**plan.__dict__, "sensors_side_by_side": SENSORS, "disturbance_every_s": DISTURBANCE_EVERY_S},
        "window_s": study.window_s,
        "threshold_nats": round(study.threshold_nats, 3),
        "windows_that_the_network_saw": seen,
        "hours_of_signal_that_the_network_saw": round(seen * study.window_s / 3600, 2),
        "dependence_windows": {str(snr_db): dependence_windows(p.quiet) for snr_db, p in study.pools.items()},
        "rules": rows,
        "equal_false_alarms": {
            "at_most_per_sensor_day": EQUAL_PER_DAY,
            "chosen_at_snr_db": worst,
            "abstaining": at_equal_false_alarms(study, pools),
            "outspoken": at_equal_false_alarms(study, pools.without_abstention()),
        },
        "outspoken": [study.row(rule, worst, pools.without_abstention()) for rule in rules_of(study)],
        "strangers": on_foreign_signals(study),
        "promised_and_counted": promised_and_counted(study),
    }


def run(
    contract: ModelContract,
    model: bytes,
    healthy: list[Recording],
    faulty: dict[str, list[Recording]],
    plan: StudyPlan,
    others: Mapping[str, list[Recording]],
) -> dict[str, Any]:
    """Run the study with progress on stderr.

    Args:
        contract: the model's contract.
        model: its network, ONNX.
        healthy: recordings of healthy machines.
        faulty: condition -> recordings.
        plan: how much is simulated.
        others: kind -> recordings of machines that the model was not trained on.
    """
    n = round(FOREIGN_S * contract.sample_rate_hz)
    foreign = made(contract.sample_rate_hz, n, plan.stretches // 4, plan.seed) | dict(others)
    progress = ProgressLine(steps_of(plan, len(faulty), sum(map(len, foreign.values()))))
    with OnnxBackend(model, contract, BATCH) as backend:
        study = Study(PoolBuilder(contract, backend), healthy, faulty, foreign, plan, progress.step)
        found = document(study)
    progress.end()
    return found
