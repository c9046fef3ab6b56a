from __future__ import annotations

import hashlib
from pathlib import Path

from accuracy.grid_cell import cells_of
from accuracy.grid_plan import read_plan
from drsn.model.network import Architecture
from drsn.model.noise import PAPER_NOISES, Noise
from drsn.model.protocols import PROTOCOLS
from drsn.model.recipe import Augmentation, Optimisation

SHIPPED = Path("configs/benchmark/grid.toml").resolve()


def test_nobody_trains_on_impulses_and_labels_are_the_rungs():
    for cell in cells_of(read_plan(SHIPPED), select=False):
        assert Noise.IMPULSIVE not in cell.recipe.augmentation.noises
        assert set(cell.recipe.augmentation.noises) <= set(PAPER_NOISES)
        assert cell.recipe.labels == PROTOCOLS[cell.protocol].labels


def test_each_contestant_has_one_seed_before_any_has_two(plan):
    assert [(cell.contestant, cell.seed) for cell in cells_of(plan, select=False)] == [
        ("resnet", 1), ("spectrum", 1), ("resnet", 2), ("spectrum", 2),
    ]  # fmt: skip


def test_a_contestant_that_decides_has_seeds_of_its_own(plan):
    group = plan.groups["all"].model_copy(update={"seeds": 1, "more_seeds": {"spectrum": 3}})
    asked = plan.model_copy(update={"groups": {"all": group}})
    assert [(cell.contestant, cell.seed) for cell in cells_of(asked, select=False)] == [
        ("resnet", 1), ("spectrum", 1), ("spectrum", 2), ("spectrum", 3),
    ]  # fmt: skip


def test_no_two_cells_of_the_shipped_plan_share_a_file():
    names = [cell.name for cell in cells_of(read_plan(SHIPPED), select=False)]
    assert len(set(names)) == len(names)


def test_the_hash_follows_the_recipe_and_not_the_seed(plan):
    first, other, again, _ = cells_of(plan, select=False)
    assert first.recipe_sha256 == again.recipe_sha256 != other.recipe_sha256
    (changed, *_) = cells_of(
        plan.model_copy(update={"optimisation": plan.optimisation.model_copy(update={"steps": 7})}), select=False
    )
    assert changed.recipe_sha256 != first.recipe_sha256


def test_the_defaults_that_hashes_leave_out_are_those_that_the_cells_were_measured_with():
    """Changing one makes committed cells another recipe's without their hashes saying so: run them again, then this."""
    defaults = (Architecture(), Augmentation(), Optimisation(steps=1))
    text = "".join(default.model_dump_json() for default in defaults)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "c8ac8194112d6a97", text


def test_selection_runs_on_inner_rungs_alone():
    for cell in cells_of(read_plan(SHIPPED), select=True):
        protocol = PROTOCOLS[cell.protocol]
        assert not protocol.parts.test or cell.protocol in protocol.inner
