"""What is fitted after the weights, on the tiny model and on one that was trained for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drsn.model.confidence import held_out, trained_noise
from drsn.model.corpus import Corpus
from drsn.model.data.recording import Recording
from drsn.model.evaluate import run
from drsn.model.recipe import Recipe, recipe_from
from drsn.model.sources import corpus_of
from drsn.model.training.calibrate import calibrated_checkpoint, fit_novelty, fit_temperature, fit_threshold
from drsn.model.training.loop import fit
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.model.checkpoint import Checkpoint


@pytest.fixture
def recipe(tiny: dict) -> Recipe:
    return recipe_from(tiny, "tiny")


@pytest.fixture
def corpus(recipe: Recipe) -> Corpus:
    return corpus_of(recipe)


def test_the_same_network_knows_the_same_twice(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    known = fit_novelty(recipe, checkpoint.build().network, corpus.train)
    for name, array in vars(checkpoint.known).items():
        np.testing.assert_array_equal(getattr(known, name), array)


def test_the_asked_share_of_validation_windows_is_accepted(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    cells = [Disturbance(), *(Disturbance(noise, 0.0) for noise in recipe.evaluation.noises)]
    diagnosis = checkpoint.build()
    novelty = np.concatenate(
        [run(diagnosis, windows_of(corpus.validation, recipe, cell, recipe.seed).samples).novelty for cell in cells]
    )
    accepted = np.mean(novelty <= checkpoint.contract.abstention_threshold)
    assert accepted == pytest.approx(recipe.evaluation.acceptance, abs=1 / len(novelty) + 1e-9)


def test_the_temperature_does_not_see_what_is_held_out(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    outputs, windows = trained_noise(replace(checkpoint, temperature=1.0).build(), recipe, corpus.validation)
    held = held_out(windows, corpus.validation)
    logits, label = torch.from_numpy(outputs.logits), torch.from_numpy(windows.label)
    assert fit_temperature(logits[~held], label[~held]) == checkpoint.temperature
    assert 0.3 < held.mean() < 0.7


def test_one_window_of_each_label_leaves_nothing_to_judge_the_temperature_on(recipe: Recipe, corpus: Corpus):
    short = tuple(recording.part(0, 0.2) for recording in corpus.validation[:3])
    network = fit(recipe, corpus.train, lambda _step, _loss: None)
    checkpoint = calibrated_checkpoint(recipe, network, Corpus(corpus.train, short, corpus.test))
    assert [row["set"] for row in checkpoint.training.metrics["calibration"]] == ["validation, fitted"]


def ringing(rng: np.random.Generator, label: str, tone_hz: float, group: str) -> Recording:
    """0.6 s of a structure that rings at `tone_hz`, struck some 100 times a second: neither like noise nor like hum."""
    time_s = np.arange(7200) / 12_000
    strikes = np.where(rng.uniform(size=7200) < 100 / 12_000, rng.uniform(0.5, 1, 7200), 0)
    answer = np.exp(-time_s[:240] / 4e-3) * np.sin(2 * np.pi * tone_hz * time_s[:240])
    wave = np.convolve(strikes, answer)[:7200] + 0.02 * rng.standard_normal(7200)
    return Recording(group, label, wave[np.newaxis].astype(np.float32), 12_000.0, group)


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    """A few seconds of training on three structures."""
    from conftest import TINY

    document = {
        **TINY,
        "augmentation": {"snr_db": [0, 20], "clean_share": 0.2, "equaliser_db": 1, "speed": 0.02},
        "optimisation": {"steps": 60, "batch": 32},
        "evaluation": {**TINY["evaluation"], "accepted_snr_db": [10.0, 0.0]},
    }
    recipe, rng = recipe_from(document, "trained"), np.random.default_rng(3)
    train, validation, test = (
        tuple(
            ringing(rng, label, tone_hz, f"{name} {number}")
            for number in range(6)
            for label, tone_hz in zip(recipe.label_names, (1000.0, 2200.0, 3400.0), strict=True)
        )
        for name in ("train", "validation", "test")
    )
    corpus = Corpus(train, validation, test)
    return calibrated_checkpoint(recipe, fit(recipe, corpus.train, lambda _step, _loss: None), corpus)


def white(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, 1, 512)).astype(np.float32)


def hum(n: int, rng: np.random.Generator) -> np.ndarray:
    """50 Hz and two harmonics, and the noise of a sensor 40 dB below."""
    time_s = np.arange(512) / 12_000
    turns = np.multiply.outer(np.array([50, 100, 150]), time_s) + rng.uniform(size=(n, 3, 1))
    wave = (np.array([1, 0.5, 0.25])[:, None] * np.sin(2 * np.pi * turns)).sum(axis=1, keepdims=True)
    return (wave + 0.01 * rng.standard_normal(wave.shape)).astype(np.float32)


def test_what_it_was_trained_for_is_known_and_named(trained: Checkpoint):
    _, held = trained.training.metrics["calibration"]
    assert held["accuracy"] > 0.9
    assert held["accepted"] > 0.85  # at 0 dB and above, of which 95 % are accepted


@pytest.mark.parametrize("strange", [white, hum])
def test_white_noise_and_hum_are_refused(
    trained: Checkpoint, strange: Callable[[int, np.random.Generator], np.ndarray]
):
    novelty = run(trained.build(), strange(300, np.random.default_rng(1))).novelty
    assert np.mean(novelty > trained.contract.abstention_threshold) > 0.9


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_overconfidence_of_a_known_amount_is_taken_back(temperature: float):
    """Labels are drawn from the true probabilities; the logits claim them `temperature` times as sharply."""
    generator = torch.Generator().manual_seed(5)
    honest = 2 * torch.randn(4_000, 5, generator=generator)
    label = torch.multinomial(honest.softmax(dim=1), 1, generator=generator)[:, 0]
    assert fit_temperature(honest * temperature, label) == pytest.approx(temperature, rel=0.08)


@pytest.mark.parametrize(("label", "temperature"), [(0, 0.135), (1, 7.39)])
def test_logits_that_are_always_right_or_always_wrong_stay_in_bounds(label: int, temperature: float):
    logits = torch.tensor([[5.0, 0.0]]).repeat(10, 1)
    assert fit_temperature(logits, torch.full((10,), label)) == pytest.approx(temperature, rel=0.01)


@settings(max_examples=100, deadline=None)
@given(
    novelty=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50),
    acceptance=st.floats(0.01, 0.999),
)
def test_no_more_windows_are_refused_than_was_asked_for(novelty: list[float], acceptance: float):
    values = np.array(novelty, np.float32)
    refused = np.mean(values > fit_threshold(values, acceptance))
    assert refused <= 1 - acceptance + 1 / len(values)


def test_the_threshold_refuses_the_share_that_was_asked_for():
    novelty = np.random.default_rng(2).standard_normal(10_000).astype(np.float32)
    assert np.mean(novelty > fit_threshold(novelty, 0.995)) == pytest.approx(0.005, abs=2e-4)
