from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.model.data.entry import SETS
from drsn.model.errors import BadDataError, ConfigurationError
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.model.corpus import Corpus

LABELS = ("inner_race", "normal", "outer_race")
RATE_HZ = 25_600.0


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., None]:
    """Lay a recording out, each of its own samples."""

    def lay(name: str, n_samples: int = 4000, rate_hz: float = RATE_HZ, channels: int = 1) -> None:
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        samples = rng.standard_normal((channels, n_samples)).astype(np.float32)
        np.savez(path, samples=samples, sample_rate_hz=rate_hz, rpm=1500)

    return lay


@pytest.fixture
def corpus(tmp_path: Path, tiny: dict[str, Any]) -> Callable[..., Corpus]:
    """What the tiny recipe finds in the folder."""
    return lambda **settings: corpus_of(recipe(tiny, tmp_path, **settings))


def recipe(tiny: dict[str, Any], folder: Path, **settings: Any) -> Any:  # noqa: ANN401
    return recipe_from({**tiny, "data": {"source": "folder", "path": str(folder), **settings}}, "own.toml")


@pytest.fixture
def sets(put: Callable[..., None]) -> None:
    """One recording of each label in each set, and one more to train on."""
    for name in SETS:
        for label in LABELS:
            put(f"{name}/{label}/pump1")
    put("train/normal/pump2")


@pytest.fixture
def labels(put: Callable[..., None]) -> None:
    """Five recordings of each label."""
    for label in LABELS:
        for number in range(5):
            put(f"{label}/m{number}_{label}")


def groups(corpus: Corpus) -> list[set[str]]:
    return [{recording.group for recording in part} for part in (corpus.train, corpus.validation, corpus.test)]


def test_sets_laid_out_by_hand_stay_as_they_are(sets: None, corpus: Callable[..., Corpus]):
    found = corpus()
    assert [(r.label, r.name) for r in found.train] == [
        ("inner_race", "train/inner_race/pump1.npz"), ("normal", "train/normal/pump1.npz"),
        ("normal", "train/normal/pump2.npz"), ("outer_race", "train/outer_race/pump1.npz"),
    ]  # fmt: skip
    assert {r.label for r in found.validation} == {r.label for r in found.test} == set(LABELS)
    assert {(r.sample_rate_hz, r.rpm) for r in found.test} == {(RATE_HZ, 1500)}
    assert "lays it out" in found.notes[0]


def test_recordings_by_label_are_divided_and_the_division_is_explained(labels: None, corpus: Callable[..., Corpus]):
    found = corpus()
    assert [len(part) for part in (found.train, found.validation, found.test)] == [9, 3, 3]
    assert "15 files, each a group of its own" in found.notes[0]
    assert found.sha256 == corpus().sha256 != corpus(split_seed=1).sha256


def test_a_machine_with_several_labels_is_in_one_set(labels: None, corpus: Callable[..., Corpus]):
    found = corpus(group_pattern=r"(?P<group>m\d)_")
    train, validation, test = groups(found)
    assert train | validation | test == {"m0", "m1", "m2", "m3", "m4"}
    assert [len(train), len(validation), len(test)] == [3, 1, 1]
    assert found.notes[0].startswith("split by group: 5 groups of 15 recordings")


def test_a_manifest_gives_sets_groups_speeds_and_rates(
    put: Callable[..., None], tmp_path: Path, corpus: Callable[..., Corpus]
):
    lines = ["file,label,group,set,sample_rate_hz,rpm"]
    for name in SETS:
        for label in LABELS:
            put(f"{name}-{label}")
            lines.append(f"{name}-{label}.npz,{label},{name}-machine,{name},20000,980")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    found = corpus()
    assert groups(found) == [{"train-machine"}, {"validation-machine"}, {"test-machine"}]
    assert {(r.rpm, r.sample_rate_hz) for r in found.test} == {(980, 20_000)}


def test_recordings_of_any_rate_come_to_the_lowest(sets: None, put: Callable[..., None], corpus: Callable[..., Corpus]):
    put("train/normal/fast", rate_hz=48_000.0, n_samples=9600)
    put("train/normal/slow", rate_hz=12_000.0)
    found = corpus()
    assert {r.sample_rate_hz for part in (found.train, found.validation, found.test) for r in part} == {12_000}
    assert {r.name: r.n_samples for r in found.train}["train/normal/fast.npz"] == 2400
    assert found.notes[1] == "recordings at 12000, 25600, 48000 Hz brought to 12000 Hz"


def test_a_rate_that_tells_a_label_is_warned_of(put: Callable[..., None], corpus: Callable[..., Corpus]):
    for name in SETS:
        for label in LABELS:
            put(f"{name}/{label}/a", rate_hz=48_000.0 if label == "normal" else 12_000.0, n_samples=20_000)
    (found,) = (found for found in corpus().confounders if found.quantity == "sample rate")
    assert found.labels == ("normal",)
    assert "learn the recorder" in str(found)


def test_names_of_files_suggest_the_groups(put: Callable[..., None], corpus: Callable[..., Corpus]):
    for label in LABELS:
        for number in range(6):
            put(f"{label}/pump{number // 2}_{number}")
    found = corpus().notes[0]
    assert "(3 groups: pump0, pump1, pump2)" in found
    pattern = found.partition("data.group_pattern = '")[2].partition("'")[0]
    assert all(len(names) == 1 for names in groups(corpus(group_pattern=pattern)))


