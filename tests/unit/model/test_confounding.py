"""What separates labels besides the vibration is found, and chance is not."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.confounding import FileFacts, confounders, facts_of
from drsn.model.data.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path


def facts(label: str, number: int, **known: float) -> FileFacts:
    rng = np.random.default_rng([number, len(label)])
    usual = {"speed_rpm": 1500, "sample_rate_hz": 25_600, "day": 738_000, "gain": np.nan,
             "offset": rng.normal(), "level": 1 + rng.random()}  # fmt: skip
    return FileFacts(f"{label}/{number}.wav", label, **{**usual, **known})


def quantities(files: list[FileFacts]) -> dict[str, tuple[str, ...]]:
    return {found.quantity: found.labels for found in confounders(files)}


def test_a_speed_of_one_label_only_is_found():
    files = [facts("normal", n, speed_rpm=600) for n in range(4)]
    files += [facts("ball", n, speed_rpm=900 + n) for n in range(4)]
    (found,) = confounders(files)
    assert (found.quantity, found.labels) == ("speed", ("ball", "normal"))
    assert "normal 600 rpm" in str(found)
    assert "ball 900 to 903 rpm" in str(found)
    assert found.document()["warning"] == str(found)


def test_labels_at_the_same_speeds_are_not():
    assert not quantities([facts(x, n, speed_rpm=s) for x in ("normal", "ball") for n in range(2) for s in (600, 900)])


def test_only_the_label_of_its_own_is_named():
    files = [facts("normal", n, speed_rpm=600) for n in range(4)]
    files += [facts(label, n, speed_rpm=900) for label in ("ball", "inner") for n in range(4)]
    assert quantities(files) == {"speed": ("normal",)}


@pytest.mark.parametrize(
    ("key", "values", "named"),
    [
        ("sample_rate_hz", (48_000, 12_000), "sample rate"),
        ("day", (738_000, 738_010), "date"),
        ("gain", (1e-3, 1e-4), "gain (step of the converter)"),
    ],
)
def test_rate_date_and_gain_are_found(key: str, values: tuple[float, float], named: str):
    files = [facts(x, n, **{key: value}) for x, value in zip(("a", "b"), values, strict=True) for n in range(6)]
    assert quantities(files) == {named: ("a", "b")}


def test_a_fault_may_be_stronger_but_not_a_hundred_times():
    def files(times: float) -> list[FileFacts]:
        return [facts(x, n, level=k * (1 + n / 10)) for x, k in (("normal", 1), ("ball", times)) for n in range(6)]

    assert not quantities(files(4))
    assert quantities(files(100)) == {"level (RMS)": ("ball", "normal")}


def test_three_offsets_of_each_of_two_labels_may_be_chance():
    assert not quantities([facts(x, n, offset=k + n / 10) for x, k in (("a", 0), ("b", 9)) for n in range(3)])
    assert quantities([facts(x, n, offset=k + n / 10) for x, k in (("a", 0), ("b", 9)) for n in range(6)])


def test_what_one_recording_lacks_is_not_tested():
    files = [facts("a", n, speed_rpm=600) for n in range(4)] + [facts("b", n, speed_rpm=900) for n in range(4)]
    assert quantities(files)
    assert not quantities([*files, facts("b", 9, speed_rpm=np.nan)])


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(3, 12))
def test_random_offsets_warn_in_few_of_all_cases(seed: int, labels: int, each: int):
    """By construction in at most 1 of 100; and whatever the numbers, the ranges hold all labels."""
    rng = np.random.default_rng(seed)
    files = [facts(f"label{x}", n, offset=rng.normal()) for x in range(labels) for n in range(each)]
    for found in confounders(files):
        assert found.quantity == "offset (mean)"
        assert set(found.ranges) == {f"label{x}" for x in range(labels)}


def test_the_facts_of_a_file(tmp_path: Path):
    path = tmp_path / "a.wav"
    path.touch()
    when = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    os.utime(path, (when.timestamp(),) * 2)
    samples = np.round(np.random.default_rng(0).normal(3, 1, (1, 20_000)) * 8).astype(np.float32) / 8
    found = facts_of(Recording("a.wav", "x", samples, 12_000.0), path)
    assert found.day == when.toordinal()
    assert found.gain == 0.125
    assert found.offset == pytest.approx(3, abs=0.1)
    assert found.level == pytest.approx(1, abs=0.1)
    assert np.isnan(found.speed_rpm)
    named = facts_of(Recording("x/2023-12-31_900rpm.wav", "x", np.float32([[1, 2]]), 12_000.0), tmp_path / "none")
    assert (named.speed_rpm, named.day) == (900, datetime(2023, 12, 31, tzinfo=timezone.utc).toordinal())
    assert np.isnan(named.gain)
    assert np.isnan(facts_of(Recording("20230231", "x", np.float32([[1, 2]]), 1.0), tmp_path / "none").day)
