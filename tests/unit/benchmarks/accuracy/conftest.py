"""A protocol on simulated bearings that trains in a second, and a plan that runs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drsn.model.protocol_splits import SplitParts
from drsn.model.protocols import PROTOCOLS, EvaluationProtocol
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from pathlib import Path

    from accuracy.grid_plan import GridPlan
    from drsn.model.corpus import Corpus

PLAN = """
[optimisation]
steps = 6
batch = 16

[groups.all]
rungs = ["tiny"]
seeds = 2
asked = { draws = 2, snr_db = [-6, 10], noises = ["gaussian", "impulsive"] }

[contestants.resnet.network]
family = "resnet"
stages = [{ channels = 16 }]

[contestants.spectrum]
kind = "logistic_regression"
"""


@pytest.fixture
def corpus(tiny: dict[str, Any]) -> Corpus:
    longer = {**tiny, "data": {**tiny["data"], "train_s": 0.5, "test_s": 0.7}}
    return corpus_of(recipe_from(longer, "tiny"))


@pytest.fixture
def plan_path(tmp_path: Path, tiny: dict[str, Any], corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> Path:
    labels = recipe_from(tiny, "tiny").labels
    parts = SplitParts((1,), (2,), (3,))
    protocol = EvaluationProtocol("tiny", labels, 12_000.0, parts, lambda _folder, _parts: corpus, ("tiny",))
    monkeypatch.setitem(PROTOCOLS, "tiny", protocol)
    monkeypatch.setattr("accuracy.spectrum_baselines.BATCHES", 4)
    monkeypatch.setenv("DRSN_DATA_DIR", str(tmp_path))
    path = tmp_path / "benchmark.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.fixture
def plan(plan_path: Path) -> GridPlan:
    from accuracy.grid_plan import read_plan

    return read_plan(plan_path)
