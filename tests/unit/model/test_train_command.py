"""`drsn-train` with a bundle to begin from, and cut off and taken up again."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from drsn.model.__main__ import main
from drsn.model.checkpoint import Checkpoint
from drsn.model.dataset_report import report_dataset
from drsn.model.recipe import read_recipe
from drsn.model.sources import corpus_of
from drsn.model.terminal import ProgressBar

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("keyboard", "undrawn")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def interrupted(recipe_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch):
    """Run, and press Ctrl-C in the third step."""

    def run() -> int:
        usual = ProgressBar.step

        def step(bar: ProgressBar, number: int, loss: float) -> None:
            usual(bar, number, loss)
            if number == 3:
                signal.raise_signal(signal.SIGINT)

        with monkeypatch.context() as patch:
            patch.setattr(ProgressBar, "step", step)
            return main([str(recipe_path), "--out", str(out)])

    return run


def test_a_training_that_was_interrupted_goes_on_as_if_nothing_had_been(
    interrupted, recipe_path: Path, out: Path, checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
):
    assert interrupted() == 130
    assert [path.name for path in out.iterdir()] == ["training.pt"]
    assert "--resume goes on" in capsys.readouterr().err
    assert main([str(recipe_path), "--out", str(out), "--resume"]) == 0
    resumed = Checkpoint.load(out / "checkpoint.pt")
    assert all(torch.equal(weights, resumed.state[name]) for name, weights in checkpoint.state.items())
    assert resumed.temperature == checkpoint.temperature
    assert not (out / "training.pt").exists()


@pytest.mark.slow
def test_it_is_not_overwritten_by_accident(interrupted, recipe_path: Path, out: Path, capsys):
    interrupted()
    kept = (out / "training.pt").read_bytes()
    capsys.readouterr()
    assert main([str(recipe_path), "--out", str(out)]) == 64
    line = capsys.readouterr().err
    assert "--resume" in line
    assert "--restart" in line
    assert (out / "training.pt").read_bytes() == kept
    assert main([str(recipe_path), "--out", str(out), "--restart"]) == 0
    assert not (out / "training.pt").exists()


def test_a_finished_training_is_overwritten_by_force_alone(recipe_path: Path, out: Path, capsys):
    assert main([str(recipe_path), "--out", str(out)]) == 0
    kept = (out / "checkpoint.pt").read_bytes()
    capsys.readouterr()
    assert main([str(recipe_path), "--out", str(out)]) == 64
    line = capsys.readouterr().err
    assert "choose another --out" in line
    assert "--force" in line
    assert (out / "checkpoint.pt").read_bytes() == kept
    recipe_path.write_text(recipe_path.read_text() + "seed = 2\n")
    assert main([str(recipe_path), "--out", str(out), "--force"]) == 0
    assert (out / "checkpoint.pt").read_bytes() != kept


def test_a_refused_training_is_finished_too(recipe_path: Path, out: Path):
    out.mkdir()
    (out / "checkpoint.refused.pt").touch()
    assert main([str(recipe_path), "--out", str(out)]) == 64
    assert main([str(recipe_path), "--out", str(out), "--force"]) == 0
    assert not (out / "checkpoint.refused.pt").exists()


def test_labelled_recordings_are_added_and_on_record(recipe_path: Path, out: Path, tmp_path: Path, capsys):
    folder = tmp_path / "labelled" / "normal"
    folder.mkdir(parents=True)
    samples = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    np.savez(folder / "e1.npz", samples=samples, sample_rate_hz=12_000.0, rpm=np.nan)
    assert main([str(recipe_path), "--out", str(out), "--add", str(folder.parent)]) == 0
    assert "to the training set only: 1 of normal" in capsys.readouterr().err
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["added"] == ["labelled/normal/e1.npz"]
    assert metrics["added"][0] in metrics["sets"]["train"]


def test_another_recipe_does_not_take_it_up(interrupted, recipe_path: Path, out: Path, capsys):
    interrupted()
    recipe_path.write_text(recipe_path.read_text() + "seed = 2\n")
    assert main([str(recipe_path), "--out", str(out), "--resume"]) == 64
    assert "recipe and data changed" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("more", [["--resume"], ["--resume", "--restart"]])
def test_there_must_be_something_to_go_on_with(recipe_path: Path, out: Path, more: list[str]):
    assert main([str(recipe_path), "--out", str(out), *more]) == 64
    assert not out.exists()


def test_a_bundle_is_fine_tuned_for_labels_of_which_it_knows_two(
    bundle_path: Path, recipe_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
):
    recipe_path.write_text(recipe_path.read_text().replace("inner_race", "ball"))
    assert main([str(recipe_path), "--from", str(bundle_path), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "fine-tuned from tiny 1" in printed
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["fine_tuning"]["labels"] == ["normal", "outer_race"]
    assert {row["label"] for row in metrics["fine_tuning"]["recordings"]} == {"normal", "outer_race"}
    assert [(cell["noise"], cell["snr_db"]) for cell in metrics["fine_tuning"]["cells"]] == [
        (None, None), ("gaussian", 0), ("pink", 0),
    ]  # fmt: skip
    tuned = Checkpoint.load(out / "checkpoint.pt")
    assert tuned.training.metrics["origin"] == metrics["origin"]
    assert [label.name for label in tuned.contract.labels] == ["normal", "ball", "outer_race"]
    assert main(["evaluate", str(out / "checkpoint.pt"), "--json"]) == 0


def test_a_bundle_of_another_signal_is_78_and_nothing_is_made(
    bundle_path: Path, recipe_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
):
    recipe_path.write_text(recipe_path.read_text().replace("window = 512", "window = 1024"))
    assert main([str(recipe_path), "--from", str(bundle_path), "--out", str(out)]) == 78
    assert "set it to that" in capsys.readouterr().err
    assert not out.exists()


def test_the_split_is_explained_before_and_the_next_command_named_after(
    recipe_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([str(recipe_path), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    recipe = read_recipe(recipe_path)
    explanation = str(report_dataset(recipe, corpus_of(recipe)))
    assert explanation in captured.err
    assert explanation not in captured.out
    assert captured.out.splitlines()[-1] == (
        f"next: drsn-export --target onnx --checkpoint {out / 'checkpoint.pt'} --out tiny.zip"
    )
    assert any(line.split() == ["normal", "2", *line.split()[2:]] for line in captured.out.splitlines())
