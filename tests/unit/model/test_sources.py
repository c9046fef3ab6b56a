from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drsn.model.errors import BadDataError
from drsn.model.recipe import read_recipe, recipe_from
from drsn.model.sources import corpus_of


def test_each_machine_is_in_one_set_and_in_every_condition(tiny: dict[str, Any]):
    corpus = corpus_of(recipe_from(tiny, "tiny"))
    assert [len(part) for part in (corpus.train, corpus.validation, corpus.test)] == [18, 6, 6]
    assert {recording.label for recording in corpus.test} == {"normal", "inner_race", "outer_race"}
    speeds = [{recording.rpm for recording in part} for part in (corpus.train, corpus.validation, corpus.test)]
    assert not speeds[0] & speeds[1] | speeds[0] & speeds[2] | speeds[1] & speeds[2]
    recordings = (*corpus.train, *corpus.validation, *corpus.test)
    assert len({recording.name for recording in recordings}) == len(recordings), "other machines have other names"
    assert len({recording.group for recording in recordings}) == 10


def test_the_hash_follows_the_seed(tiny: dict[str, Any]):
    first, again, other = (corpus_of(recipe_from({**tiny, "seed": seed}, "tiny")) for seed in (1, 1, 2))
    assert first.sha256 == again.sha256 != other.sha256


def test_cwru_is_split_by_load_and_validated_on_what_comes_later(cwru_folder: Path):
    corpus = corpus_of(read_recipe(Path("configs/recipes/cwru.toml")))
    assert {recording.group for recording in corpus.train} == {"0 hp", "1 hp", "2 hp"}
    assert {recording.group for recording in corpus.test} == {"3 hp"}
    assert len(corpus.test) == len({recording.label for recording in corpus.test}) == 10
    assert [r.name for r in corpus.train if r.label == "normal"] == ["97"]
    for early, late in zip(corpus.train, corpus.validation, strict=True):
        assert early.n_samples == pytest.approx(4 * late.n_samples, rel=0.01)
        assert not np.array_equal(early.samples[:, -late.n_samples :], late.samples)


def test_in_the_order_domain_each_recording_needs_its_speed(tiny: dict[str, Any], tmp_path: Path):
    for label in ("normal", "inner_race", "outer_race"):
        for name in ("train", "validation", "test"):
            (tmp_path / name / label).mkdir(parents=True)
            rng = np.random.default_rng([*f"{label}/{name}".encode()])
            np.savez(tmp_path / name / label / "1.npz", samples=rng.standard_normal(4000), sample_rate_hz=12_000)
    data = {"source": "folder", "path": str(tmp_path)}
    document = {**tiny, "data": data, "signal": {**tiny["signal"], "domain": "order"}}
    with pytest.raises(BadDataError, match=r"9 recordings have no speed, such as .*give each its rpm"):
        corpus_of(recipe_from(document, "tiny"))


def test_missing_data_says_what_to_set(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DRSN_DATA_DIR", raising=False)
    with pytest.raises(BadDataError, match="DRSN_DATA_DIR"):
        corpus_of(recipe_from({**tiny, "data": {"source": "cwru"}}, "tiny"))


def test_data_of_other_channels_is_an_error(tiny: dict[str, Any]):
    with pytest.raises(BadDataError, match="2 channels expected"):
        corpus_of(recipe_from({**tiny, "signal": {**tiny["signal"], "channels": 2}}, "tiny"))


def test_a_label_without_recordings_is_an_error(cwru_folder: Path, tiny: dict[str, Any]):
    with pytest.raises(BadDataError, match="ball_007"):
        corpus_of(recipe_from({**tiny, "data": {"source": "cwru"}}, "tiny"))
