"""The study: false alarms of healthy machines and delays of faults, over SNR, of five rules; and at equal false alarms.

The network runs once over a pool of windows; histories are drawn from it (`history`). What was
counted is reported as such; a figure per year is an extrapolation, and named so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.decision.cusum import YEAR_S, threshold_nats
from drsn.agent.decision.voting import Quorum
from drsn.agent.tools.simulation.history import (
    DAY_S,
    Draws,
    delays,
    dependence_windows,
    false_alarms,
    misled,
    upper_bound,
)
from drsn.agent.tools.simulation.pool import ABSTAINED, Scene
from drsn.agent.tools.simulation.rules import Argmax, ByVotes, Dropping, Sequential, Threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.tools.simulation.pool import Pool, Watcher
    from drsn.agent.tools.simulation.rules import Rule
    from drsn.model.data.recording import Recording

SENSORS = 4000
"""Watched side by side."""

DISTURBANCE_EVERY_S = 60.0
"""1,440 a day; a press hall, not a fan."""

DISTURBED = "disturbed"
SCENES = ("quiet", DISTURBED)

EQUAL_PER_DAY = 1.0
"""False alarms a sensor-day that rules are compared at, at the worst SNR: at fewer, days of simulation would not count
enough of them."""

CLEAR = Quorum(7, 8)
QUORUMS_OF = (1, 2, 3, 4, 5, 6, 8, 12, 16)
THRESHOLDS = tuple(1 - 10**-x for x in np.arange(0.5, 6.1, 0.5).tolist())


@dataclass(frozen=True)
class Plan:
    """How much is simulated."""

    snr_db: tuple[float, ...] = (0.0, -4.0, -7.0, -10.0)
    days: float = 30.0
    """Of one healthy sensor, for each rule and SNR."""
    stretches: int = 240
    """Of healthy recordings, at each SNR, and twice as many disturbed ones, for no two of those are alike; of each
    condition's a fifth, of each kind of stranger a quarter."""
    trials: int = 1000
    """Faults of each condition at each SNR."""
    most_s: float = 60.0
    """A fault that is not found in this time is missed."""
    strange_hours: float = 1.0
    """That signals of no machine are listened to."""
    false_alarms_per_sensor_year: float = 0.1
    seed: int = 1


COUNT_STEPS = 20
"""Of progress, for days of simulation; a stretch is one."""


