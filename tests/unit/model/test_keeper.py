from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from drsn.model.errors import BadDataError, StorageError, UsageError
from drsn.model.fit import fit
from drsn.model.keeper import Identity, Keeper
from drsn.model.origin import Origin, read_origin
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of

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

    def run(keeper: Keeper | None, origin: Origin | None = None, stop_at: int = 0) -> dict[str, torch.Tensor]:
        def progress(step: int, _loss: float) -> None:
            if step == stop_at:
                signal.raise_signal(signal.SIGINT)

        if keeper is None:
            return fit(recipe, corpus.train, progress, origin=origin).state_dict()
        with keeper.interruptible():
            return fit(recipe, corpus.train, progress, origin=origin, keeper=keeper).state_dict()

    return run


@pytest.fixture
def identity(recipe: Recipe, corpus: Corpus) -> Identity:
    return Identity.of(recipe, corpus.sha256, None)


@pytest.mark.parametrize("stop_at", [1, 5, STEPS])
def test_an_interrupted_training_goes_on_to_the_same_weights_to_the_bit(
    weights_of, identity: Identity, path: Path, stop_at: int
):
    whole = weights_of(None)
    with pytest.raises(KeyboardInterrupt):
        weights_of(Keeper(path, identity), stop_at=stop_at)
    torch.rand(100)
    again = weights_of(Keeper.resumed(path, identity))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_so_does_a_fine_tuning_before_at_and_after_its_turn(
    weights_of, identity: Identity, path: Path, bundle_path: Path, stop_at: int
):
    origin = read_origin(bundle_path)
    whole = weights_of(None, origin)
    with pytest.raises(KeyboardInterrupt):
        weights_of(Keeper(path, identity), origin, stop_at=stop_at)
    again = weights_of(Keeper.resumed(path, identity), origin)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_keeping_changes_nothing_and_interrupting_twice_neither(weights_of, identity: Identity, path: Path):
    whole = weights_of(None)
    with pytest.raises(KeyboardInterrupt):
        weights_of(Keeper(path, identity, every_s=0), stop_at=2)
    with pytest.raises(KeyboardInterrupt):
        weights_of(Keeper.resumed(path, identity), stop_at=6)
    again = weights_of(Keeper.resumed(path, identity))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_it_is_written_when_the_time_has_come_and_at_the_end(weights_of, identity: Identity, path: Path):
    """A clock that moves on by 25 s with each look: two of three steps are nearer than 60 s to the last writing."""
    seconds = iter(range(0, 10_000, 25))
    weights_of(Keeper(path, identity, clock=lambda: float(next(seconds))))
    document = torch.load(path, weights_only=True)
    assert document["course"]["step"] == STEPS
    assert document["spent_s"] > 60
    assert Keeper.resumed(path, identity).earlier_s == document["spent_s"]
    assert [entry.name for entry in path.parent.iterdir()] == ["training.pt"]


def test_the_keyboard_is_as_before_afterwards_and_the_second_press_does_not_wait(identity: Identity, path: Path):
    keeper, usual = Keeper(path, identity), signal.getsignal(signal.SIGINT)
    with keeper.interruptible():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_job_that_ignores_the_keyboard_goes_on_ignoring_it(identity: Identity, path: Path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells do for jobs in the background
    with Keeper(path, identity).interruptible():
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("changed", ["recipe", "data", "bundle", "torch", "numpy"])
def test_another_training_does_not_go_on_from_it(weights_of, identity: Identity, path: Path, changed: str):
    with pytest.raises(KeyboardInterrupt):
        weights_of(Keeper(path, identity), stop_at=1)
    with pytest.raises(UsageError, match=rf"{changed} changed since then; put it back, or --restart"):
        Keeper.resumed(path, replace(identity, **{changed: "other"}))


def test_the_identity_is_of_recipe_data_and_bundle(recipe: Recipe, bundle_path: Path):
    first = Identity.of(recipe, "a", None)
    assert first == Identity.of(recipe, "a", None)
    others = (
        Identity.of(recipe.model_copy(update={"seed": 2}), "a", None),
        Identity.of(recipe, "b", None),
        Identity.of(recipe, "a", read_origin(bundle_path)),
    )
    assert first not in others


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x02."])
def test_a_damaged_file_is_refused_with_the_remedy(identity: Identity, path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(BadDataError, match="--restart begins anew"):
        Keeper.resumed(path, identity)


def test_a_file_without_its_weights_is_refused_too(weights_of, identity: Identity, path: Path):
    with pytest.raises(KeyboardInterrupt):
        weights_of(Keeper(path, identity), stop_at=1)
    document = torch.load(path, weights_only=True)
    del document["course"]["network"]["stem.weight"]
    torch.save(document, path)
    with pytest.raises(BadDataError, match="damaged"):
        weights_of(Keeper.resumed(path, identity))


def test_a_folder_that_is_gone_says_so(weights_of, identity: Identity, path: Path):
    with pytest.raises(StorageError, match="check the folder"):
        weights_of(Keeper(path.parent / "none" / path.name, identity, every_s=0))
