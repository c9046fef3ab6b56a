from __future__ import annotations

import pytest

from accuracy import tables, targets


def cell(
    protocol: str, contestant: str, seed: int, right: float, levels: tuple[float | None, ...] = (0.0, None)
) -> dict:
    """Of a thousand windows of each of two recordings a share is named right."""
    named = [round(1000 * right), 1000 - round(1000 * right)]
    recordings = {"3 hp 100": {"label": "a", "named": named}, "3 hp 108": {"label": "b", "named": named[::-1]}}
    return {
        "rung": protocol, "contestant": contestant, "seed": seed, "labels": ["a", "b"], "fit_s": 10.0,
        "parameters": 1234, "macs": 1_000_000,
        "rows": [{"noise": None if level is None else noise, "snr_db": level, "recordings": recordings}
                 for level in levels for noise in ("gaussian", "laplacian", "pink", "impulsive")],
    }  # fmt: skip


def test_a_row_shows_the_mean_and_the_spread_of_the_seeds_and_what_it_costs():
    cells = [cell("r", "net", seed, right) for seed, right in ((1, 0.8), (2, 0.9))]
    text = tables.grid_table([*cells, cell("other", "net", 1, 0.1)], ["r"], {"net": 42.4})
    assert "| `r` | net | 85.0 ± 63.5 | 85.0 ± 63.5 | 85.0 ± 63.5 | 2 | 1,234 | 1.00 | 42 | 10 |" in text
    assert "other" not in text


def test_one_seed_shows_no_spread():
    assert "| 80.0 | 80.0 | 80.0 | 1 |" in tables.grid_table([cell("r", "net", 1, 0.8)], ["r"], {})


@pytest.mark.parametrize(("shift", "verdict"), [(0.05, "ahead"), (0.0, "level"), (-0.05, "behind")])
def test_a_pair_is_ahead_only_beyond_both_intervals(shift: float, verdict: str):
    cells = [
        cell("cwru-loads", contestant, seed, right, (-10.0, -6.0, 0.0, None))
        for seed in (1, 2, 3)
        for contestant, right in (("drsn_cw", 0.8 + shift), ("resnet", 0.8))
    ]
    rows = tables.differences_table(cells).splitlines()[2:]
    assert len(rows) == 3
    assert all(row.endswith(f"| 3 | {verdict} |") for row in rows)


def test_what_was_not_run_is_said_to_be_so():
    assert tables.grid_table([], ["r"], {}) == tables.differences_table([]) == "Not run yet."
    assert targets.paper_table([]) == tables.recordings_table([], "r", ["net"], 0.0) == "Not run yet."
    assert targets.targets_table([]).count("not run yet") == 2 * len(targets.TARGETS)


def test_recordings_are_shown_side_by_side():
    cells = [cell("r", who, 1, right) for who, right in (("net", 0.9), ("tree", 0.5))]
    text = tables.recordings_table(cells, "r", ["net", "tree"], 0.0)
    assert "| 3 hp 100 | a | 90.0 | 50.0 |" in text


def test_a_bar_is_met_by_the_mean_of_its_rungs_and_not_before_all_have_run():
    sizes = [f"cwru-size-{size}" for size in ("007", "014", "021")]
    cells = [cell(protocol, "shipped", 1, right) for protocol, right in zip(sizes, (0.6, 0.8, 0.9), strict=True)]
    assert "| 76.7 | 3 | met |" in targets.targets_table(cells)
    assert "met |" not in targets.targets_table(cells[:2])
    assert "**missed**" in targets.targets_table([cell(protocol, "shipped", 1, 0.7) for protocol in sizes])


def test_what_two_networks_reach_stands_beside_one_where_they_were_asked():
    reached = {"shipped": 0.8, "shipped_pair": 0.9}
    one, two = (cell("cwru-0-to-3", who, 1, share, (-10.0, None)) for who, share in reached.items())
    assert "shipped_pair" not in targets.targets_table([one])
    assert "| 85 | shipped | 80.0 | 1 | **missed** |" in targets.targets_table([one, two])
    assert "| 85 | shipped_pair | 90.0 | 1 | met |" in targets.targets_table([one, two])


def test_the_papers_gain_stands_beside_ours():
    cells = [
        cell(f"paper-fold-{fold}", f"paper_{family}_pink", 1, right, (-5.0, None))
        for fold in (1, 2)
        for family, right in (("resnet", 0.5), ("drsn_cw", 0.6))
    ]
    assert "| pink | 50.0 | 60.0 | +20.0 % | +10.0 +10.0 | 60.6 | 65.9 | +8.7 % |" in targets.paper_table(cells)


def test_selection_shows_what_was_tried():
    assert "| `r` | net |  |  | 80.0 |  | 80.0 | 1 |" in tables.tried_table([cell("r", "net", 1, 0.8)])
