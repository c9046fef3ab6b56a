from __future__ import annotations

import pytest

from drsn.model.benchmark.results import difference, macro_recall, shares


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
    mean, low, high = difference(ours, theirs, 0.0)
    assert mean == pytest.approx((5 * 0.2 + 4 * 0.1) / 9)
    assert 0.1 <= low < mean < high <= 0.2
    assert difference(ours, [], 0.0)[0] != difference(ours, [], 0.0)[0], "nothing to pair with is no number"
