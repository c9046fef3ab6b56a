from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from drsn.model.condition_folds import MOST_FOLDS, condition_folds
from drsn.model.data.recording import Recording

LABELS = ("normal", "ball")


def recording(label: str, rpm: float | None = None, **known: str) -> Recording:
    return Recording("r", label, np.zeros((1, 8), np.float32), 1000.0, rpm=rpm, **known)


def test_each_speed_is_left_out_once():
    recordings = [recording(label, rpm) for label, rpm in product(LABELS, (600.0, 605.0, 900.0, 1200.0))]
    folds = condition_folds(recordings).by_condition["speed"]
    assert [fold.value for fold in folds] == ["600 to 605 rpm", "900 rpm", "1200 rpm"]
    for fold in folds:
        assert {*map(id, fold.train), *map(id, fold.held_out)} == {*map(id, recordings)}
        assert {r.label for r in fold.train} == {*LABELS}


def test_many_speeds_become_ranges():
    recordings = [recording(label, rpm) for label in LABELS for rpm in np.linspace(1000, 3000, 40).tolist()]
    assert len(condition_folds(recordings).by_condition["speed"]) == MOST_FOLDS


def test_loads_and_machines_are_left_out_too():
    recordings = [
        recording(label, load=load, machine=machine)
        for label, load, machine in product(LABELS, ("0 hp", "3 hp"), ("pump1", "pump2"))
    ]
    assert {name: len(folds) for name, folds in condition_folds(recordings).by_condition.items()} == {
        "load": 2,
        "machine": 2,
    }


@pytest.mark.parametrize(("groups", "folds"), [(("day 1", "day 2"), 2), ((), 0)])
def test_a_group_of_several_recordings_is_a_condition_and_a_file_is_none(groups: tuple[str, ...], folds: int):
    each = [(label, group) for label in LABELS for group in groups or (f"{label}.wav",)]
    recordings = [recording(label, group=group) for label, group in each]
    assert len(condition_folds(recordings).by_condition.get("group", ())) == folds


def test_a_label_that_follows_a_speed_is_told():
    found = condition_folds([recording("normal", 600.0), recording("normal", 900.0), recording("ball", 900.0)])
    assert [fold.value for fold in found.by_condition["speed"]] == ["600 rpm"]
    (note,) = found.notes
    assert note.startswith("warning: ball: recorded at one speed only")


def test_a_condition_that_some_recordings_lack_is_left_in():
    assert not condition_folds([recording("normal", 600.0), recording("ball")]).by_condition
