"""The recordings of a recipe, split so that no recording's samples are in two sets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data import cwru, folder, synthetic
from drsn.model.data.recording import Recording, sha256_of
from drsn.model.errors import BadDataError
from drsn.model.recipe import CwruData, FolderData, Recipe, SyntheticData

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA_DIR = "DRSN_DATA_DIR"


@dataclass(frozen=True)
class Corpus:
    """Three sets. The test set is read once, at the end."""

    train: tuple[Recording, ...]
    validation: tuple[Recording, ...]
    test: tuple[Recording, ...]

    @property
    def sha256(self) -> str:
        """Hash of every sample and label used."""
        return sha256_of((*self.train, *self.validation, *self.test))


def corpus_of(recipe: Recipe) -> Corpus:
    """Read or make the recordings.

    Raises:
        BadDataError: data is missing, or not what the recipe says.
    """
    data = recipe.data
    if isinstance(data, CwruData):
        corpus = _from_cwru(data)
    elif isinstance(data, FolderData):
        corpus = Corpus(*(folder.read_set(Path(data.path), name, data.sample_rate_hz) for name in folder.SETS))
    else:
        corpus = _from_synthetic(data, recipe)
    _check(corpus, recipe)
    return corpus


def _check(corpus: Corpus, recipe: Recipe) -> None:
    signal, labels = recipe.signal, set(recipe.label_names)
    recordings = (*corpus.train, *corpus.validation, *corpus.test)
    missing = sorted(labels - {r.label for r in corpus.train} | {r.label for r in recordings} - labels)
    if missing:
        raise BadDataError(f"recipe {recipe.name}: {missing} stand in the labels or in the data, not in both")
    channels = {recording.samples.shape[0] for recording in recordings}
    if channels != {signal.channels}:
        raise BadDataError(f"recipe {recipe.name}: {signal.channels} channels expected, the data has {channels}")
    rates = sorted({recording.sample_rate_hz for recording in recordings})
    slowest_hz = 2 * signal.bandwidth_hz / (1 - recipe.augmentation.speed)
    if len(rates) > 1 or rates[0] < slowest_hz:
        raise BadDataError(
            f"recipe {recipe.name}: data at {rates} Hz; bring it to one rate of {slowest_hz:g} Hz at least"
        )


def _from_cwru(data: CwruData) -> Corpus:
    if DATA_DIR not in os.environ:
        raise BadDataError(f"CWRU: no folder given; set {DATA_DIR} to the folder that holds cwru/")
    place = Path(os.environ[DATA_DIR]) / "cwru"
    recordings = cwru.read_loads(place, data.train_loads_hp)
    cut = 1 - data.validation_share
    return Corpus(
        train=tuple(recording.part(0, cut) for recording in recordings),
        validation=tuple(recording.part(cut, 1) for recording in recordings),
        test=cwru.read_loads(place, data.test_loads_hp),
    )


def _from_synthetic(data: SyntheticData, recipe: Recipe) -> Corpus:
    seeds = np.random.SeedSequence(recipe.seed).spawn(3)
    counts = (data.train_machines, data.validation_machines, data.test_machines)
    lengths_s = (data.train_s, data.test_s, data.test_s)
    train, validation, test = (
        tuple(_plant(data, recipe, np.random.default_rng(seed), count, length_s))
        for seed, count, length_s in zip(seeds, counts, lengths_s, strict=True)
    )
    return Corpus(train, validation, test)


def _plant(
    data: SyntheticData, recipe: Recipe, rng: np.random.Generator, machines: int, length_s: float
) -> Iterable[Recording]:
    """Each machine in each condition, at a severity of its own."""
    rate_hz = recipe.signal.sample_rate_hz
    for index in range(machines):
        machine = synthetic.random_machine(rng, data.rpm)
        for label in recipe.labels:
            severity = rng.uniform(*data.severity)
            fault = None if label.healthy else label.condition
            samples = synthetic.synthesise(machine, fault, severity, round(length_s * rate_hz), rate_hz, rng)
            yield Recording(
                name=f"machine-{index}-{label.name}",
                label=label.name,
                samples=samples[np.newaxis],
                sample_rate_hz=rate_hz,
                group=f"machine-{index}",
                rpm=machine.rpm,
            )
