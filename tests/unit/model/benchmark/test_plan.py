from __future__ import annotations

from pathlib import Path

import pytest

from drsn.model.benchmark.plan import cells_of, read_plan
from drsn.model.errors import ConfigurationError
from drsn.model.noise import PAPER_NOISES
from drsn.model.rungs import RUNGS

SHIPPED = Path("configs/benchmark/grid.toml").resolve()


def test_the_shipped_plan_asks_every_rung_with_a_test_set_and_trains_without_impulses():
    plan = read_plan(SHIPPED)
    assert set(plan.rungs) == {name for name, rung in RUNGS.items() if rung.parts.test}
    for cell in cells_of(plan, select=False):
        assert cell.recipe.augmentation.noises == PAPER_NOISES
        assert cell.recipe.labels == RUNGS[cell.rung].labels


def test_only_the_block_differs_between_the_wide_contestants():
    plan = read_plan(SHIPPED)
    wide = [plan.contestants[name].network for name in ("convnet", "resnet", "senet", "drsn_cs", "drsn_cw")]
    assert len({network.model_copy(update={"family": wide[0].family}).model_dump_json() for network in wide}) == 1
    assert len({network.family for network in wide}) == 5


def test_each_contestant_has_one_seed_before_any_has_two(plan):
    assert [(cell.contestant, cell.seed) for cell in cells_of(plan, select=False)] == [
        ("resnet", 1), ("spectrum", 1), ("resnet", 2), ("spectrum", 2),
    ]  # fmt: skip


def test_the_hash_follows_the_recipe_and_not_the_seed(plan):
    first, other, again, _ = cells_of(plan, select=False)
    assert first.recipe_sha256 == again.recipe_sha256 != other.recipe_sha256
    (changed, *_) = cells_of(
        plan.model_copy(update={"optimisation": plan.optimisation.model_copy(update={"steps": 7})}), select=False
    )
    assert changed.recipe_sha256 != first.recipe_sha256


def test_selection_runs_on_inner_rungs_alone():
    plan = read_plan(SHIPPED)
    for cell in cells_of(plan, select=True):
        rung = RUNGS[cell.rung]
        assert not rung.parts.test or cell.rung in rung.inner


@pytest.mark.parametrize(("old", "new"), [('"tiny"', '"moon"'), ("seeds", "sees"), ("[", "")])
def test_a_wrong_plan_is_a_configuration_error(plan_path: Path, old: str, new: str):
    plan_path.write_text(plan_path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=r"benchmark\.toml"):
        read_plan(plan_path)
