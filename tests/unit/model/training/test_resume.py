from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from drsn.model.errors import BadDataError, StorageError, UsageError
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.training.loop import fit
from drsn.model.training.pretrained import PretrainedModel, read_pretrained
from drsn.model.training.resume import ResumeFile, TrainingIdentity

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.corpus import Corpus

pytestmark = pytest.mark.usefixtures("keyboard")

STEPS = 8  # of the tiny recipe


@pytest.fixture
def recipe(tiny: dict) -> Recipe:
    return recipe_from(tiny, "tiny")


@pytest.fixture
def corpus(recipe: Recipe) -> Corpus:
    return corpus_of(recipe)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training.pt"


@pytest.fixture
def weights_of(recipe: Recipe, corpus: Corpus):
    """Fit, with Ctrl-C pressed in a given step."""

    def run(
        resume_file: ResumeFile | None, pretrained: PretrainedModel | None = None, stop_at: int = 0
    ) -> dict[str, torch.Tensor]:
        def progress(step: int, _loss: float) -> None:
            if step == stop_at:
                signal.raise_signal(signal.SIGINT)

        if resume_file is None:
            return fit(recipe, corpus.train, progress, pretrained=pretrained).state_dict()
        with resume_file.interruptible():
            return fit(recipe, corpus.train, progress, pretrained=pretrained, resume_file=resume_file).state_dict()

    return run


@pytest.fixture
def identity(recipe: Recipe, corpus: Corpus) -> TrainingIdentity:
    return TrainingIdentity.of(recipe, corpus.sha256, None)


@pytest.mark.parametrize("stop_at", [1, 5, STEPS])
def test_an_interrupted_training_goes_on_to_the_same_weights_to_the_bit(
    weights_of, identity: TrainingIdentity, path: Path, stop_at: int
):
    whole = weights_of(None)
    with pytest.raises(KeyboardInterrupt):
        weights_of(ResumeFile(path, identity), stop_at=stop_at)
    torch.rand(100)
    again = weights_of(ResumeFile.resumed(path, identity))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_so_does_a_fine_tuning_before_at_and_after_its_turn(
    weights_of, identity: TrainingIdentity, path: Path, bundle_path: Path, stop_at: int
):
    pretrained = read_pretrained(bundle_path)
    whole = weights_of(None, pretrained)
    with pytest.raises(KeyboardInterrupt):
        weights_of(ResumeFile(path, identity), pretrained, stop_at=stop_at)
    again = weights_of(ResumeFile.resumed(path, identity), pretrained)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_keeping_changes_nothing_and_interrupting_twice_neither(weights_of, identity: TrainingIdentity, path: Path):
    whole = weights_of(None)
    with pytest.raises(KeyboardInterrupt):
        weights_of(ResumeFile(path, identity, every_s=0), stop_at=2)
    with pytest.raises(KeyboardInterrupt):
        weights_of(ResumeFile.resumed(path, identity), stop_at=6)
    again = weights_of(ResumeFile.resumed(path, identity))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_it_is_written_when_the_time_has_come_and_at_the_end(weights_of, identity: TrainingIdentity, path: Path):
    """A clock that moves on by 25 s with each look: two of three steps are nearer than 60 s to the last writing."""
    seconds = iter(range(0, 10_000, 25))
    weights_of(ResumeFile(path, identity, clock=lambda: float(next(seconds))))
    document = torch.load(path, weights_only=True)
    assert document["course"]["step"] == STEPS
    assert document["spent_s"] > 60
    assert ResumeFile.resumed(path, identity).earlier_s == document["spent_s"]
    assert [entry.name for entry in path.parent.iterdir()] == ["training.pt"]


def test_the_keyboard_is_as_before_afterwards_and_the_second_press_does_not_wait(
    identity: TrainingIdentity, path: Path
):
    resume_file, usual = ResumeFile(path, identity), signal.getsignal(signal.SIGINT)
    with resume_file.interruptible():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_job_that_ignores_the_keyboard_goes_on_ignoring_it(identity: TrainingIdentity, path: Path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells do for jobs in the background
    with ResumeFile(path, identity).interruptible():
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("changed", ["recipe", "data", "bundle", "torch", "numpy"])
def test_another_training_does_not_go_on_from_it(weights_of, identity: TrainingIdentity, path: Path, changed: str):
    with pytest.raises(KeyboardInterrupt):
        weights_of(ResumeFile(path, identity), stop_at=1)
    with pytest.raises(UsageError, match=rf"{changed} changed since then; put it back, or --restart"):
        ResumeFile.resumed(path, replace(identity, **{changed: "other"}))


def test_the_identity_is_of_recipe_data_and_bundle(recipe: Recipe, bundle_path: Path):
    first = TrainingIdentity.of(recipe, "a", None)
    assert first == TrainingIdentity.of(recipe, "a", None)
    others = (
        TrainingIdentity.of(recipe.model_copy(update={"seed": 2}), "a", None),
        TrainingIdentity.of(recipe, "b", None),
        TrainingIdentity.of(recipe, "a", read_pretrained(bundle_path)),
    )
    assert first not in others


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x02."])
def test_a_damaged_file_is_refused_with_the_remedy(identity: TrainingIdentity, path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(BadDataError, match="--restart begins anew"):
        ResumeFile.resumed(path, identity)


def test_a_file_without_its_weights_is_refused_too(weights_of, identity: TrainingIdentity, path: Path):
    with pytest.raises(KeyboardInterrupt):
        weights_of(ResumeFile(path, identity), stop_at=1)
    document = torch.load(path, weights_only=True)
    del document["course"]["network"]["stem.weight"]
    torch.save(document, path)
    with pytest.raises(BadDataError, match="damaged"):
        weights_of(ResumeFile.resumed(path, identity))


def test_a_folder_that_is_gone_says_so(weights_of, identity: TrainingIdentity, path: Path):
    with pytest.raises(StorageError, match="check the folder"):
        weights_of(ResumeFile(path.parent / "none" / path.name, identity, every_s=0))