def test_a_rate_that_can_not_hold_the_bandwidth_names_the_file_and_what_would_do(
    sets: None, put: Callable[..., None], corpus: Callable[..., Corpus]
):
    put("train/normal/slow", rate_hz=10_600.0)  # 2 x 5,300 Hz at 6 % less speed need 11,276 Hz
    with pytest.raises(BadDataError, match=r"slow\.npz: sampled at 10600 Hz.* 11276.*bandwidth_hz to 4982"):
        corpus()


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("test/cavitation/a", {}, "no label in the recipe for cavitation"),
        ("train/normal/b", {"channels": 2}, r"b\.npz: 1 channels expected, it has 2; choose some with data\.channels"),
    ],
)
def test_data_that_the_recipe_does_not_describe_is_refused(
    sets: None,
    put: Callable[..., None],
    corpus: Callable[..., Corpus],
    name: str,
    options: dict[str, Any],
    complaint: str,
):
    put(name, **options)
    with pytest.raises(BadDataError, match=complaint):
        corpus()


@pytest.mark.parametrize("settings", [{}, {"split": "time"}])
def test_a_short_recording_is_left_out_with_a_count_and_ends_nothing(
    labels: None, put: Callable[..., None], corpus: Callable[..., Corpus], settings: dict[str, Any]
):
    for label in LABELS:
        for number in range(3):
            put(f"{label}/long{number}_{label}", n_samples=40_000)
    put("normal/short_1", n_samples=300)
    put("normal/short_2", n_samples=1300)  # the window of 512 samples at 12 kHz, and 6 % more, are 1,158 at 25.6 kHz
    put("normal/empty_seconds", n_samples=20)
    found = corpus(**settings)
    kept = {recording.name for part in (found.train, found.validation, found.test) for recording in part}
    assert "normal/short_1.npz" not in kept
    assert ("normal/short_2.npz" in kept) is (not settings)
    (note,) = (note for note in found.notes if note.startswith("left out"))
    assert "normal/short_1.npz" in note or "…" in note
    assert f"left out: {2 if not settings else 3 + 15} recordings shorter than" in note


def test_a_label_whose_recordings_are_all_too_short_is_refused_by_name(
    put: Callable[..., None], corpus: Callable[..., Corpus]
):
    for label in LABELS:
        for number in range(3):
            put(f"{label}/m{number}", n_samples=300 if label == "normal" else 4000)
    with pytest.raises(BadDataError, match=r"all recordings of normal are shorter than 0\.0454 s, such as normal/m0"):
        corpus(group_pattern="(?P<group>m\\d)")


def test_chosen_channels_are_those_of_the_model(put: Callable[..., None], corpus: Callable[..., Corpus]):
    for name in SETS:
        for label in LABELS:
            put(f"{name}/{label}/a", channels=3)
    every = {r.name: r.samples for r in corpus(channels=[2]).test}
    other = {r.name: r.samples for r in corpus(channels=[0]).test}
    assert all(samples.shape == (1, 4000) and not np.array_equal(samples, other[n]) for n, samples in every.items())


def test_one_file_in_two_sets_is_refused(sets: None, tmp_path: Path, corpus: Callable[..., Corpus]):
    (tmp_path / "test/normal/copy.npz").write_bytes((tmp_path / "train/normal/pump2.npz").read_bytes())
    with pytest.raises(BadDataError, match=r"train/normal/pump2.* and test/normal/copy.* hold the same samples"):
        corpus()


def test_a_group_in_two_sets_is_refused(sets: None, corpus: Callable[..., Corpus]):
    with pytest.raises(BadDataError, match=r"group 'pump1' is in train .* and in validation"):
        corpus(group_pattern=r"(?P<group>pump\d)")


def test_one_recording_of_a_label_is_refused_unless_a_cut_in_time_is_asked_for(
    put: Callable[..., None], corpus: Callable[..., Corpus]
):
    for label in LABELS:
        put(f"{label}/only", n_samples=40_000)
    with pytest.raises(BadDataError, match=r"data\.split = 'time'"):
        corpus()
    found = corpus(split="time")
    assert groups(found) == [{f"{label}/only.npz" for label in LABELS}] * 3
    assert all(r.n_samples == pytest.approx(0.6 * 35_600, rel=0.03) for r in found.train)  # less the guards
    assert "optimistic" in found.notes[0]


def test_sets_by_hand_and_a_cut_in_time_contradict(sets: None, corpus: Callable[..., Corpus]):
    with pytest.raises(BadDataError, match="nothing to cut"):
        corpus(split="time")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"validation_share": 0.5, "test_share": 0.5}, "nothing to train on"),
        ({"group_pattern": "(p"}, "no regular expression"),
        ({"group_pattern": "p"}, "group_pattern has no"),
        ({"channels": [-1]}, "channels"),
        ({"split": "random"}, "split"),
    ],
)
def test_settings_that_can_not_be_are_refused(
    tiny: dict[str, Any], tmp_path: Path, settings: dict[str, Any], said: str
):
    with pytest.raises(ConfigurationError, match=said):
        recipe(tiny, tmp_path, **settings)


def test_a_model_is_trained_from_a_folder(labels: None, tiny: dict[str, Any], tmp_path: Path):
    from drsn.model.training.train import train

    outcome = train(recipe(tiny, tmp_path), lambda _step, _loss: None)
    assert outcome.checkpoint.contract.conditions == ("normal", "inner_race", "outer_race")
