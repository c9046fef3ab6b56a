from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.data.entry import SETS, RecordingEntry
from drsn.model.data.recording import Recording
from drsn.model.data.split import Shares, by_group, in_time
from drsn.model.errors import BadDataError

SHARES = Shares(validation=0.2, test=0.2)
RATE_HZ = 1000.0


def entries(**groups: int) -> list[RecordingEntry]:
    """So many files of each label, each its own group."""
    names = [(label, f"{label}{i}") for label, count in groups.items() for i in range(count)]
    return [RecordingEntry(Path(name), name, label, name) for label, name in names]


def sets_of(divided: tuple[RecordingEntry, ...]) -> dict[str, str | None]:
    return {entry.name: entry.set for entry in divided}


def test_each_label_is_divided_by_the_shares():
    divided = by_group(entries(normal=20, ball=10, rare=3), SHARES, 0)
    counts = Counter((entry.label, entry.set) for entry in divided)
    assert [[counts[label, name] for name in SETS] for label in ("normal", "ball", "rare")] == [
        [12, 4, 4], [6, 2, 2], [1, 1, 1],
    ]  # fmt: skip


@given(st.integers(3, 60), st.floats(0.01, 0.98), st.floats(0.01, 0.98), st.integers())
def test_no_set_is_ever_empty(count: int, validation: float, test: float, seed: int):
    divided = by_group(entries(normal=count), Shares(validation, test), seed)
    assert {entry.set for entry in divided} == {*SETS}


def test_the_split_follows_names_and_seed_alone():
    files = entries(normal=12, ball=12)
    first, reverse, other = by_group(files, SHARES, 0), by_group(files[::-1], SHARES, 0), by_group(files, SHARES, 1)
    assert sets_of(first) == sets_of(reverse) != sets_of(other)


def test_one_more_recording_moves_few_others():
    before, after = (sets_of(by_group(entries(normal=count), SHARES, 0)) for count in (40, 41))
    assert sum(before[name] != after[name] for name in before) <= 3


@given(st.lists(st.tuples(st.sampled_from(["normal", "ball", "race"]), st.integers(0, 9)), min_size=1, max_size=60))
def test_no_group_is_in_two_sets_and_each_label_is_in_all_or_it_is_refused(pairs: list[tuple[str, int]]):
    files = [RecordingEntry(Path("f"), f"{n}", label, f"machine {group}") for n, (label, group) in enumerate(pairs)]
    try:
        divided = by_group(files, SHARES, 0)
    except BadDataError:
        return
    of_group: dict[str, set[str | None]] = {}
    of_label: dict[str, set[str | None]] = {}
    for entry in divided:
        of_group.setdefault(entry.group, set()).add(entry.set)
        of_label.setdefault(entry.label, set()).add(entry.set)
    assert all(len(sets) == 1 for sets in of_group.values())
    assert all(sets == {*SETS} for sets in of_label.values())


def test_machines_with_every_label_are_divided_whole():
    labels = ("normal", "ball", "race")
    files = [RecordingEntry(Path("f"), f"{m}{label}", label, f"{m}") for m in range(10) for label in labels]
    assert Counter(entry.set for entry in by_group(files, SHARES, 0)) == {"train": 18, "validation": 6, "test": 6}


def test_a_label_of_two_groups_says_what_to_do():
    with pytest.raises(BadDataError, match=r"label ball has 2 independent.*record more, or .*data\.split = 'time'"):
        by_group(entries(normal=9, ball=2), SHARES, 0)


@pytest.mark.parametrize(("machines", "with_label"), [(7, 4), (6, 4)])
def test_a_division_that_is_hard_to_find_is_found(machines: int, with_label: int):
    ring = [
        RecordingEntry(Path("f"), f"{label} {place}", f"label {label}", f"machine {(label + place) % machines}")
        for label in range(machines)
        for place in range(with_label)
    ]
    divided = by_group(ring, SHARES, 0)
    assert all({e.set for e in divided if e.label == f"label {label}"} == {*SETS} for label in range(machines))


def test_groups_that_can_not_be_divided_are_refused():
    # Of four machines each label lacks another one, so one machine alone would have to serve two sets.
    tangled = {"a": "123", "b": "124", "c": "134", "d": "234"}
    pairs = [(label, machine) for label, machines in tangled.items() for machine in machines]
    files = [RecordingEntry(Path("f"), f"{label}{machine}", label, machine) for label, machine in pairs]
    with pytest.raises(BadDataError, match="puts every label into all three sets"):
        by_group(files, SHARES, 0)


def recording(n_samples: int) -> Recording:
    return Recording("a", "normal", np.arange(n_samples, dtype=np.float32)[None], RATE_HZ, group="g")


def test_a_cut_in_time_leaves_a_guard_between_sets_and_tests_on_what_comes_last():
    parts = in_time(recording(10_000), SHARES, window_s=0.5, guard_s=0.3)
    train, validation, test = (parts[name].samples[0] for name in SETS)
    assert (train[0], test[-1]) == (0, 9999)
    assert validation[0] - train[-1] == pytest.approx(301, abs=2)
    assert test[0] - validation[-1] == pytest.approx(301, abs=2)
    assert len(validation) == pytest.approx(0.2 * 9400, abs=2)
    assert len(test) == pytest.approx(0.2 * 9400, abs=2)
    assert parts["test"].group == "g"


@given(st.integers(100, 20_000), st.floats(0.05, 0.45), st.floats(0.05, 0.45))
def test_each_part_holds_a_window_or_the_cut_is_refused(n_samples: int, validation: float, test: float):
    try:
        parts = in_time(recording(n_samples), Shares(validation, test), window_s=0.5, guard_s=0.3)
    except BadDataError:
        return
    assert min(part.n_samples for part in parts.values()) >= 500


def test_a_recording_too_short_to_cut_says_what_length_would_do():
    with pytest.raises(BadDataError, match=r"a: 3 s can't be cut into three sets; give 3\.2 s or more"):
        in_time(recording(3000), SHARES, window_s=0.5, guard_s=0.3)
    parts = in_time(recording(3200), SHARES, window_s=0.5, guard_s=0.3)
    assert min(part.n_samples for part in parts.values()) >= 500


def test_a_part_that_would_lack_one_sample_of_a_window_is_refused():
    with pytest.raises(BadDataError, match="can't be cut"):
        in_time(recording(3100), SHARES, window_s=0.5, guard_s=0.3)  # 499 samples, by rounding
