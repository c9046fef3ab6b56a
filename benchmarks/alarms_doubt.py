"""The weight of a window that the model abstains from, chosen on the loads that the CWRU bundle was trained on.

The sequential test (agent/decision/cusum.py) with several prices of novelty, at -10 dB on recordings at 0, 1 and 2 hp
and on made signals; neither the recordings at 3 hp nor those of another rig decide anything. Writes
results/alarms_doubt.json; needs DRSN_DATA_DIR, and takes some minutes.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from _report import RESULTS, machine, show
from alarm_quality.history import misled_streams
from alarm_quality.pool import PoolBuilder
from alarm_quality.rules import Dropping, Sequential
from alarm_quality.study import Study, StudyPlan

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.decision.cusum import BOUND_NATS, DOUBT_NATS, NOVELTY_PER_NAT
from drsn.agent.tools.simulation.stretches import BATCH
from drsn.model.bundle import open_bundle
from drsn.model.contract import NORMAL
from drsn.model.data import cwru
from drsn.model.foreign_signals import made
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from drsn.model.data.recording import Recording

LOADS_HP = (0, 1, 2)
SNR_DB = -10.0
PLAN = StudyPlan(snr_db=(SNR_DB,), days=10.0, seed=101)
STREAMS, STREAM_S = 120, 20.0
FILE = RESULTS / "alarms_doubt.json"

PRICES = (
    *((per_nat, DOUBT_NATS) for per_nat in (1.5, 2.0, NOVELTY_PER_NAT, 3.0, 4.0)),
    *((NOVELTY_PER_NAT, doubt) for doubt in (0.0, BOUND_NATS)),
)
"""(novelty for each nat that a window weighs less, nats that a window of great novelty counts against a change)"""


def studied() -> Study:
    """Return the study with the pools of the known loads and of foreign signals."""
    bundle = open_bundle(shipped("cwru"))
    contract = bundle.contract
    condition_of = {label.name: label.condition for label in contract.labels}
    by_condition: dict[str, list[Recording]] = {}
    for recording in cwru.read_loads(data_dir() / "cwru", LOADS_HP):
        by_condition.setdefault(condition_of[recording.label], []).append(recording)
    healthy = by_condition.pop(NORMAL)
    foreign = made(contract.sample_rate_hz, round(STREAM_S * contract.sample_rate_hz), STREAMS, PLAN.seed)
    with OnnxBackend(bundle.read("model.onnx"), contract, BATCH) as backend:
        return Study(PoolBuilder(contract, backend), healthy, by_condition, foreign, PLAN)


def row(study: Study, name: str, rule: Sequential) -> dict[str, Any]:
    """Return delays, false alarms when disturbed, and the foreign streams that raise an alarm."""
    pools = study.pools[SNR_DB]
    steps = round(PLAN.strange_hours * 3600 / study.window_s)
    return {
        "price": name,
        "p95_s": {condition: delay["p95_s"] for condition, delay in study.measured(rule, pools).items()},
        "false_alarms_disturbed": study.count(rule, pools, PLAN.days, "disturbed"),
        "misled": {kind: misled_streams(rule, pool, steps) for kind, pool in study.foreign.items()},
    }


def main() -> int:
    """Measure, print, write."""
    study = studied()
    nats = study.threshold_nats
    rows = [row(study, "left out", Dropping(nats))]
    for per_nat, doubt in PRICES:
        name = f"{per_nat:g} a nat, {doubt:g} against at most"
        rows.append(row(study, name, Sequential(nats, per_nat, doubt)))
    kinds = list(study.foreign)
    print(f"CWRU at {LOADS_HP} hp, {SNR_DB:g} dB; of {STREAMS} streams of each kind, an hour each: misled")
    show(
        ["price of novelty", "p95 s, slowest", f"false alarms, {PLAN.days:g} days disturbed", *kinds],
        [
            [r["price"], _slowest(r["p95_s"]), r["false_alarms_disturbed"], *(r["misled"][kind] for kind in kinds)]
            for r in rows
        ],
    )
    document = {
        "machine": machine(),
        "data": f"CWRU drive end, {LOADS_HP} hp, {SNR_DB:g} dB",
        "days": PLAN.days,
        "streams_of_each_kind": STREAMS,
        "hours_each": PLAN.strange_hours,
        "rows": rows,
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def _slowest(seconds: dict[str, float | None]) -> str:
    return "never" if None in seconds.values() else f"{max(filter(None, seconds.values())):.2f}"


if __name__ == "__main__":
    sys.exit(main())
