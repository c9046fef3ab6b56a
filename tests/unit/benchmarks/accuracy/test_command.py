from __future__ import annotations

import json
from pathlib import Path

import pytest

from accuracy.__main__ import main


def run(plan_path: Path, *options: str) -> int:
    out = plan_path.parent / "results"
    return main(["--plan", str(plan_path), "--out", str(out), "--jobs", "1", *options])


@pytest.mark.slow
def test_it_runs_what_is_missing_and_shows_all(plan_path: Path, capsys: pytest.CaptureFixture[str]):
    cells = plan_path.parent / "results" / "selection"
    assert run(plan_path, "--select", "--contestant", "spectrum") == 0
    first = {path: path.stat().st_mtime_ns for path in cells.iterdir()}
    assert len(first) == 2
    assert run(plan_path, "--select") == 0
    assert len(list(cells.iterdir())) == 4
    assert all(path.stat().st_mtime_ns == then for path, then in first.items()), "not run again"
    capsys.readouterr()
    assert run(plan_path, "--select", "--report", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(cell["contestant"], cell["seed"]) for cell in shown] == [
        ("resnet", 1), ("resnet", 2), ("spectrum", 1), ("spectrum", 2),
    ]  # fmt: skip
    assert run(plan_path, "--select", "--report") == 0
    assert "resnet" in capsys.readouterr().out


def test_a_cell_of_another_recipe_is_run_again(plan_path: Path):
    assert run(plan_path, "--select", "--contestant", "resnet") == 0
    cell = plan_path.parent / "results" / "selection" / "tiny--resnet--1.json"
    before = json.loads(cell.read_text())["recipe_sha256"]
    plan_path.write_text(plan_path.read_text().replace("steps = 6", "steps = 7"))
    assert run(plan_path, "--select", "--contestant", "resnet") == 0
    assert json.loads(cell.read_text())["recipe_sha256"] != before


def test_a_plan_that_is_not_committed_meets_no_test_set(plan_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(plan_path) == 78
    assert "commit" in capsys.readouterr().err
    assert not (plan_path.parent / "results" / "test").exists()


@pytest.mark.parametrize("options", [("--protocol", "moon"), ("--contestant", "moon"), ("--jobs", "0")])
def test_what_the_plan_does_not_have_is_a_usage_error(plan_path: Path, options: tuple[str, ...]):
    assert run(plan_path, "--select", *options) == 64


def test_a_disk_that_fills_leaves_no_half_cell_and_ends_the_run(
    plan_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    write_text = Path.write_text

    def full(self: Path, text: str, **options: str) -> int:
        write_text(self, text[:10], **options)
        if self.suffix in (".part", ".json"):
            raise OSError(28, "No space left on device")
        return 10

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        assert run(plan_path, "--select", "--contestant", "spectrum") == 74
    assert "No space left" in capsys.readouterr().err
    assert [path for path in (plan_path.parent / "results").rglob("*") if path.is_file()] == []
    assert run(plan_path, "--select", "--contestant", "spectrum") == 0
