from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.model.contract import NORMAL
from drsn.model.protocol_splits import CEILING_SHARE, FOLDS, TRAIN_SHARE
from drsn.model.protocols import PROTOCOLS

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.data.recording import Recording

TESTED = [name for name, protocol in PROTOCOLS.items() if protocol.parts.test]
HONEST = [name for name, protocol in PROTOCOLS.items() if not protocol.within_recordings]
SELECTING = [name for name in TESTED if PROTOCOLS[name].inner]


@pytest.fixture
def data(cwru_folder: Path, hit_sm_folder: Path) -> Path:
    assert cwru_folder.parent == hit_sm_folder.parent
    return cwru_folder.parent


def names(recordings: tuple[Recording, ...]) -> set[tuple[str, str]]:
    return {(recording.name, recording.group) for recording in recordings}


def bytes_of(recordings: tuple[Recording, ...]) -> set[bytes]:
    """Every whole window, to find one in two sets."""
    return {r.samples[:, at : at + 2048].tobytes() for r in recordings for at in range(0, r.n_samples - 2048, 2048)}


@pytest.mark.parametrize("name", HONEST)
def test_no_recording_that_is_tested_trains_or_selects(name: str, data: Path):
    corpus = PROTOCOLS[name].read(data)
    assert not names(corpus.test) & (names(corpus.train) | names(corpus.validation))
    assert not bytes_of(corpus.train) & bytes_of(corpus.validation)
    labels = {label.name for label in PROTOCOLS[name].labels}
    assert {r.label for r in corpus.train} == {r.label for r in corpus.validation} == labels
    assert {r.label for r in corpus.test} == (labels if PROTOCOLS[name].parts.test else set())


@pytest.mark.parametrize("name", SELECTING)
def test_what_selects_for_a_protocol_never_sees_its_test_set(name: str, data: Path):
    tested = names(PROTOCOLS[name].read(data).test)
    for inner in PROTOCOLS[name].inner:
        corpus = PROTOCOLS[inner].read(data)
        seen = names(corpus.train) | names(corpus.validation)
        assert not tested & seen
        assert inner == name or not corpus.test


@pytest.mark.parametrize("name", [n for n in HONEST if n.startswith("cwru")])
def test_the_healthy_recording_of_training_is_split_in_time_and_that_of_the_test_is_another(name: str, data: Path):
    corpus = PROTOCOLS[name].read(data)
    (train,) = (r for r in corpus.train if r.label == NORMAL)
    (validation,) = (r for r in corpus.validation if r.label == NORMAL)
    assert (train.name, train.group) == (validation.name, validation.group)
    assert train.n_samples / (train.n_samples + validation.n_samples) == pytest.approx(TRAIN_SHARE, abs=0.001)
    assert all(r.name != train.name for r in corpus.test)


def test_there_is_a_protocol_for_each_question_of_the_benchmark():
    sizes = [f"cwru-size-{size}" for size in ("007", "014", "021")]
    speeds = [f"hit_sm-{rig}-{rpm}" for rig in ("spectraquest", "self_built") for rpm in (600, 900, 1200)]
    rigs = ["hit_sm-spectraquest-to-self_built", "hit_sm-self_built-to-spectraquest"]
    folds = [f"paper-fold-{fold}" for fold in range(1, 5)]
    assert ["cwru-0-to-3", "cwru-3-to-0", "cwru-loads", "cwru-ceiling", *sizes, *speeds, *rigs, *folds] == TESTED
    assert [name for name in TESTED if name not in HONEST] == ["cwru-ceiling", *folds]
    assert [name for name in TESTED if name not in SELECTING] == ["cwru-ceiling", *rigs, *folds], (
        "no recipe of their own"
    )


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name not in HONEST])
def test_what_is_cut_in_time_shares_recordings_but_no_window(name: str, data: Path):
    corpus = PROTOCOLS[name].read(data)
    assert names(corpus.train) == names(corpus.test)
    assert not bytes_of(corpus.train) & bytes_of(corpus.test)
    assert not corpus.validation
    tested = sum(r.n_samples for r in corpus.test)
    share = 1 / FOLDS if name.startswith("paper") else 1 - CEILING_SHARE
    assert tested / (tested + sum(r.n_samples for r in corpus.train)) == pytest.approx(share, abs=0.001)


def test_across_rigs_every_recording_of_one_trains_or_validates_and_every_one_of_the_other_tests(data: Path):
    corpus = PROTOCOLS["hit_sm-spectraquest-to-self_built"].read(data)
    assert {r.group.split()[0] for r in (*corpus.train, *corpus.validation)} == {"spectraquest"}
    assert {r.group.split()[0] for r in corpus.test} == {"self_built"}
    assert len(corpus.test) == 21
