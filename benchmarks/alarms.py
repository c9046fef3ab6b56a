"""Alarm quality of the shipped CWRU bundle at 3 hp, a load that it was not trained on; rules side by side.

Writes results/alarms.json and results/alarms.png; needs DRSN_DATA_DIR and matplotlib, and takes about a quarter of an
hour of one core. `--plot` only draws the picture again.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product
from typing import TYPE_CHECKING, Any

from _report import RESULTS, machine
from alarm_quality.study import StudyPlan, run
from alarm_quality.table import table

from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.data import cwru, hit_sm
from drsn.model.report.canvas import canvas
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from drsn.model.data.recording import Recording

LOAD_HP = 3
FILE = RESULTS / "alarms.json"
RULES = {"argmax": "C7", "P >= 0.999": "C1", "votes 6/8": "C0", "dropping": "C4", "sequential": "C2"}
GUARDED = ("gaussian noise", "laplacian noise", "pink noise", "hum", "HIT-SM")
"""Foreign signals, by the beginnings of their names, on which the sequential test must raise no more alarms than if it
dropped the windows that the model abstains from."""


def measured(plan: StudyPlan) -> dict[str, Any]:
    """Run the study of the shipped bundle; return the document."""
    bundle = open_bundle(shipped("cwru"))
    condition_of = {label.name: label.condition for label in bundle.contract.labels}
    faulty: dict[str, list[Recording]] = {}
    for recording in cwru.read_loads(data_dir() / "cwru", (LOAD_HP,)):
        faulty.setdefault(condition_of[recording.label], []).append(recording)
    healthy = faulty.pop("normal")
    others = {
        f"HIT-SM, rig {rig}": list(hit_sm.read_speeds(data_dir() / "hit_sm", rig, hit_sm.SPEEDS_RPM))
        for rig in hit_sm.RIGS
    }
    found = run(bundle.contract, bundle.read("model.onnx"), healthy, faulty, plan, others)
    what = {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256}
    return {
        "machine": machine(),
        "bundle": what,
        "data": f"CWRU drive end, {LOAD_HP} hp",
        **found,
        "musts": musts(found),
    }


def musts(found: dict[str, Any]) -> dict[str, bool]:
    """Return requirement -> whether it is met, for the agent's own two rules."""
    rows = {(row["snr_db"], row["rule"].split()[0]): row for row in found["rules"]}

    def within(snr_db: float, rule: str, seconds: float) -> bool:
        p95 = [delay["p95_s"] for delay in rows[snr_db, rule]["delay"].values()]
        return None not in p95 and max(p95) <= seconds

    def none_in_30_days(snr_db: float, rule: str, scene: str) -> bool:
        return found["plan"]["days"] >= 30 and rows[snr_db, rule]["false_alarms"][scene]["alarms"] == 0

    verdicts = {}
    for rule in ("votes", "sequential"):
        verdicts[f"{rule}: p95 within 3 s at -4 dB"] = within(-4.0, rule, 3.0)
        for scene in ("quiet", "disturbed"):
            verdicts[f"{rule}: no false alarm in 30 days at -4 dB, {scene}"] = none_in_30_days(-4.0, rule, scene)
        verdicts[f"{rule}: p95 within 10 s at -10 dB"] = within(-10.0, rule, 10.0)
    for model, scene, key in product(("abstaining", "outspoken"), ("quiet", "disturbed"), ("median_s", "p95_s")):
        equal = {row["rule"].split()[0]: row["delay"] for row in found["equal_false_alarms"][model][scene]}
        votes, sequential = (_slowness(equal.get(rule), key) for rule in ("votes", "sequential"))
        verdicts[f"sequential faster than votes at equal false alarms, {model}, {scene}, {key}"] = sequential < votes
    for kind in found["strangers"]:
        if kind["kind"].startswith(GUARDED):
            count = {name.split()[0]: raised for name, raised in kind["misled"].items()}
            verdicts[f"sequential misled no more often than dropping, {kind['kind']}"] = (
                count["sequential"] <= count["dropping"]
            )
    return verdicts


def _slowness(delay: dict[str, dict[str, float | None]] | None, key: str) -> float:
    """Sum of the seconds of all conditions; infinite if one is missed, or if no rule of the family qualified."""
    seconds = [d[key] for d in delay.values()] if delay else [None]
    return float("inf") if None in seconds else sum(seconds)


def draw(found: dict[str, Any]) -> None:
    """Draw two plots side by side: false alarms over the threshold, and delays over SNR."""
    figure = canvas(11, 4.2)
    left, right = figure.subplots(1, 2)
    _promise(left, found)
    _delay(right, found)
    figure.savefig(FILE.with_suffix(".png"), dpi=110)


def _promise(axes: Axes, found: dict[str, Any]) -> None:
    rows = found["promised_and_counted"]
    days = rows[0]["days"]
    nats = [row["nats"] for row in rows]
    axes.semilogy(nats, [row["promised_per_day"] for row in rows], "k--", label="promised (extrapolation to the right)")
    for colour, scene in enumerate(("quiet", "disturbed", "quiet, outspoken", "disturbed, outspoken")):
        counted = [(row["nats"], row[scene] / days) for row in rows if row[scene]]
        axes.semilogy(
            *zip(*counted, strict=True), "o-", color=f"C{colour}", label=f"counted, {scene}"
        ) if counted else None
    axes.axhline(3 / days, color="0.6", lw=1)
    axes.annotate("none counted: below this, 95 %", (nats[0], 3 / days), va="bottom", fontsize=8, color="0.4")
    axes.axvline(found["threshold_nats"], color="0.3", lw=1, label="0.1 a sensor-year")
    axes.set_xlabel("threshold, nats")
    axes.set_ylabel("false alarms a sensor-day")
    axes.set_title(f"at {min(found['plan']['snr_db']):g} dB", fontsize=10)
    axes.legend(fontsize=8)


def _delay(axes: Axes, found: dict[str, Any]) -> None:
    for prefix, colour in RULES.items():
        rows = [row for row in found["rules"] if row["rule"].startswith(prefix)]
        for key, style in (("median_s", ":"), ("p95_s", "-")):
            slowest = [max(d[key] or float("nan") for d in row["delay"].values()) for row in rows]
            label = f"{rows[0]['rule']}, {key[:-2].replace('_', '')}"
            axes.plot([row["snr_db"] for row in rows], slowest, style, marker="o", ms=3, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("SNR, dB")
    axes.set_ylabel("delay of the slowest condition, s")
    axes.legend(fontsize=8)


def main() -> int:
    """Measure, print, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", action="store_true", help="draw what was measured before")
    parser.add_argument("--stretches", type=int, default=StudyPlan.stretches)
    parser.add_argument("--days", type=float, default=StudyPlan.days)
    parser.add_argument("--seed", type=int, default=StudyPlan.seed)
    arguments = parser.parse_args()
    if not arguments.plot:
        found = measured(StudyPlan(days=arguments.days, stretches=arguments.stretches, seed=arguments.seed))
        print("\n".join(table(found)))
        print(*(f"{'yes' if met else 'NO '}  {what}" for what, met in found["musts"].items()), sep="\n")
        FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(json.loads(FILE.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
