"""Shrinkage against attention alone and against neither, in the universal recipe: five seeds, on machines never seen.

    python benchmarks/shrinkage.py                        # about an hour of one core; goes on where it was stopped
    python benchmarks/shrinkage.py --plan my_plan.toml

For each family and seed of a committed plan the network of the recipe is trained on simulated machines, and measured on
others of them and on real rigs: AUROC of log P(fault) - log P(normal) of single windows, faulty against healthy, as
recorded and in noise; on the simulated ones also the accuracy over all labels. `impulsive` noise is in no training.
The families differ in what ends a residual branch (drsn.model.network): `drsn_cw` a soft threshold for each channel,
`senet` a factor for each channel, `resnet` nothing. The differences are paired by seed. Nothing is selected by them.

Needs torch and DRSN_DATA_DIR; DRSN_MFPT_DIR for `mfpt`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _report import RESULTS, machine, show
from foreign_machines import RIGS, conditioned
from rich.console import Console
from rich.progress import Progress
from scipy.stats import t as student_t
from sklearn.metrics import roc_auc_score

from accuracy.ledger import committed
from drsn.model.contract import NORMAL
from drsn.model.errors import EXIT_OK, run_command
from drsn.model.evaluate import features
from drsn.model.noise import Noise
from drsn.model.recipe import Recipe, read_recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.toml_file import read_toml
from drsn.model.training.loop import fit
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from drsn.model.corpus import Corpus
    from drsn.model.network import Network

ROOT = Path(__file__).parents[1]
PLAN = ROOT / "configs" / "benchmark" / "shrinkage.toml"
RESULT = RESULTS / "shrinkage.json"
SIMULATED = "simulated"
NOISE_SEED = 1_000_003
"""Differs from the seeds of trainings."""

Level = tuple["Noise | None", "float | None"]


@dataclass(frozen=True)
class TestSet:
    """Windows of one set at one level."""

    name: str
    level: Level
    samples: NDArray[np.float32]
    label: NDArray[np.int64] | None
    """Of simulated windows; None: a rig's labels are not those of the recipe."""
    faulty: NDArray[np.bool_]


def recipe_of(plan: dict[str, Any], family: str, seed: int) -> Recipe:
    """The recipe of the plan with one family and seed, and as many recordings and steps as the plan says."""
    document = read_recipe(ROOT / plan["recipe"]).model_dump(mode="json")
    document["seed"] = seed
    document["network"]["family"] = family
    document["optimisation"]["steps"] = plan["steps"]
    document["data"]["train_recordings"] = plan["train_recordings"]
    return recipe_from(document, "of the plan")


def levels(plan: dict[str, Any]) -> list[Level]:
    """As recorded, then each noise at each SNR."""
    return [(None, None), *((Noise(noise), snr_db) for noise in plan["noises"] for snr_db in plan["snr_db"])]


def test_sets(plan: dict[str, Any], recipe: Recipe, corpus: Corpus) -> Iterator[TestSet]:
    """Yield the simulated machines and the rigs, at each level."""
    contract = recipe.contract(None)
    healthy = np.array([label.healthy for label in recipe.labels])
    for noise, snr_db in levels(plan):
        windows = windows_of(corpus.test, recipe, Disturbance(noise, snr_db), NOISE_SEED)
        yield TestSet(SIMULATED, (noise, snr_db), windows.samples, windows.label, ~healthy[windows.label])
    for rig in plan["rigs"]:
        machines = list(RIGS[rig]())
        for noise, snr_db in levels(plan):
            rng = np.random.default_rng(NOISE_SEED)
            parts = [conditioned(it.recording, contract, snr_db, noise or Noise.GAUSSIAN, rng) for it in machines]
            faulty = np.repeat([it.condition != NORMAL for it in machines], [len(part) for part in parts])
            yield TestSet(rig, (noise, snr_db), np.concatenate(parts), None, faulty)