def steps_of(plan: Plan, conditions: int, strange: int) -> int:
    """About how much progress there is to make, for `conditions` with recordings and so many strange streams."""
    stretches = 3 * plan.stretches + conditions * max(2, plan.stretches // 5)
    counts = 10 * len(plan.snr_db) + 32 + 48 + 160  # each rule and SNR, those alike, the curve, the search
    return len(plan.snr_db) * stretches + strange + COUNT_STEPS * counts


@dataclass(frozen=True)
class Pools:
    """Of one SNR."""

    quiet: Pool
    disturbed: Pool
    faulty: Mapping[str, Pool]
    """By condition."""

    def outspoken(self) -> Pools:
        """The same if the model never abstained."""
        faulty = {name: pool.outspoken() for name, pool in self.faulty.items()}
        return Pools(self.quiet.outspoken(), self.disturbed.outspoken(), faulty)


class Study:
    """Pools of a model's windows, and what rules make of them.

    Args:
        watcher: the agent's steps.
        healthy: recordings of healthy machines.
        faulty: condition -> recordings.
        strangers: kind -> recordings of what is none of the model's machines.
        plan: how much.
        step: hears of progress; `steps_of` says of how much there is.
    """

    def __init__(
        self,
        watcher: Watcher,
        healthy: Sequence[Recording],
        faulty: Mapping[str, Sequence[Recording]],
        strangers: Mapping[str, Sequence[Recording]],
        plan: Plan,
        step: Callable[[int], None] = lambda _windows: None,
    ) -> None:
        self.plan = plan
        self.window_s = watcher.contract.window / watcher.contract.sample_rate_hz
        self.conditions = watcher.conditions
        self._step = step
        self.pools = {
            snr_db: Pools(
                watcher.pool(healthy, Scene(snr_db), plan.stretches, plan.seed, step),
                watcher.pool(healthy, Scene(snr_db, 1.0), 2 * plan.stretches, plan.seed + 1, step),
                {
                    name: watcher.pool(recordings, Scene(snr_db), max(2, plan.stretches // 5), plan.seed + 2, step)
                    for name, recordings in faulty.items()
                },
            )
            for snr_db in plan.snr_db
        }
        self.strangers = {
            kind: watcher.pool(streams, Scene(), len(streams), plan.seed + 5, step)
            for kind, streams in strangers.items()
        }

    @property
    def threshold_nats(self) -> float:
        """Of the sequential test at the plan's setting."""
        return threshold_nats(self.plan.false_alarms_per_sensor_year, self.window_s, len(self.conditions))

    def share_disturbed(self, pools: Pools) -> float:
        """Of the stretches."""
        return float(min(1.0, pools.quiet.vote.shape[1] * self.window_s / DISTURBANCE_EVERY_S))

    def count(self, rule: Rule, pools: Pools, days: float, scene: str) -> int:
        """False machine alarms of a healthy sensor in so many days."""
        share = self.share_disturbed(pools) if scene == DISTURBED else 0.0
        steps = max(1, round(days * DAY_S / self.window_s / SENSORS))
        draws = Draws(pools.quiet, SENSORS, np.random.default_rng(self.plan.seed + 3), pools.disturbed, share)
        self._step(COUNT_STEPS)
        return false_alarms(rule, draws, SENSORS, steps)

    def measured(self, rule: Rule, pools: Pools) -> dict[str, Any]:
        """Delay of each condition, in seconds: median and 95th percentile, parts missed and named wrong."""
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
        """All that there is to say of a rule at an SNR."""
        false = {}
        # What decides by one window is wrong so often that a tenth of the time will do.
        days = self.plan.days / (10 if isinstance(rule, (Argmax, Threshold)) else 1)
        for scene in SCENES:
            count = self.count(rule, pools, days, scene)
            bound = upper_bound(count, days)
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
    """The two rules of the agent at their settings, and three that it does not have."""
    nats = study.threshold_nats
    return [Argmax(), Threshold(0.999), ByVotes(Quorum(6, 8), CLEAR), Dropping(nats), Sequential(nats)]


def among_strangers(study: Study) -> list[dict[str, Any]]:
    """Of the streams of each kind, how many raise a machine alarm, by rule."""
    steps = max(1, round(study.plan.strange_hours * 3600 / study.window_s))
    return [
        {
            "kind": kind,
            "streams": len(pool.vote),
            "hours_each": study.plan.strange_hours,
            "abstained": round(float(np.mean(pool.vote == ABSTAINED)), 4),
            "misled": {rule.name: misled(rule, pool, steps) for rule in rules_of(study)},
        }
        for kind, pool in study.strangers.items()
    ]


def alike(study: Study, pools: Pools) -> dict[str, list[dict[str, Any]]]:
    """By scene, rules at equal false alarms at the worst SNR.

    They are told of the stretches that they were chosen on: on others their false alarms would not be equal. That
    flatters the family with the most shapes, votes.
    """
    worst = min(study.plan.snr_db)
    return {scene: [study.row(rule, worst, pools) for rule in equalised(study, pools, scene)] for scene in SCENES}


def equalised(study: Study, pools: Pools, scene: str) -> list[Rule]:
    """Of each family the fastest rule with no more than `EQUAL_PER_DAY`."""
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
    """The first that fits, of rules that are ever stricter; by bisection."""
    low, high = 0, len(rules)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(rules[middle]) else (middle + 1, high)
    return rules[low] if low < len(rules) else None


def promised_and_counted(study: Study) -> list[dict[str, float]]:
    """False alarms a day of the sequential test over its threshold: as the formula promises, and as counted."""
    snr_db = min(study.plan.snr_db)
    abstaining, days = study.pools[snr_db], study.plan.days / 6
    outspoken = abstaining.outspoken()
    rows = []
    for nats in range(1, 25, 2):
        rule = Sequential(nats)
        counts = {scene: study.count(rule, abstaining, days, scene) for scene in SCENES}
        counts |= {f"{scene}, outspoken": study.count(rule, outspoken, days, scene) for scene in SCENES}
        promise = DAY_S / study.window_s * len(study.conditions) * float(np.exp(-nats))
        rows.append({"nats": nats, "promised_per_day": promise, "days": days, **counts})
    return rows


def document(study: Study) -> dict[str, Any]:
    """The whole study, for JSON."""
    plan, worst = study.plan, min(study.plan.snr_db)
    rows = [study.row(rule, snr_db, study.pools[snr_db]) for snr_db in plan.snr_db for rule in rules_of(study)]
    pools = study.pools[worst]
    drawn = [pool for p in study.pools.values() for pool in (p.quiet, p.disturbed, *p.faulty.values())]
    seen = sum(pool.windows for pool in (*drawn, *study.strangers.values()))
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
            "abstaining": alike(study, pools),
            "outspoken": alike(study, pools.outspoken()),
        },
        "outspoken": [study.row(rule, worst, pools.outspoken()) for rule in rules_of(study)],
        "strangers": among_strangers(study),
        "promised_and_counted": promised_and_counted(study),
    }
