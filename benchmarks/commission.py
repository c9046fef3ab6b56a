"""Benefit and cost of commissioning: the shipped `cwru` on CWRU at 3 hp, a load that it was not trained on.

A machine is commissioned on one half of its healthy recording, as recorded and with noise; the other half, its faults,
and foreign signals show what that changes. The recording lasts 7.6 s: 22 windows in each half,
not the 350 of a minute; with three kinds of noise a half gives 66. A second table gives what every allowance
would cost, up to the largest.

Needs torch and DRSN_DATA_DIR; seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from _report import RESULTS, machine, show
from novelty import RECIPE, SEED, strange_signals

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.decision.baseline import HealthyWindow, UnfitError, learn
from drsn.agent.decision.largest_allowance import largest_allowance
from drsn.model.bundle import open_bundle
from drsn.model.contract import NORMAL
from drsn.model.data import hit_sm
from drsn.model.errors import EXIT_OK, run_command
from drsn.model.noise import Noise
from drsn.model.recipe import read_recipe
from drsn.model.sources import corpus_of, data_dir
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.bundle import Bundle
    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe

LEVELS_DB = (None, 10.0, 5.0, 0.0, -3.0, -6.0)
DRAWS = 3
"""Draws of the noise; the recording without noise is used as often, so that a half has enough windows."""


class Measure:
    """Diagnoses of recordings by one bundle."""

    def __init__(self, bundle: Bundle, recipe: Recipe) -> None:
        assert bundle.contract.abstention_threshold is not None
        self.recipe, self.contract = recipe, bundle.contract
        self.threshold = bundle.contract.abstention_threshold
        self.backend = OnnxBackend(bundle.read("model.onnx"), bundle.contract, 1 << 16)
        self.most = largest_allowance(bundle.contract, self.backend, 1 << 16)

    def diagnosed(self, recordings: Sequence[Recording], noise: Disturbance, seed: int) -> dict[str, NDArray[Any]]:
        """Return for each window: novelty, whether its label is right, whether a faulty one is called normal."""
        windows = windows_of(recordings, self.recipe, noise, seed)
        outputs = self.backend.infer(windows.samples)
        named = outputs.probabilities.argmax(axis=1)
        conditions = np.array([label.condition for label in self.contract.labels])
        missed = (conditions[named] == NORMAL) & (conditions[windows.label] != NORMAL)
        right = conditions[named] == conditions[windows.label]
        return {"novelty": outputs.novelty, "right": right, "missed": missed, "condition": conditions[named]}

    def accepted(self, found: dict[str, NDArray[Any]], allowance: float) -> dict[str, Any]:
        """Return shares of windows at an allowance."""
        taken = found["novelty"] <= self.threshold + allowance
        named = float(found["right"][taken].mean()) if taken.any() else None
        return {"accepted": float(taken.mean()), "right_of_accepted": named,
                "called_normal": float((found["missed"] & taken).mean())}  # fmt: skip


def noises_of(snr_db: float | None) -> list[Disturbance]:
    """Return the noises of the paper, or none."""
    kinds = (Noise.GAUSSIAN, Noise.LAPLACIAN, Noise.PINK)
    return [Disturbance()] * DRAWS if snr_db is None else [Disturbance(kind, snr_db) for kind in kinds]


def joined(parts: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of all parts, one after the other."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def halves(recording: Recording) -> tuple[Recording, Recording]:
    """Return the first and the second half of a recording."""
    middle = recording.n_samples // 2
    return tuple(  # type: ignore[return-value]
        replace(recording, samples=part) for part in (recording.samples[:, :middle], recording.samples[:, middle:])
    )


def commissioned(measure: Measure, recording: Recording, noises: Sequence[Disturbance]) -> tuple[float | None, str]:
    """Return the allowance that a healthy recording gives, or None and the reason; each noise is drawn anew."""
    found = joined([measure.diagnosed([recording], noise, SEED + number) for number, noise in enumerate(noises)])
    seen = [HealthyWindow(float(n), 1.0, str(c)) for n, c in zip(found["novelty"], found["condition"], strict=True)]
    try:
        return learn(seen, measure.threshold, measure.most).allowance, ""
    except UnfitError as error:
        return None, str(error)


def machine_rows(measure: Measure, test: Sequence[Recording]) -> list[dict[str, Any]]:
    """Commission on either half at each level; return the changes for the other half and for the faults."""
    healthy = [recording for recording in test if recording.label == NORMAL]
    faulty = [recording for recording in test if recording.label != NORMAL]
    rows = []
    for snr_db in LEVELS_DB:
        noises = noises_of(snr_db)
        faults = joined([measure.diagnosed(faulty, noise, SEED + 50 + n) for n, noise in enumerate(noises)])
        for number, (first, other) in enumerate([halves(healthy[0]), halves(healthy[0])[::-1]], start=1):
            allowance, why = commissioned(measure, first, noises)
            rest = joined([measure.diagnosed([other], noise, SEED + 100 + n) for n, noise in enumerate(noises)])
            row: dict[str, Any] = {"snr_db": snr_db, "half": number, "allowance": allowance, "failed": why}
            for when, allowed in (("before", 0.0), ("after", allowance)):
                if allowed is not None:
                    row[when] = {
                        "healthy": measure.accepted(rest, allowed),
                        "faults": measure.accepted(faults, allowed),
                    }
            rows.append(row)
    return rows


def cost_rows(measure: Measure, test: Sequence[Recording]) -> list[dict[str, Any]]:
    """Return what each allowance rejects of foreign signals and accepts of the faults, as recorded and at 0 dB."""
    faulty = [recording for recording in test if recording.label != NORMAL]
    strange = {
        name: measure.diagnosed([replace(r, label=NORMAL) for r in recordings], Disturbance(), SEED)
        for name, recordings in strange_signals(measure.contract.sample_rate_hz, measure.contract.window).items()
    }
    known = {"as recorded": measure.diagnosed(faulty, Disturbance(), SEED)}
    known["0 dB"] = joined([measure.diagnosed(faulty, noise, SEED) for noise in noises_of(0.0)])
    rows = []
    for allowance in [*(a for a in (0.0, 1.0, 2.0, 4.0, 6.0) if a < measure.most), measure.most]:
        refused = {name: 1 - measure.accepted(found, allowance)["accepted"] for name, found in strange.items()}
        faults = {name: measure.accepted(found, allowance) for name, found in known.items()}
        rows.append({"allowance": allowance, "refused": refused, "faults": faults})
    return rows


def other_rig_rows(measure: Measure) -> list[dict[str, Any]]:
    """Commission healthy machines that the training data lacks."""
    rows = []
    for rig in hit_sm.RIGS:
        for recording in hit_sm.read_speeds(data_dir() / "hit_sm", rig, hit_sm.SPEEDS_RPM):
            if recording.label == NORMAL:
                allowance, why = commissioned(measure, recording, [Disturbance()] * 2)
                rows.append({"machine": recording.name, "allowance": allowance, "failed": why})
    return rows


def shares(part: dict[str, Any] | None) -> list[str]:
    """Return the parts of healthy windows accepted, of faulty ones accepted, and of those with the right label."""
    if part is None:
        return ["", "", ""]
    faults = part["faults"]
    return [percent(each) for each in (part["healthy"]["accepted"], faults["accepted"], faults["right_of_accepted"])]


def percent(share: float | None) -> str:
    """Return a share as text, in per cent."""
    return "" if share is None else f"{100 * share:.1f}"


def printed(document: dict[str, Any]) -> None:
    """Print all three parts as tables."""
    rows = []
    for row in document["machine_at_3_hp"]:
        level = "as recorded" if row["snr_db"] is None else f"{row['snr_db']:+g} dB"
        allowance = "fails" if row["allowance"] is None else f"{row['allowance']:.2f}"
        rows.append([level, row["half"], allowance, *shares(row["before"]), *shares(row.get("after"))])
    columns = ["healthy %", "faults %", "right %"]
    show(["level", "half", "allowance", *columns, *(f"{name} after" for name in columns)], rows)
    names = list(document["cost"][0]["refused"])
    show(["allowance", *names, "faults as recorded", "faults 0 dB"], [
        [f"{r['allowance']:.2f}", *(percent(r["refused"][n]) for n in names),
         *(percent(f["accepted"]) for f in r["faults"].values())] for r in document["cost"]])  # fmt: skip
    for row in document["other_machines"]:
        print(row["machine"], row["failed"] or f"{row['allowance']:.2f}")


def main() -> int:
    """Measure, and write results/commission.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    arguments = parser.parse_args()
    recipe, bundle = read_recipe(RECIPE), open_bundle(shipped("cwru"))
    measure, test = Measure(bundle, recipe), corpus_of(recipe).test
    document = {
        "machine": machine(),
        "bundle": {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256},
        "largest_allowance": measure.most,
        "machine_at_3_hp": machine_rows(measure, test),
        "cost": cost_rows(measure, test),
        "other_machines": other_rig_rows(measure),
    }
    (RESULTS / "commission.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if arguments.json:
        print(json.dumps(document))
    else:
        printed(document)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run_command("benchmarks/commission.py", main))
