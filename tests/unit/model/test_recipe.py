from pathlib import Path
from typing import Any

import pytest

from drsn.model.errors import ConfigurationError
from drsn.model.network import Family
from drsn.model.recipe import CwruData, read_recipe, recipe_from

WINDOWS = {"universal": 4096, "universal-10khz": 8192, "universal-2500hz": 2048, "universal-800hz": 1024}
RECIPES = sorted(Path("configs/recipes").resolve().glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert recipe.contract(None).window == WINDOWS.get(path.stem, 2048)
    assert recipe.network_config().labels == len(recipe.labels)


def test_the_shipped_recipes_are_found():
    assert {path.stem for path in RECIPES} >= {"cwru", "synthetic"}


def test_cwru_never_trains_on_its_test_load():
    data = read_recipe(Path("configs/recipes/cwru.toml")).data
    assert isinstance(data, CwruData)
    assert not set(data.train_loads_hp) & set(data.test_loads_hp)


def test_a_recipe_survives_the_checkpoint(tiny: dict[str, Any]):
    recipe = recipe_from({**tiny, "network": {"family": "resnet"}}, "here")
    assert recipe.network_config().family is Family.RESNET
    assert recipe_from(recipe.model_dump(mode="json"), "there") == recipe


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sed": 1}, "sed: Extra inputs"),
        ({"data": {"source": "cwru", "loads": [1]}}, "loads: Extra inputs"),
        ({"data": {"source": "moon"}}, "data: .*'cwru'"),
        ({"data": {"source": "cwru", "test_loads_hp": [4]}}, "test_loads_hp.0: Input should be 0, 1, 2 or 3"),
        ({"data": {"source": "cwru", "test_loads_hp": [2, 3]}}, r"loads \[2\] are in both sets"),
        ({"data": {"source": "cwru", "test_loads_hp": []}}, "test_loads_hp: .*at least 1"),
        ({"data": {"source": "cwru", "validation_share": 1.0}}, "validation_share"),
        ({"augmentation": {"noises": []}}, "noises: .*at least 1"),
        ({"augmentation": {"snr_db": [12, -10]}}, "snr_db: .*falls"),
        ({"version": ""}, "version"),  # no manifest would take it
        ({"version": "1" * 65}, "version"),
        ({"network": {"kernel": 4}}, "kernel 4 is even"),
        ({"signal": {"sample_rate_hz": 1000, "bandwidth_hz": 600}}, "above half the rate"),
        ({"signal": {"sample_rate_hz": 12_000, "bandwidth_hz": 5_700}}, "above 5640 Hz"),  # it would fail at random
        (
            {"labels": [{"name": "a", "condition": "normal", "healthy": True}, {"name": "b", "condition": "gear"}]},
            r"no \['gear'\]",
        ),
        ({"optimisation": {"steps": 0}}, "optimisation.steps"),
        ({"evaluation": {"acceptance": 1.0}}, "evaluation.acceptance: .*less than 1"),
        ({"evaluation": {"acceptance_snr_db": [0]}}, "evaluation.acceptance_snr_db: Extra inputs"),  # of version 0.1
        ({"name": "Two Words"}, "name"),
    ],
)
def test_a_wrong_recipe_says_where_in_one_line(tiny: dict[str, Any], change: dict[str, Any], reason: str):
    with pytest.raises(ConfigurationError, match=reason) as caught:
        recipe_from({**tiny, **change}, "r.toml")
    assert caught.value.exit_code == 78
    assert "r.toml" in str(caught.value)


@pytest.mark.parametrize(
    "content", [None, "name = ", "\xff", "name = " + "[" * 100_000, "#" * (1 << 20) + "\n"],
    ids=["missing", "half", "letters", "brackets", "size"],
)  # fmt: skip
def test_an_unreadable_file_is_a_configuration_error(tmp_path: Path, content: str | None):
    path = tmp_path / "r.toml"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"r\.toml: can't read it \(.*\); see configs/recipes") as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)


def test_the_linear_model_is_carried_only_where_it_is_fitted(tiny: dict[str, Any]):
    with pytest.raises(ConfigurationError, match="needs compare = 'simple' or 'full'"):
        recipe_from({**tiny, "selection": {"compare": "none", "carry": "spectrum"}}, "tiny")
