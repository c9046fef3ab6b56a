"""Read or simulate the recordings of a recipe."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.corpus import Corpus
from drsn.model.data import cwru, rotating_machine, synthetic
from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError
from drsn.model.own_recordings import own_corpus, public_corpus
from drsn.model.protocols import PROTOCOLS
from drsn.model.recipe import CwruData, FolderData, ProtocolData, PublicData, Recipe, RotatingMachineData, SyntheticData

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA_DIR = "DRSN_DATA_DIR"


def corpus_of(recipe: Recipe) -> Corpus:
    """Read or simulate the recordings of a recipe.

    Raises:
        BadDataError: data is missing, leaks from set to set, or is not what the recipe says.
        StorageError: a file can't be read.
        UnavailableError: a .mat without scipy.
    """
    data = recipe.data
    if isinstance(data, CwruData):
        corpus = _from_cwru(data)
    elif isinstance(data, ProtocolData):
        corpus = PROTOCOLS[data.rung].read(data_dir())
    elif isinstance(data, RotatingMachineData):
        corpus = _from_rotating_machines(data, recipe)
    elif isinstance(data, FolderData):
        corpus = own_corpus(data, recipe)
    elif isinstance(data, PublicData):
        folder = Path(data.path) if data.path else data_dir() / data.source
        corpus = public_corpus(data, recipe, folder)
    else:
        corpus = _from_synthetic(data, recipe)
    check_corpus(corpus, recipe)
    return corpus


def check_corpus(corpus: Corpus, recipe: Recipe) -> None:
    """Check labels, channels, speeds and rate against the recipe.

    Raises:
        BadDataError: they do not fit.
    """
    signal, labels = recipe.signal, set(recipe.label_names)
    recordings = (*corpus.train, *corpus.validation, *corpus.test)
    for name, part in (("training", corpus.train), ("validation", corpus.validation), ("test", corpus.test)):
        differ = sorted(labels ^ {recording.label for recording in part})
        if part and differ:
            raise BadDataError(f"recipe {recipe.name}: {differ} stand in the labels or in the {name} set, not in both")
    channels = {recording.samples.shape[0] for recording in recordings}
    if channels != {signal.channels}:
        raise BadDataError(f"recipe {recipe.name}: {signal.channels} channels expected, the data has {channels}")
    speedless = [recording.name for recording in recordings if not recording.rpm]
    if signal.domain == "order" and speedless:
        raise BadDataError(
            f"recipe {recipe.name}: {len(speedless)} recordings have no speed, such as {speedless[0]}; give each its "
            "rpm (the manifest's column), or set signal.domain = 'time'"
        )
    rates = sorted({recording.sample_rate_hz for recording in recordings})
    slowest_hz = 2 * signal.bandwidth_hz / (1 - recipe.augmentation.speed)
    if len(rates) > 1 or rates[0] < slowest_hz:
        raise BadDataError(
            f"recipe {recipe.name}: data at {rates} Hz; bring it to one rate of {slowest_hz:g} Hz at least"
        )


def data_dir() -> Path:
    """The data folder, which has one sub-folder for each data set.

    Raises:
        BadDataError: DRSN_DATA_DIR is not set.
    """
    if DATA_DIR not in os.environ:
        raise BadDataError(
            f"no folder of recordings given; set {DATA_DIR} to the one that holds cwru/ (docs/contribute/data.md)"
        )
    return Path(os.environ[DATA_DIR])


def _from_cwru(data: CwruData) -> Corpus:
    place = data_dir() / "cwru"
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
    lengths_s, names = (data.train_s, data.test_s, data.test_s), ("training", "validation", "test")
    train, validation, test = (
        tuple(_plant(data, recipe, np.random.default_rng(seed), f"{name}-machine", count, length_s))
        for name, seed, count, length_s in zip(names, seeds, counts, lengths_s, strict=True)
    )
    return Corpus(train, validation, test)


def _plant(
    data: SyntheticData, recipe: Recipe, rng: np.random.Generator, name: str, machines: int, length_s: float
) -> Iterable[Recording]:
    """Simulate each machine in each condition, at a random severity."""
    rate_hz = recipe.signal.sample_rate_hz
    for index in range(machines):
        machine = synthetic.random_machine(rng, data.rpm)
        for label in recipe.labels:
            severity = rng.uniform(*data.severity)
            fault = None if label.healthy else label.condition
            samples = synthetic.synthesise(machine, fault, severity, round(length_s * rate_hz), rate_hz, rng)
            yield Recording(
                name=f"{name}-{index}-{label.name}",
                label=label.name,
                samples=samples[np.newaxis],
                sample_rate_hz=rate_hz,
                group=f"{name}-{index}",
                rpm=machine.rpm,
            )


def _from_rotating_machines(data: RotatingMachineData, recipe: Recipe) -> Corpus:
    seeds = np.random.SeedSequence(recipe.seed).spawn(3)
    counts = (data.train_recordings, data.validation_recordings, data.test_recordings)
    lengths_s, names = (data.train_s, data.test_s, data.test_s), ("training", "validation", "test")
    train, validation, test = (
        tuple(_machines(data, recipe, np.random.default_rng(seed), name, count, length_s))
        for name, seed, count, length_s in zip(names, seeds, counts, lengths_s, strict=True)
    )
    return Corpus(train, validation, test)


def _machines(
    data: RotatingMachineData, recipe: Recipe, rng: np.random.Generator, name: str, count: int, length_s: float
) -> Iterable[Recording]:
    """Simulate as many machines for each label."""
    rate_hz, ranges = recipe.signal.sample_rate_hz, rotating_machine.Ranges(data.rpm, data.severity_db)
    for index, label in product(range(count), recipe.labels):
        fault = None if label.healthy else label.condition
        samples, rpm = rotating_machine.simulate(fault, ranges, round(length_s * rate_hz), rate_hz, rng)
        machine = f"{name}-{index}-{label.name}"
        yield Recording(machine, label.name, samples[np.newaxis], rate_hz, group=machine, rpm=rpm)
