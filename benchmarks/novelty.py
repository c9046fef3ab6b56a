"""Quality of the novelty score: on a defect that training never saw, and on signals of no known bearing.

`left_out`: trained on CWRU at 0, 1 and 2 hp without one fault label; at 3 hp, how well do four scores tell its windows
from those of the other nine labels (AUROC: 1 perfect, 0.5 chance)? `shipped`: what a bundle refuses, and what it
accepts of its own labels at 3 hp. The score was chosen on tones and chirps in noise; nothing was chosen by the rest.

Needs torch and DRSN_DATA_DIR; nine trainings take about a quarter of an hour, `--only shipped` takes seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from _report import RESULTS, machine, show
from rich.console import Console
from rich.progress import Progress
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.data import hit_sm
from drsn.model.data.recording import Recording
from drsn.model.errors import EXIT_OK, run_command
from drsn.model.evaluate import features
from drsn.model.noise import PAPER_NOISES, Noise, add_noise, unit_noise
from drsn.model.recipe import read_recipe
from drsn.model.sources import corpus_of, data_dir
from drsn.model.training.calibrate import fit_novelty
from drsn.model.training.loop import fit
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from drsn.model.bundle import Bundle
    from drsn.model.corpus import Corpus
    from drsn.model.novelty import NoveltyCoefficients
    from drsn.model.recipe import Recipe

RECIPE = Path(__file__).parents[1] / "configs" / "recipes" / "cwru.toml"
STEPS = 800
SEED = 1_000_003
"""Seed of the test noise; differs from the seeds of trainings."""

STRANGE = 1000
"""Windows of each made signal."""

ACCEPTED_DB = (10.0, 5.0, 0.0, -3.0, -6.0, -10.0)
SCORES = ("max_softmax", "energy", "mahalanobis", "relative_mahalanobis")


def scores_of(
    logits: NDArray[np.float32], embedding: NDArray[np.float32], known: NoveltyCoefficients
) -> dict[str, NDArray[Any]]:
    """Return four scores of n windows; a higher score is a greater novelty."""
    log_sum = logsumexp(logits.astype(np.float64), axis=1)
    d = embedding.astype(np.float64) - known.mean
    to_labels = np.square((d @ known.within)[:, np.newaxis] - known.centres).sum(axis=-1).min(axis=1)
    relative = to_labels - np.square(d @ known.overall).sum(axis=1)
    return dict(zip(SCORES, (log_sum - logits.max(axis=1), -log_sum, to_labels, relative), strict=True))


def left_out(recipe: Recipe, corpus: Corpus, label: str, step: Callable[[int, float], None]) -> list[dict[str, Any]]:
    """Train without `label`; return the AUROC of its test windows against the others, as recorded and at 0 dB."""
    others = tuple(entry for entry in recipe.labels if entry.name != label)
    partial = recipe.model_copy(update={"labels": others})
    train = [recording for recording in corpus.train if recording.label != label]
    network = fit(partial, train, step, threads=1)
    known = fit_novelty(partial, network, train)
    rows = []
    for level, noises in {"as recorded": (None,), "0 dB": PAPER_NOISES}.items():
        cells = [windows_of(corpus.test, recipe, Disturbance(noise, 0.0), SEED) for noise in noises]
        new = np.concatenate([cell.label for cell in cells]) == recipe.label_names.index(label)
        found = scores_of(*features(network, np.concatenate([cell.samples for cell in cells])), known)
        auroc = {name: float(roc_auc_score(new, score)) for name, score in found.items()}
        rows.append({"label": label, "level": level, **auroc})
    return rows


def strange_signals(rate_hz: float, window: int) -> dict[str, list[Recording]]:
    """Return foreign signals: none has a label of CWRU."""
    rng = np.random.default_rng(SEED)
    shape, time_s = (STRANGE, 1, window), np.arange(window) / rate_hz

    def waves(f_hz: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return sines of random phase whose frequency goes from f_hz[n, 0] to f_hz[n, 1] within a window."""
        sweep_hz = (f_hz[:, 1:] - f_hz[:, :1]) / (2 * time_s[-1])
        turns = f_hz[:, :1] * time_s + sweep_hz * time_s**2 + rng.uniform(size=(len(f_hz), 1))
        return np.sin(2 * np.pi * turns).astype(np.float32)[:, np.newaxis]

    mains_hz = np.repeat(rng.choice([50.0, 60.0], (STRANGE, 1)), 2, axis=1)
    hum = sum(waves(k * mains_hz) / k for k in range(1, 8))
    tones = waves(np.repeat(rng.uniform(100, 5000, (STRANGE, 1)), 2, axis=1))
    chirps = waves(rng.uniform(100, 5000, (STRANGE, 2)))
    snr_db = rng.uniform(0, 20, (STRANGE, 1, 1))
    made = {
        "white noise": unit_noise(Noise.GAUSSIAN, shape, rng),
        "pink noise": unit_noise(Noise.PINK, shape, rng),
        "hum of 50 or 60 Hz, noise 40 dB below": add_noise(hum, 40.0, Noise.GAUSSIAN, rng),
        "tones, noise 0 to 20 dB below": add_noise(tones, snr_db, Noise.GAUSSIAN, rng),
        "chirps, noise 0 to 20 dB below": add_noise(chirps, snr_db, Noise.GAUSSIAN, rng),
    }
    signals = {name: [Recording(name, "", frames.reshape(1, -1), rate_hz)] for name, frames in made.items()}
    for rig in hit_sm.RIGS:
        signals[f"HIT-SM, rig {rig}"] = list(hit_sm.read_speeds(data_dir() / "hit_sm", rig, hit_sm.SPEEDS_RPM))
    return signals


