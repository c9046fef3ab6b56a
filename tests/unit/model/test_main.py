"""`drsn-train` as a script sees it: exit codes, stdout, one line of error, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drsn.model.__main__ import main

FILES = {"checkpoint.pt", "metrics.json", "accuracy.png", "confusion.png", "calibration.png", "examples.png"}


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]):
    """Run to an error; return its exit code and its one line."""

    def run(*argv: object) -> tuple[int, str]:
        code = main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("drsn-train: ")
        assert err.count("\n") == 1
        return code, err

    return run


@pytest.mark.usefixtures("undrawn")
def test_a_training_leaves_a_checkpoint_its_metrics_and_pictures(
    recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert main([str(recipe_path), "--json"]) == 0
    folder = tmp_path / "runs" / "tiny"
    assert {path.name for path in folder.iterdir()} == FILES
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document == json.loads((folder / "metrics.json").read_text())
    assert captured.out.count("\n") == 1
    assert "training, loss" in captured.err


def test_evaluate_measures_what_training_measured(checkpoint_path: Path, checkpoint, capsys):
    assert main(["evaluate", str(checkpoint_path), "--json"]) == 0
    cells = json.loads(capsys.readouterr().out)["test"]
    assert [{**cell, "confusion": 0} for cell in cells] == [
        {**cell, "confusion": 0} for cell in checkpoint.training.metrics["test"]
    ]


@pytest.mark.usefixtures("undrawn")
def test_evaluate_takes_the_noise_of_another_recipe_and_prints_a_table(
    checkpoint_path: Path, recipe_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text = recipe_path.read_text().replace("snr_db = [0.0], noises", "snr_db = [-7.0], noises")
    recipe_path.write_text(text)
    out = tmp_path / "new" / "folder"
    assert main(["evaluate", str(checkpoint_path), "--recipe", str(recipe_path), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == FILES - {"checkpoint.pt"}
    printed = capsys.readouterr().out
    assert "-7 dB" in printed
    assert str(out) in printed
    last = printed.splitlines()[-1]
    assert last == f"next: drsn-export --target onnx --checkpoint {checkpoint_path} --out tiny.zip"


def test_a_recipe_of_other_labels_does_not_measure_a_checkpoint(fails, checkpoint_path: Path, recipe_path: Path):
    recipe_path.write_text(recipe_path.read_text().replace("outer_race", "ball"))
    code, line = fails("evaluate", checkpoint_path, "--recipe", recipe_path)
    assert code == 64
    assert "tiny.toml" in line


@pytest.mark.parametrize("argv", [[], ["--frobnicate"], ["evaluate"], ["r.toml", "--out"]])
def test_a_wrong_command_line_is_64(fails, argv: list[str]):
    code, line = fails(*argv)
    assert code == 64
    assert "--help" in line


def test_the_accuracy_grid_is_named_where_it_lies(fails):
    code, line = fails("benchmark", "--report")
    assert code == 64
    assert "python benchmarks/accuracy" in line


def test_a_wrong_recipe_is_78_and_nothing_is_made(fails, recipe_path: Path, tmp_path: Path):
    recipe_path.write_text(recipe_path.read_text() + "speling = 1\n")
    code, line = fails(recipe_path, "--out", tmp_path / "out")
    assert code == 78
    assert "speling" in line
    assert not (tmp_path / "out").exists()
    assert fails(tmp_path / "none.toml")[0] == 78


def test_missing_data_is_65(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.delenv("DRSN_DATA_DIR", raising=False)
    recipe = Path("configs/recipes/cwru.toml").resolve()
    assert main([str(recipe), "--out", str(tmp_path / "out")]) == 65
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "DRSN_DATA_DIR" in captured.err.splitlines()[-1]


def test_a_file_that_is_no_checkpoint_is_65(fails, recipe_path: Path, tmp_path: Path):
    assert fails("evaluate", recipe_path)[0] == 65
    assert fails("evaluate", tmp_path / "none.pt")[0] == 65


def test_a_folder_that_cannot_be_made_is_74(fails, recipe_path: Path):
    code, line = fails(recipe_path, "--out", recipe_path / "below a file")
    assert code == 74
    assert "--out" in line


def test_without_torch_help_works_and_training_is_69(recipe_path: Path):
    program = "import sys; sys.modules['torch'] = None; from drsn.model.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", program]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "RECIPE.toml" in done.stdout
    done = subprocess.run([*command, recipe_path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 69
    assert done.stderr == "drsn-train: training needs torch; pip install 'drsn-edge[train]'\n"


def test_torchs_threads_sleep_while_they_wait_unless_someone_wants_otherwise(fails, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    fails()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    fails()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
