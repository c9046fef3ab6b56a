from __future__ import annotations

import csv
import subprocess
from typing import TYPE_CHECKING

import pytest

from accuracy import ledger
from accuracy.grid_cell import cells_of
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def git(where: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=where, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "plan.toml").write_text("a = 1\n")
    return tmp_path


def test_only_a_committed_and_unchanged_plan_may_meet_a_test_set(repository: Path):
    path = repository / "plan.toml"
    with pytest.raises(ConfigurationError, match="commit"):
        ledger.committed(path)
    git(repository, "add", "plan.toml")
    git(repository, "commit", "-q", "-m", "plan")
    assert len(ledger.committed(path)) == 40
    path.write_text("a = 2\n")
    with pytest.raises(ConfigurationError, match="changed since it was committed"):
        ledger.committed(path)


def test_a_plan_outside_of_any_repository_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigurationError, match="not committed"):
        ledger.committed(tmp_path / "plan.toml")


def test_every_look_at_a_test_set_is_one_line(tmp_path: Path, plan):
    for cell in cells_of(plan, select=False):
        ledger.note(tmp_path / "ledger.csv", "c" * 40, cell, -6.0, 0.5)
    with (tmp_path / "ledger.csv").open() as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == ledger.HEAD
    assert [tuple(row[3:]) for row in rows][:2] == [
        ("tiny", "resnet", "1", "-6", "0.5000"), ("tiny", "spectrum", "1", "-6", "0.5000"),
    ]  # fmt: skip