def measured(network: Network, recipe: Recipe, sets: list[TestSet]) -> list[dict[str, Any]]:
    """Measure one network on each set."""
    healthy = np.array([label.healthy for label in recipe.labels])
    network.eval()
    rows = []
    for each in sets:
        logits, _ = features(network, each.samples)
        p = np.logaddexp.reduce(logits[:, ~healthy], axis=1) - np.logaddexp.reduce(logits[:, healthy], axis=1)
        noise, snr_db = each.level
        row = {"set": each.name, "noise": noise and noise.value, "snr_db": snr_db}
        row["auroc"] = round(float(roc_auc_score(each.faulty, p)), 5)
        if each.label is not None:
            row["accuracy"] = round(float((logits.argmax(axis=1) == each.label).mean()), 5)
        rows.append(row)
    return rows


def carried_out(plan: dict[str, Any], commit: str) -> dict[str, Any]:
    """Train and measure what the result file does not hold yet; it is written after each network."""
    found: dict[str, Any] = {"plan": plan, "commit": commit, "machine": machine(), "cells": []}
    if RESULT.exists() and (earlier := json.loads(RESULT.read_text(encoding="utf-8")))["plan"] == plan:
        found = earlier
    done = {(cell["family"], cell["seed"]) for cell in found["cells"]}
    due = [(family, seed) for seed in plan["seeds"] for family in plan["families"] if (family, seed) not in done]
    if not due:
        return found
    recipe = recipe_of(plan, plan["families"][0], plan["seeds"][0])
    corpus = corpus_of(recipe)
    sets = list(test_sets(plan, recipe, corpus))
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("networks", total=len(due) * plan["steps"])
        for family, seed in due:
            bar.update(task, description=f"{family}, seed {seed}")
            one = recipe_of(plan, family, seed)
            network = fit(one, corpus.train, lambda _step, _loss: bar.advance(task), threads=1)
            found["cells"].append({"family": family, "seed": seed, "rows": measured(network, one, sets)})
            RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def by_level(found: dict[str, Any], measure: str) -> dict[tuple[Any, ...], dict[str, list[float]]]:
    """(set, noise, SNR) -> family -> the measure of each seed, seeds in the same order."""
    table: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for cell in sorted(found["cells"], key=lambda cell: cell["seed"]):
        for row in cell["rows"]:
            if measure in row:
                families = table.setdefault((row["set"], row["noise"], row["snr_db"]), {})
                families.setdefault(cell["family"], []).append(row[measure])
    return table


def difference(ours: list[float], other: list[float]) -> tuple[float, float]:
    """Mean difference of pairs and the half width of its 95 % interval (Student's t); NaN with one pair."""
    pairs = np.array(ours[: len(other)]) - np.array(other[: len(ours)])
    if len(pairs) < 2:
        return float(pairs.mean()), float("nan")
    half = student_t.ppf(0.975, len(pairs) - 1) * pairs.std(ddof=1) / len(pairs) ** 0.5
    return float(pairs.mean()), float(half)


def table_of(found: dict[str, Any], measure: str) -> tuple[list[str], list[list[str]]]:
    """Head and rows, all in %: means of the families, and the first one's difference from each of the others."""
    first, *others = found["plan"]["families"]
    rows = []
    for (name, noise, snr_db), families in by_level(found, measure).items():
        means = [f"{100 * np.mean(families[family]):.1f}" for family in (first, *others)]
        differences = [difference(families[first], families[other]) for other in others]
        level = "as recorded" if noise is None else f"{noise} {snr_db:+g} dB"
        rows.append([name, level, *means, *(f"{100 * mean:+.1f} ± {100 * half:.1f}" for mean, half in differences)])
    return ["set", "level", first, *others, *(f"{first} - {other}" for other in others)], rows


def main() -> int:
    """Carry out a plan, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=PLAN, help="a committed file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = carried_out(read_toml(arguments.plan), committed(arguments.plan))
    if arguments.json:
        print(json.dumps(found))
        return EXIT_OK
    for measure in ("auroc", "accuracy"):
        print(f"{measure}, %; differences with their 95 % intervals over the seeds")
        show(*table_of(found, measure))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run_command("benchmarks/shrinkage.py", main))
