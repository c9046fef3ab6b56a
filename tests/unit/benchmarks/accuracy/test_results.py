from __future__ import annotations

import math

import pytest

from accuracy.results import difference, grouped, levels_of, macro_recall, shares


def cell(right: dict[str, tuple[str, int]], seed: int = 1, noise: str = "pink") -> dict:
    """Of ten windows each, so many named right."""
    recordings = {
        name: {"label": label, "named": [n, 10 - n] if label == "a" else [10 - n, n]}
        for name, (label, n) in right.items()
    }
    return {"rung": "r", "seed": seed, "labels": ["a", "b"],
            "rows": [{"noise": noise, "snr_db": 0.0, "recordings": recordings}]}  # fmt: skip


def test_recordings_count_by_their_label_and_labels_alike():
    measured = cell({"1": ("a", 10), "2": ("a", 5), "3": ("b", 0)})
    assert shares(measured, 0.0) == {"1": ("a", 1.0), "2": ("a", 0.5), "3": ("b", 0.0)}
    assert macro_recall(measured, 0.0) == pytest.approx((0.75 + 0.0) / 2)


def test_the_mean_is_of_the_papers_noises_alone():
    measured = cell({"1": ("a", 10)})
    measured["rows"] += cell({"1": ("a", 0)}, noise="impulsive")["rows"]
    assert macro_recall(measured, 0.0) == 1
    assert macro_recall(measured, 0.0, ["impulsive"]) == 0


def test_a_difference_is_paired_by_seed_and_bootstrapped_over_recordings():
    ours = [cell({str(i): ("a", 8) for i in range(9)}, seed) for seed in (1, 2, 3)]
    theirs = [cell({str(i): ("a", 6 + i % 2) for i in range(9)}, seed) for seed in (1, 2)]
    mean, low, high, by_seeds = difference(ours, theirs, 0.0)
    assert mean == pytest.approx((5 * 0.2 + 4 * 0.1) / 9)
    assert 0.1 <= low < mean < high <= 0.2
    assert by_seeds == pytest.approx(0), "both seeds differ by as much"
    assert math.isnan(difference(ours, [], 0.0).mean), "nothing to pair with is no number"


def test_the_seeds_have_an_interval_of_their_own():
    theirs = [cell({"1": ("a", 5)}, seed) for seed in (1, 2, 3)]
    ours = [cell({"1": ("a", 5 + seed)}, seed) for seed in (1, 2, 3)]
    found = difference(ours, theirs, 0.0)
    assert found.mean == pytest.approx(0.2)
    assert found.by_seeds == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)
    assert math.isnan(difference(ours[:1], theirs, 0.0).by_seeds)


def test_what_was_not_measured_has_no_recall():
    assert math.isnan(macro_recall(cell({"1": ("a", 5)}), -6.0))


def test_levels_rise_and_the_clean_windows_come_last():
    measured = cell({"1": ("a", 5)})
    measured["rows"] += [{**measured["rows"][0], "snr_db": level} for level in (None, -6.0)]
    assert levels_of(measured) == [-6.0, 0.0, None]
    assert list(grouped([{**measured, "contestant": c} for c in "ba"])) == [("r", "a"), ("r", "b")]
