from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accuracy.figures import accuracy_figure, draw, threshold_figure
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


def cell(contestant: str, seed: int) -> dict:
    recordings = {"a": {"label": "x", "named": [8, 2]}, "b": {"label": "y", "named": [2, 8]}}
    units = [{"alpha": 0.4, "tau": 0.2}, {"alpha": 0.5, "tau": 0.3}]
    return {
        "rung": "cwru-0-to-3", "contestant": contestant, "seed": seed, "labels": ["x", "y"],
        "rows": [{"noise": "pink", "snr_db": level, "recordings": recordings} for level in (-6.0, 0.0)],
        "thresholds": [{"snr_db": level, "units": units} for level in (None, -6.0, 0.0)],
    }  # fmt: skip


def test_each_contestant_that_ran_is_a_line():
    cells = [cell("drsn_cw", 1), cell("drsn_cw", 2), cell("resnet", 1)]
    left, right = accuracy_figure(cells, ["drsn_cw", "resnet", "moon"], "").axes
    assert [line.get_label() for line in left.lines] == ["drsn_cw (2 seeds)", "resnet (1 seeds)"]
    assert not right.lines
    assert left.lines[0].get_ydata().tolist() == pytest.approx([80, 80])


def test_thresholds_have_a_line_for_each_unit_and_seed():
    alpha, tau, *_ = threshold_figure([cell("drsn_cw", 1), cell("drsn_cw", 2)]).axes
    assert len(alpha.lines) == len(tau.lines) == 4
    assert list(alpha.lines[1].get_ydata()) == [0.5, 0.5]
    assert list(tau.lines[1].get_ydata()) == [0.3, 0.3]


def test_they_are_written(tmp_path: Path):
    draw([cell("drsn_cw", 1)], tmp_path / "figures")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "block.png", "recipe.png", "thresholds.png",
    ]  # fmt: skip
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        draw([], tmp_path / "file")
