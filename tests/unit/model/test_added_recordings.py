"""`drsn-train RECIPE --add DIR`: what a plant has labelled joins the training set, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.model.added_recordings import with_labelled_recordings
from drsn.model.errors import BadDataError
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.model.corpus import Corpus
    from drsn.model.recipe import Recipe

HEAD = "file,label,sensor,condition,event_id,sample_rate_hz,by,comment,decided_at\n"


@pytest.fixture
def recipe(tiny: dict[str, Any]) -> Recipe:
    return recipe_from(tiny, "tiny.toml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "labelled"


@pytest.fixture
def event(folder: Path) -> Callable[..., None]:
    """Write one recording and its line, as `drsn-agent label` does."""

    def write(label: str, event_id: str, sensor: str = "press4.de", rate_hz: float = 12_000.0, n: int = 4096) -> None:
        path = folder / label / f"{event_id}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(abs(hash(event_id)) % 2**32).standard_normal((1, n)).astype(np.float32)
        np.savez(path, samples=samples, sample_rate_hz=rate_hz, unit="g", rpm=np.nan)
        table = folder / "labels.csv"
        line = f"{label}/{event_id}.npz,{label},{sensor},{label},{event_id},{rate_hz},me,,2026-01-01T00:00:00Z\n"
        table.write_text((table.read_text() if table.exists() else HEAD) + line)

    return write


@pytest.fixture
def added(recipe: Recipe, folder: Path) -> Callable[[], tuple[Corpus, Corpus]]:
    def add() -> tuple[Corpus, Corpus]:
        before = corpus_of(recipe)
        return before, with_labelled_recordings(before, folder, recipe)

    return add


def test_they_join_the_training_set_alone(event, added):
    event("normal", "e1")
    event("inner_race", "e2", sensor="press5.de")
    before, after = added()
    assert (after.validation, after.test) == (before.validation, before.test)
    new = after.train[len(before.train) :]
    assert [(r.label, r.name, r.group, r.rpm) for r in new] == [
        ("normal", "labelled/normal/e1.npz", "press4.de", None),
        ("inner_race", "labelled/inner_race/e2.npz", "press5.de", None),
    ]
    assert after.added == ("labelled/normal/e1.npz", "labelled/inner_race/e2.npz")
    assert after.sha256 != before.sha256
    assert "to the training set only: 1 of normal, 1 of inner_race" in after.notes[-1]


def test_a_condition_with_one_label_is_that_label(event, folder: Path, tiny: dict[str, Any]):
    labels = [{**label} for label in tiny["labels"]]
    labels[1]["name"] = "inner_race_007"
    several = recipe_from({**tiny, "labels": labels}, "r")
    corpus = corpus_of(several)
    event("inner_race", "e1")
    assert with_labelled_recordings(corpus, folder, several).train[-1].label == "inner_race_007"
    two = recipe_from({**tiny, "labels": [*labels, {"name": "inner_race_021", "condition": "inner_race"}]}, "r")
    with pytest.raises(BadDataError, match=r"condition of 2 labels.*inner_race_007, inner_race_021"):
        with_labelled_recordings(corpus, folder, two)


def test_an_unknown_label_names_those_of_the_recipe(event, added):
    event("misalignment", "e1")
    with pytest.raises(BadDataError, match=r"'misalignment' is not in the recipe.*normal, inner_race, outer_race"):
        added()


def test_the_last_line_of_a_file_counts(event, folder: Path, added):
    event("normal", "e1")
    with (folder / "labels.csv").open("a") as table:
        table.write("normal/e1.npz,outer_race,press4.de,,e1,12000,me,on second thoughts,\n")
    _, after = added()
    assert [r.label for r in after.train if r.name in after.added] == ["outer_race"]


def test_folders_without_a_table_are_labels(event, folder: Path, added):
    event("normal", "e1")
    (folder / "labels.csv").unlink()
    assert added()[1].added == ("labelled/normal/e1.npz",)


def test_all_are_brought_to_the_lowest_rate(event, added):
    event("normal", "e1", rate_hz=11_800)
    _, after = added()
    assert {r.sample_rate_hz for part in (after.train, after.validation, after.test) for r in part} == {11_800}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rate_hz": 2000}, "2000 Hz"),
        ({"n": 100}, "shorter"),
        ({"sensor": "test-0"}, "validation or test set"),
    ],
)
def test_an_unfit_recording_is_an_error_of_one_line(event, added, change: dict[str, Any], told: str):
    event("normal", "e1", **change)
    if "sensor" in change:
        event("normal", "e2", sensor="test-machine-0")
    with pytest.raises(BadDataError, match=told) as caught:
        added()
    assert "\n" not in str(caught.value)


def test_a_short_one_among_others_is_left_out_and_counted(event, added):
    event("normal", "e1")
    event("normal", "e2", n=100)
    _, after = added()
    assert after.added == ("labelled/normal/e1.npz",)
    assert "1 recording(s) shorter" in after.notes[-1]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("file\n", "no column label"),
        (HEAD, "lists no recordings"),
        (f"{HEAD}../x.npz,normal,,,,,,,\n", "outside"),
        (f"{HEAD},normal,,,,,,,\n", "no file or no label"),
    ],
)
def test_a_broken_table_is_an_error_of_one_line(folder: Path, added, table: str, told: str):
    folder.mkdir()
    (folder / "labels.csv").write_text(table)
    with pytest.raises(BadDataError, match=told):
        added()


def test_no_folder(added):
    with pytest.raises(BadDataError, match="no such folder"):
        added()
