"""`drsn-train look FOLDER --recipe OUT.toml`: the recipe is valid, and a training takes it as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.__main__ import main
from drsn.model.recipe import read_recipe
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.model.recipe import Recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "My pumps"


@pytest.fixture
def put(folder: Path) -> Callable[..., None]:
    def lay(name: str, seconds: float = 3, rate_hz: float = 25_600.0, channels: int = 1) -> None:
        path = folder / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()))
        samples = rng.standard_normal((channels, round(seconds * rate_hz))).astype(np.float32)
        np.savez(path, samples=samples, sample_rate_hz=rate_hz, rpm=1500)

    return lay


@pytest.fixture
def written(folder: Path, tmp_path: Path) -> Callable[..., Recipe]:
    def write(*options: str) -> Recipe:
        target = tmp_path / "My Pumps.toml"
        assert main(["look", str(folder), "--recipe", str(target), *options]) == 0
        return read_recipe(target)

    return write


def test_folders_become_labels_and_names_become_groups(put, written, capsys):
    for label in ("Normal", "Inner Race"):
        for number in range(6):
            put(f"{label}/pump{number // 2}_{number}")
    recipe = written()
    assert capsys.readouterr().out.splitlines()[-1].startswith("next: drsn-train ")
    assert [(label.name, label.condition, label.healthy) for label in recipe.labels] == [
        ("inner_race", "inner_race", False), ("normal", "normal", True),
    ]  # fmt: skip
    assert (recipe.name, recipe.signal.sample_rate_hz, recipe.signal.window) == ("my-pumps", 12_800, 2048)
    corpus = corpus_of(recipe)
    assert {recording.group for recording in corpus.test} < {"pump0", "pump1", "pump2"}


def test_few_recordings_are_cut_in_time(put, written):
    put("healthy/a", seconds=5)
    put("ball/a", seconds=5)
    recipe = written()
    assert recipe.data.split == "time"
    corpus = corpus_of(recipe)
    assert {recording.label for recording in corpus.train} == {"healthy", "ball"}


@pytest.mark.parametrize(("rate_hz", "seconds", "window"), [(1600, 20, 1024), (3200, 2, 512), (25_600, 0.3, 256)])
def test_slow_or_short_recordings_get_a_window_that_fits(put, written, rate_hz: float, seconds: float, window: int):
    for label in ("ok", "ball"):
        for number in range(3):
            put(f"{label}/{number}", seconds=seconds, rate_hz=rate_hz)
    recipe = written()
    assert recipe.signal.window == window
    assert corpus_of(recipe).train


def test_options_are_in_the_recipe(put, written):
    for label in ("ok", "ball"):
        for number in range(3):
            put(f"{label}/{number}", channels=3)
    assert written("--channels", "0,2").data.channels == ("0", "2")


@pytest.mark.parametrize(
    ("names", "code", "told"),
    [
        (["ball/a", "inner/a"], 65, "needs one of a healthy machine"),
        (["normal/a"], 65, "one of a fault"),
        (["Ball 1/a", "ball_1/a", "ok/a"], 65, "are both label ball_1"),
    ],
)
def test_labels_must_be_fit(put, folder: Path, tmp_path: Path, capsys, names: list[str], code: int, told: str):
    for name in names:
        put(name)
    assert main(["look", str(folder), "--recipe", str(tmp_path / "r.toml")]) == code
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r.toml").exists()


def test_a_recipe_is_not_overwritten(put, folder: Path, written, tmp_path: Path, capsys):
    for label in ("ok", "ball"):
        put(f"{label}/a", seconds=5)
    written()
    capsys.readouterr()
    assert main(["look", str(folder), "--recipe", str(tmp_path / "My Pumps.toml")]) == 64
    assert "exists already" in capsys.readouterr().err
    assert main(["look", str(folder), str(folder), "--recipe", str(tmp_path / "second.toml")]) == 64
