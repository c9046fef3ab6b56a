"""The cells that follow from a plan: one training and its measurement each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.model.protocols import BANDWIDTH_HZ, PROTOCOLS
from drsn.model.recipe import ProtocolData, Recipe, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.model.benchmark.plan import Asked, Group, Kind, Plan

DECIDES = {"signal", "labels", "data", "network", "augmentation", "optimisation"}
"""The parts of a recipe that a cell's accuracy depends on, beside the seed."""


@dataclass(frozen=True)
class Cell:
    """One training and its measurement."""

    rung: str
    contestant: str
    seed: int
    recipe: Recipe
    kind: Kind
    asked: Asked
    threads: int = 1

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.rung}--{self.contestant}--{self.seed}"

    @property
    def recipe_sha256(self) -> str:
        """Of everything that decides the training but the seed.

        What stands at its default is left out, so that a new setting does not make all that was measured before it
        look like another recipe. Who changes a default changes what old cells mean: a test holds the defaults.
        """
        text = self.kind + self.recipe.model_dump_json(include=DECIDES, exclude_defaults=True)
        return hashlib.sha256(text.encode()).hexdigest()


def cells_of(plan: Plan, *, select: bool) -> Iterator[Cell]:
    """Every cell, group by group, in each seeds outermost, so that each contestant has one before any has two.

    With `select` the inner rungs, whose validation sets recipes are chosen on; else the rungs with a test set.
    """
    for group in plan.groups.values():
        for seed in range(1, max(group.seeds, *group.more_seeds.values(), 0) + 1):
            for rung in group.rungs:
                for name in PROTOCOLS[rung].inner if select else (rung,):
                    yield from _row(plan, group, name, seed)


def _row(plan: Plan, group: Group, rung: str, seed: int) -> Iterator[Cell]:
    place = PROTOCOLS[rung]
    for name in group.contestants or plan.contestants:
        if seed > group.more_seeds.get(name, group.seeds):
            continue
        contestant = plan.contestants[name]
        recipe = Recipe(
            name=name.replace("_", "-"),
            version="1",
            seed=seed,
            labels=place.labels,
            signal=Signal(sample_rate_hz=place.sample_rate_hz, bandwidth_hz=BANDWIDTH_HZ),
            data=ProtocolData(source="rung", rung=rung),
            network=contestant.network,
            augmentation=contestant.augmentation or plan.augmentation,
            optimisation=contestant.optimisation or plan.optimisation,
        )
        yield Cell(rung, name, seed, recipe, contestant.kind, group.asked)
