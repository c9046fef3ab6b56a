from __future__ import annotations

import pytest

from accuracy.grid_cell import cells_of
from accuracy.run_cell import macs, run_cell
from drsn.model.network import Family, Network, NetworkConfig


@pytest.mark.parametrize(("family", "expected"), [(Family.RESNET, 1_310_976), (Family.DRSN_CW, 1_316_352)])
def test_the_papers_networks_cost_what_it_says(family: Family, expected: int, plan):
    """1.31 and 1.32 million multiplications, biases and poolings apart."""
    (cell, *_) = cells_of(plan, select=False)
    network = Network(NetworkConfig.paper(family, 8))
    counted = macs(network, cell.recipe)
    shortcuts = counted - expected
    assert counted == pytest.approx(expected, rel=0.01), shortcuts


def test_a_cell_says_what_it_was_what_it_took_and_what_it_found(plan):
    network, spectrum, *_ = cells_of(plan, select=False)
    for cell in (network, spectrum):
        measured = run_cell(cell, select=False)
        assert (measured["set"], measured["contestant"]) == ("test", cell.contestant)
        assert len(measured["rows"]) == 1 + 2 * 2
        assert ("parameters" in measured) == (cell is network)
        assert measured["asked"] == cell.asked.model_dump(mode="json")


def test_selection_measures_the_validation_set(plan, corpus):
    (cell, *_) = cells_of(plan, select=True)
    measured = run_cell(cell, select=True)
    assert measured["set"] == "validation"
    assert set(measured["rows"][0]["recordings"]) == {f"{r.group} {r.name}" for r in corpus.validation}