def shipped_part(bundle: Bundle, recipe: Recipe, test: Sequence[Recording]) -> dict[str, Any]:
    """Shares of foreign signals that the bundle refuses, and of its own labels that it accepts."""
    contract = bundle.contract
    assert contract.abstention_threshold is not None
    assert tuple(label.name for label in contract.labels) == recipe.label_names
    backend = OnnxBackend(bundle.read("model.onnx"), contract, 1 << 16)

    def judged(recordings: Sequence[Recording], cell: Disturbance) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Two masks over windows: accepted, and predicted right."""
        windows = windows_of(recordings, recipe, cell, SEED)
        outputs = backend.infer(windows.samples)
        right = outputs.probabilities.argmax(axis=1) == windows.label
        return outputs.novelty <= contract.abstention_threshold, right

    refused = []
    for name, recordings in strange_signals(contract.sample_rate_hz, contract.window).items():
        unlabelled = [replace(recording, label=recipe.label_names[0]) for recording in recordings]
        accepted, _ = judged(unlabelled, Disturbance())
        refused.append({"signal": name, "windows": len(accepted), "refused": float(1 - accepted.mean())})
    rows = []
    for snr_db in (None, *ACCEPTED_DB):
        noises = (None,) if snr_db is None else PAPER_NOISES
        cells = [judged(test, Disturbance(noise, snr_db)) for noise in noises]
        accepted, right = (np.concatenate(part) for part in zip(*cells, strict=True))
        shares = {"accepted": accepted.mean(), "accuracy": right.mean(), "accuracy_of_accepted": right[accepted].mean()}
        rows.append({"snr_db": snr_db, "windows": len(right), **{key: float(value) for key, value in shares.items()}})
    what = {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256}
    return {"bundle": what, "refused": refused, "accepted": rows}


def left_out_part(recipe: Recipe, corpus: Corpus, steps: int) -> dict[str, Any]:
    """Train once for each fault label."""
    recipe = recipe.model_copy(update={"optimisation": recipe.optimisation.model_copy(update={"steps": steps})})
    labels = [label.name for label in recipe.labels if not label.healthy]
    rows: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("training", total=steps * len(labels))
        for number, label in enumerate(labels):

            def step(done: int, _loss: float, before: int = number * steps, name: str = label) -> None:
                progress.update(task, completed=before + done, description=f"without {name}")

            rows += left_out(recipe, corpus, label, step)
    for level in ("as recorded", "0 dB"):
        of_level = [row for row in rows if row["level"] == level]
        mean = {score: float(np.mean([row[score] for row in of_level])) for score in SCORES}
        rows.append({"label": "mean", "level": level, **mean})
    return {"steps": steps, "seed": recipe.seed, "torch": torch.__version__, "rows": rows}


def printed(document: dict[str, Any]) -> None:
    """Print both parts as tables."""
    if part := document.get("left_out"):
        print(f"\nAUROC of the windows of a label that training left out, CWRU at 3 hp, {part['steps']} steps")
        show(["label", "level", *SCORES], [list(row.values()) for row in part["rows"]])
    if part := document.get("shipped"):
        print(f"\n{part['bundle']['name']} {part['bundle']['version']}: share refused")
        show(["signal", "windows", "refused"], [list(row.values()) for row in part["refused"]])
        print("\nits own labels at 3 hp, mean of three noises")
        show(list(part["accepted"][0]), [list(row.values()) for row in part["accepted"]])


def main() -> int:
    """Measure the requested parts; the other part of the file stays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("left_out", "shipped"), help="one part")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each training; default {STEPS}")
    parser.add_argument("--bundle", type=Path, default=shipped("cwru"), help="default: the shipped cwru")
    parser.add_argument("--out", type=Path, default=RESULTS / "novelty.json", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    arguments = parser.parse_args()
    recipe = read_recipe(RECIPE)
    corpus = corpus_of(recipe)
    document = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    document["machine"] = machine()
    if arguments.only != "left_out":
        document["shipped"] = shipped_part(open_bundle(arguments.bundle), recipe, corpus.test)
    if arguments.only != "shipped":
        document["left_out"] = left_out_part(recipe, corpus, arguments.steps)
    arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if arguments.json:
        print(json.dumps(document))
    else:
        printed(document)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run_command("benchmarks/novelty.py", main))
