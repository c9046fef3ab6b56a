"""What the benchmark runs: one committed file (`configs/benchmark/grid.toml`), and the cells that follow from it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from drsn.model.architecture import Architecture
from drsn.model.contract import Frozen
from drsn.model.errors import ConfigurationError
from drsn.model.noise import Noise
from drsn.model.recipe import Augmentation, Optimisation, Recipe, RungData, Signal
from drsn.model.rungs import BANDWIDTH_HZ, RUNGS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Contestant(Frozen):
    """One row of the table: a network, or a classifier on the log spectrum. What it leaves out is everybody's."""

    kind: Literal["network", "logistic_regression", "random_forest"] = "network"
    network: Architecture = Architecture()
    augmentation: Augmentation | None = None
    optimisation: Optimisation | None = None


class Plan(Frozen):
    """The whole grid."""

    augmentation: Augmentation = Augmentation()
    optimisation: Optimisation
    noises: tuple[Noise, ...] = tuple(Noise)
    snr_db: tuple[float, ...] = (-10.0, -6.0, -4.0, 0.0, 10.0)
    draws: int = Field(default=20, ge=1, description="of the noise, each with a seed of its own")
    seeds: int = Field(default=3, ge=1, description="trainings of each contestant")
    rungs: tuple[str, ...]
    contestants: dict[str, Contestant]


@dataclass(frozen=True)
class Cell:
    """One training and its measurement."""

    rung: str
    contestant: str
    seed: int
    recipe: Recipe
    kind: str
    threads: int = 1

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.rung}--{self.contestant}--{self.seed}"

    @property
    def recipe_sha256(self) -> str:
        """Of everything that decides the training but the seed."""
        text = self.kind + self.recipe.model_copy(update={"seed": 0}).model_dump_json()
        return hashlib.sha256(text.encode()).hexdigest()


def read_plan(path: Path) -> Plan:
    """Read the plan.

    Raises:
        ConfigurationError: missing, no TOML, or with unknown or impossible values.
    """
    try:
        plan = Plan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigurationError(f"benchmark {path}: {' '.join(str(error).split())}") from error
    if unknown := [rung for rung in plan.rungs if rung not in RUNGS]:
        raise ConfigurationError(f"benchmark {path}: rungs {unknown} are none of {', '.join(RUNGS)}")
    return plan


def cells_of(plan: Plan, *, select: bool) -> Iterator[Cell]:
    """Every cell, seeds outermost, so that each contestant has one before any has two.

    With `select` the inner rungs, whose validation sets recipes are chosen on; else the rungs with a test set.
    """
    for seed in range(1, plan.seeds + 1):
        for rung in plan.rungs:
            for name in RUNGS[rung].inner if select else (rung,):
                for contestant in plan.contestants:
                    yield _cell(plan, name, contestant, seed)


def _cell(plan: Plan, rung: str, name: str, seed: int) -> Cell:
    contestant, place = plan.contestants[name], RUNGS[rung]
    recipe = Recipe(
        name=name.replace("_", "-"),
        version="1",
        seed=seed,
        labels=place.labels,
        signal=Signal(sample_rate_hz=place.sample_rate_hz, bandwidth_hz=BANDWIDTH_HZ),
        data=RungData(source="rung", rung=rung),
        network=contestant.network,
        augmentation=contestant.augmentation or plan.augmentation,
        optimisation=contestant.optimisation or plan.optimisation,
    )
    return Cell(rung, name, seed, recipe, contestant.kind)
