"""Leave a speed out on HIT-SM by `drsn-train`'s own path: simple models, selection, refusal; clean and at 0 dB.

    python benchmarks/leave_speed_out.py self_built --domain order

trains on two speeds of a rig and tests on the third, three times; the selection leaves one of the two out in turn. One
seed. The signal is that of the protocols (docs/trust/accuracy.md): 12.8 kHz, 5.3 kHz, windows of 160 ms. Accuracies are
means over the labels; 0 dB is the mean of three noises.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any

from drsn.model.data import hit_sm
from drsn.model.protocols import BANDWIDTH_HZ, SEVEN
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.report.comparison import comparison
from drsn.model.training.train import train

NETWORK = {
    "view": "envelope_spectrum",
    "band_dropout": 0.2,
    "stem": {"channels": 48, "kernel": 96, "stride": 16},
    "stages": [{"channels": 32}, {"channels": 32}],
}
"""That of the recipe `cwru`."""


def recipe_of(rig: str, rpm: int, domain: str, steps: int, selection: dict[str, str]) -> Recipe:
    """The recipe of one speed left out."""
    document = {
        "name": "leave_speed_out",
        "version": "1",
        "labels": [label.model_dump(mode="json") for label in SEVEN],
        "signal": {
            "window": 2048,
            "sample_rate_hz": hit_sm.SAMPLE_RATE_HZ,
            "bandwidth_hz": BANDWIDTH_HZ,
            "domain": domain,
        },
        "data": {"source": "rung", "rung": f"hit_sm-{rig}-{rpm}"},
        "network": NETWORK,
        "augmentation": {"equaliser_db": 3},
        "optimisation": {"steps": steps},
        "evaluation": {"snr_db": [0.0]},
        "selection": selection,
    }
    return recipe_from(document, "of the benchmark")


def main() -> None:
    """Print what `drsn-train` prints of each speed, and the means; `--out` keeps the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rig", choices=hit_sm.RIGS)
    parser.add_argument("--rpm", type=int, nargs="+", choices=hit_sm.SPEEDS_RPM, default=hit_sm.SPEEDS_RPM)
    parser.add_argument("--domain", choices=("time", "order"), default="order")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--compare", choices=("simple", "full"), default="full")
    parser.add_argument("--carry", choices=("best", "network", "spectrum", "both"), default="best")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows: dict[str, Any] = {}
    for rpm in arguments.rpm:
        selection = {"compare": arguments.compare, "carry": arguments.carry}
        recipe = recipe_of(arguments.rig, rpm, arguments.domain, arguments.steps, selection)
        metrics = train(recipe, lambda _step, _loss: None).checkpoint.training.metrics
        rows[str(rpm)] = {key: metrics[key] for key in ("carried", "leave_one_out", "test_by_model", "blind")}
        print(f"\n== {arguments.rig}, {rpm} rpm left out, {arguments.domain} domain")
        print("\n\n".join(comparison(metrics)), flush=True)
    print("\nmean of the speeds, %")
    for name in ("carried", "logistic_regression", "random_forest"):
        found = [row["test_by_model"][row["carried"] if name == "carried" else name] for row in rows.values()]
        print(f"  {name:20}", *(f"{level} {100 * fmean(part[level] for part in found):.1f}" for level in found[0]))
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
