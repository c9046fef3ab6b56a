from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from drsn.model.errors import StorageError, UnavailableError
from drsn.model.evaluate import Score
from drsn.model.report import accuracy_figure, confusion_figure, metrics_of, table, write

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.checkpoint import Checkpoint

CELLS = (
    (None, None, 1.0),
    ("gaussian", 3.0, 0.95),
    ("gaussian", -3.0, 0.5),
    ("gaussian", -6.0, 0.25),
    ("pink", 3.0, 0.987),
    ("pink", -3.0, 0.125),
    ("pink", -6.0, 0.0),
)


def named(noise: str | None, snr_db: float | None, accuracy: float) -> Score:
    right = round(1000 * accuracy)
    confusion = [[right, 1000 - right, 0], [0, 8, 0], [0, 0, 0]]
    return Score(noise, snr_db, accuracy, accuracy, accuracy, 0.0, 0.0, confusion)


@pytest.fixture
def scores() -> list[Score]:
    return [named(*cell) for cell in CELLS]


def test_the_table_has_a_line_for_each_level_and_a_column_for_each_noise(scores: list[Score]):
    assert [line.split() for line in table(scores).splitlines()] == [
        ["SNR", "gaussian", "pink"],
        ["clean", "100.0"],
        ["+3", "dB", "95.0", "98.7"],
        ["-3", "dB", "50.0", "12.5"],
        ["-6", "dB", "25.0", "0.0"],
    ]


def test_the_metrics_say_what_was_measured_on_what(checkpoint: Checkpoint, scores: list[Score]):
    document = metrics_of(checkpoint, scores)
    assert document["labels"] == ["normal", "inner_race", "outer_race"]
    assert document["abstention_threshold"] == checkpoint.contract.abstention_threshold
    assert {"name", "version", "seed", "data_sha256", "temperature", "parameters", "validation_accuracy"} <= {*document}
    assert document["test"] == [asdict(score) for score in scores]


def test_the_report_is_strict_json_and_two_pictures(checkpoint: Checkpoint, scores: list[Score], tmp_path: Path):
    write(tmp_path, checkpoint, scores)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.json", "accuracy.png", "confusion.png"}
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == metrics_of(checkpoint, scores)
    for name in ("accuracy.png", "confusion.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_accuracy_is_drawn_a_line_for_each_noise(scores: list[Score]):
    axes = accuracy_figure(scores).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["pink"] == pytest.approx([98.7, 12.5, 0])
    assert lines["as recorded"] == [100, 100]


def test_confusion_is_drawn_clean_and_at_the_level_nearest_to_0_db(checkpoint: Checkpoint, scores: list[Score]):
    clean, noisy = confusion_figure(checkpoint, scores).axes
    assert (clean.get_title(), noisy.get_title()) == ("as recorded", "3 dB, all noises")
    shares = noisy.images[0].get_array()
    assert shares[0].tolist() == pytest.approx([96.85, 3.15, 0])  # 950 and 987 of 2 x 1000
    assert shares[2].tolist() == [0, 0, 0]  # a label that does not occur


def test_a_recipe_without_noise_has_a_report_too(checkpoint: Checkpoint, scores: list[Score], tmp_path: Path):
    write(tmp_path, checkpoint, scores[:1])
    assert table(scores[:1]).split() == ["SNR", "clean", "100.0"]


def test_without_matplotlib_the_error_names_the_extra(
    checkpoint: Checkpoint, scores: list[Score], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnavailableError, match=r"drsn-edge\[train\]"):
        write(tmp_path, checkpoint, scores)


def test_a_folder_that_is_not_there_says_so(checkpoint: Checkpoint, scores: list[Score], tmp_path: Path):
    with pytest.raises(StorageError, match="check the folder"):
        write(tmp_path / "none", checkpoint, scores)
