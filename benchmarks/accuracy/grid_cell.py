"""The cells of the accuracy grid: one training and its measurement each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.model.protocols import BANDWIDTH_HZ, PROTOCOLS
from drsn.model.recipe import ProtocolData, Recipe, SignalSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accuracy.grid_plan import GridGroup, GridPlan, Kind, MeasurementSpec

DECIDES = {"signal", "labels", "data", "network", "augmentation", "optimisation"}
"""The sections of a recipe that a cell's accuracy depends on, besides the seed."""


@dataclass(frozen=True)
class GridCell:
    """One training and its measurement."""

    protocol: str
    contestant: str
    seed: int
    recipe: Recipe
    kind: Kind
    asked: MeasurementSpec
    threads: int = 1

    @property
    def name(self) -> str:
        """Name of the cell's result file, without `.json`."""
        return f"{self.protocol}--{self.contestant}--{self.seed}"

    @property
    def recipe_sha256(self) -> str:
        """Hash of everything that decides the training except the seed.

        Settings at their defaults are left out, so that a new setting does not change the hashes of cells that were
        measured before it existed. A changed default would change the meaning of old cells: a test pins the defaults.
        """
        text = self.kind + self.recipe.model_dump_json(include=DECIDES, exclude_defaults=True)
        return hashlib.sha256(text.encode()).hexdigest()


def cells_of(plan: GridPlan, *, select: bool) -> Iterator[GridCell]:
    """All cells, group by group. Seeds are the outer loop, so that each contestant has one cell before any has two.

    With `select` the inner protocols, whose validation sets select recipes; else the protocols with a test set.
    """
    for group in plan.groups.values():
        for seed in range(1, max(group.seeds, *group.more_seeds.values(), 0) + 1):
            for protocol in group.rungs:
                for name in PROTOCOLS[protocol].inner if select else (protocol,):
                    yield from _contestant_cells(plan, group, name, seed)


def _contestant_cells(plan: GridPlan, group: GridGroup, protocol_name: str, seed: int) -> Iterator[GridCell]:
    protocol = PROTOCOLS[protocol_name]
    for name in group.contestants or plan.contestants:
        if seed > group.more_seeds.get(name, group.seeds):
            continue
        contestant = plan.contestants[name]
        recipe = Recipe(
            name=name.replace("_", "-"),
            version="1",
            seed=seed,
            labels=protocol.labels,
            signal=SignalSpec(sample_rate_hz=protocol.sample_rate_hz, bandwidth_hz=BANDWIDTH_HZ),
            data=ProtocolData(source="rung", rung=protocol_name),
            network=contestant.network,
            augmentation=contestant.augmentation or plan.augmentation,
            optimisation=contestant.optimisation or plan.optimisation,
        )
        yield GridCell(protocol_name, name, seed, recipe, contestant.kind, group.asked)
