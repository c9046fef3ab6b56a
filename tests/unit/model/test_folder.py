from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.model.data.folder import SETS, read_set
from drsn.model.errors import BadDataError
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = ("inner_race", "normal", "outer_race")
RATE_HZ = 25_600.0


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Lay a recording out; returns the folder of all."""

    def lay(name: str, n_samples: int = 4000, rate_hz: float = RATE_HZ, channels: int = 1) -> Path:
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(len(name)).standard_normal((channels, n_samples)).astype(np.float32)
        np.savez(path, samples=samples, sample_rate_hz=rate_hz, rpm=1500)
        return tmp_path

    return lay


@pytest.fixture
def plant(put: Callable[..., Path]) -> Path:
    for name in SETS:
        for label in LABELS:
            put(f"{name}/{label}/pump1")
    return put("train/normal/pump2")


def recipe(tiny: dict[str, Any], folder: Path) -> Any:  # noqa: ANN401
    return recipe_from({**tiny, "data": {"source": "folder", "path": str(folder)}}, "own.toml")


def test_folders_are_sets_and_labels_and_files_are_recordings(plant: Path, tiny: dict[str, Any]):
    corpus = corpus_of(recipe(tiny, plant))
    assert [(r.label, r.name) for r in corpus.train] == [
        ("inner_race", "pump1"), ("normal", "pump1"), ("normal", "pump2"), ("outer_race", "pump1"),
    ]  # fmt: skip
    assert {r.label for r in corpus.validation} == {r.label for r in corpus.test} == set(LABELS)
    assert {(r.sample_rate_hz, r.rpm) for r in corpus.test} == {(RATE_HZ, 1500)}


def test_an_empty_set_says_how_to_fill_it(put: Callable[..., Path]):
    folder = put("train/normal/a")
    with pytest.raises(BadDataError, match="validation: no recordings; lay them out as validation/LABEL/FILE"):
        read_set(folder, "validation", None)


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("test/cavitation/a", {}, "'cavitation'"),
        ("test/normal/b", {"rate_hz": 12_800.0}, "one rate"),
        ("train/normal/b", {"channels": 2}, "channels"),
    ],
)
def test_data_that_the_recipe_does_not_describe_is_refused(
    plant: Path, put: Callable[..., Path], tiny: dict[str, Any], name: str, options: dict[str, Any], complaint: str
):
    put(name, **options)
    with pytest.raises(BadDataError, match=complaint):
        corpus_of(recipe(tiny, plant))


def test_a_rate_that_can_not_hold_the_bandwidth_is_refused(put: Callable[..., Path], tiny: dict[str, Any]):
    for name in SETS:
        for label in LABELS:
            folder = put(f"{name}/{label}/a", rate_hz=10_600.0)
    with pytest.raises(BadDataError, match="11276"):  # 2 x 5,300 Hz at 6 % less speed
        corpus_of(recipe(tiny, folder))


def test_a_model_is_trained_from_a_folder(plant: Path, tiny: dict[str, Any]):
    from drsn.model.train import train

    outcome = train(recipe(tiny, plant), lambda _step, _loss: None)
    assert outcome.checkpoint.contract.conditions == ("normal", "inner_race", "outer_race")
