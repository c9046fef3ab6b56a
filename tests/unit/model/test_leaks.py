from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.data import leaks
from drsn.model.data.leaks import refuse_shared_groups, refuse_shared_samples
from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError

RATE_HZ = 1000.0


def noise(seed: int, n_samples: int = 6000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, n_samples)).astype(np.float32)


def recording(name: str, samples: np.ndarray, label: str = "normal", group: str = "") -> Recording:
    return Recording(name, label, samples, RATE_HZ, group=group or name)


def test_a_group_in_two_sets_is_refused():
    sets = {"train": [recording("a", noise(1), group="pump 1")], "test": [recording("b", noise(2), group="pump 1")]}
    with pytest.raises(BadDataError, match=r"group 'pump 1' is in train \(a\) and in test \(b\)"):
        refuse_shared_groups(sets)


def test_a_group_may_be_in_one_set_many_times():
    refuse_shared_groups({"train": [recording("a", noise(1), group="g"), recording("b", noise(2), group="g")]})


def test_a_recording_in_two_sets_is_refused():
    sets = {"train": [recording("a", noise(1, 100))], "validation": [recording("b", noise(1, 100))]}
    with pytest.raises(BadDataError, match=r"a \(train, from 0\.00 s\) and b \(validation, .* hold the same samples"):
        refuse_shared_samples(sets)


def test_the_same_samples_under_two_labels_are_refused_even_within_a_set():
    sets = {"train": [recording("a", noise(1)), recording("b", noise(1), label="ball")]}
    with pytest.raises(BadDataError, match="one label"):
        refuse_shared_samples(sets)


def test_a_copy_within_one_set_and_label_leaks_nothing():
    refuse_shared_samples({"train": [recording("a", noise(1)), recording("b", noise(1))], "test": []})


@given(st.integers(0, 4000), st.integers(0, 4000), st.integers(0, 1000))
def test_a_stretch_that_two_sets_share_is_found_wherever_it_lies(start: int, at: int, seed: int):
    one, other = noise(2 * seed), noise(2 * seed + 1)
    other[:, at : at + leaks.SURE] = one[:, start : start + leaks.SURE]
    with pytest.raises(BadDataError, match="hold the same samples"):
        refuse_shared_samples({"train": [recording("a", one)], "test": [recording("b", other)]})


def test_a_stretch_across_pieces_of_a_long_recording_and_on_another_channel_is_found():
    long = noise(1, leaks.CHUNK + 4000)
    pair = np.concatenate([noise(2), long[:, leaks.CHUNK - 3000 : leaks.CHUNK + 3000]])
    with pytest.raises(BadDataError, match=r"from 10\d\d\.\d\d s"):
        refuse_shared_samples({"train": [recording("a", long)], "test": [recording("b", pair)]})


def test_no_fingerprint_is_lost_between_pieces():
    long = recording("a", noise(1, 2 * leaks.CHUNK + 5000))
    _, places, _ = leaks._prints_of(("train", long), 0)
    np.testing.assert_array_equal(np.sort(places[1:]), leaks.fingerprints(long.samples[0])[1])


def test_a_silent_or_saturated_sensor_is_no_leak():
    one, other = noise(1), noise(2)
    one[:, 1000:4000] = other[:, 2000:5000] = 0
    one[:, 4500:6000] = other[:, 0:1500] = 16.0
    refuse_shared_samples({"train": [recording("a", one)], "test": [recording("b", other)]})


def test_recordings_of_the_same_machine_are_no_leak():
    coarse = [np.round(noise(seed, 200_000) * 2) for seed in range(6)]  # five-odd levels, as of an 8-bit sensor at rest
    refuse_shared_samples({
        "train": [recording("a", coarse[0]), recording("b", coarse[1], "ball")],
        "validation": [recording("c", coarse[2]), recording("d", coarse[3], "ball")],
        "test": [recording("e", coarse[4]), recording("f", coarse[5], "ball")],
    })  # fmt: skip


def test_nothing_leaks_from_nothing():
    refuse_shared_samples({"train": [], "test": []})
