from __future__ import annotations

from pathlib import Path

import pytest

from accuracy.grid_plan import read_plan
from drsn.model.errors import ConfigurationError
from drsn.model.network import Family
from drsn.model.protocols import PROTOCOLS
from drsn.model.recipe import read_recipe

SHIPPED = Path("configs/benchmark/grid.toml").resolve()


def test_the_shipped_plan_asks_every_rung_with_a_test_set():
    assert set(read_plan(SHIPPED).protocols) == {name for name, protocol in PROTOCOLS.items() if protocol.parts.test}


def test_only_the_block_differs_between_the_wide_contestants():
    plan = read_plan(SHIPPED)
    for names in (("convnet", "resnet", "senet", "drsn_cs", "drsn_cw"), ("shipped", "shipped_resnet")):
        contestants = [plan.contestants[name] for name in names]
        alike = {
            c.model_copy(update={"network": c.network.model_copy(update={"family": Family.RESNET})}).model_dump_json()
            for c in contestants
        }
        assert len(alike) == 1
        assert len({c.network.family for c in contestants}) == len(names)


def test_what_is_called_shipped_is_the_recipe_of_the_cwru_bundle():
    recipe = read_recipe(SHIPPED.parents[1] / "recipes" / "cwru.toml")
    shipped = read_plan(SHIPPED).contestants["shipped"]
    ours = (recipe.network, recipe.augmentation, recipe.optimisation)
    assert ours == (shipped.network, shipped.augmentation, shipped.optimisation)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"tiny"', '"moon"'), ("seeds", "sees"), ("[", ""), ("seeds = 2", 'seeds = 2\ncontestants = ["moon"]')],
)
def test_a_wrong_plan_is_a_configuration_error(plan_path: Path, old: str, new: str):
    plan_path.write_text(plan_path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=r"benchmark\.toml"):
        read_plan(plan_path)


def test_a_file_that_is_too_large_to_be_a_plan_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "grid.toml"
    path.write_text("#" * (1 << 20) + "\n" + SHIPPED.read_text())
    with pytest.raises(ConfigurationError, match=r"benchmark .*grid\.toml: larger than 1048576 bytes"):
        read_plan(path)
