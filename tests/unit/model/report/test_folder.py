from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from drsn.model.errors import StorageError, UnavailableError
from drsn.model.report.folder import sets_of, write
from drsn.model.report.metrics import metrics_of

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.evaluate import Score
    from drsn.model.recipe import Recipe

PICTURES = {"accuracy.png", "confusion.png", "calibration.png", "examples.png"}


def test_the_report_is_strict_json_and_four_pictures(
    checkpoint: Checkpoint, scores: list[Score], recipe: Recipe, corpus: Corpus, tmp_path: Path
):
    written = write(tmp_path, checkpoint, scores, recipe, corpus)
    assert {*written} == {*tmp_path.iterdir()}
    assert {path.name for path in written} == {"metrics.json", *PICTURES}
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {
        **metrics_of(checkpoint, scores),
        "sets": sets_of(corpus),
        "confounders": [],
        "added": [],
    }
    for name in PICTURES:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.usefixtures("undrawn")
def test_a_recipe_without_noise_has_a_report_too(
    checkpoint: Checkpoint, scores: list[Score], recipe: Recipe, corpus: Corpus, tmp_path: Path
):
    quiet = recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"snr_db": ()})})
    assert len(write(tmp_path, checkpoint, scores[:1], quiet, corpus)) == 5


def test_without_matplotlib_the_error_names_the_extra(
    checkpoint: Checkpoint,
    scores: list[Score],
    recipe: Recipe,
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnavailableError, match=r"drsn-edge\[plots\]"):
        write(tmp_path, checkpoint, scores, recipe, corpus)


def test_a_folder_that_is_not_there_says_so(
    checkpoint: Checkpoint, scores: list[Score], recipe: Recipe, corpus: Corpus, tmp_path: Path
):
    with pytest.raises(StorageError, match="check the folder"):
        write(tmp_path / "none", checkpoint, scores, recipe, corpus)
