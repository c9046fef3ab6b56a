"""The plan of the accuracy grid: one committed file (`configs/benchmark/grid.toml`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError, model_validator

from drsn.model.contract import Frozen
from drsn.model.errors import ConfigurationError
from drsn.model.network import Architecture
from drsn.model.noise import Noise
from drsn.model.protocols import PROTOCOLS
from drsn.model.recipe import Augmentation, Optimisation
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["network", "wdcnn", "logistic_regression", "random_forest"]


class Contestant(Frozen):
    """One row of the table: a network, or a classifier on the log spectrum. Missing settings come from the plan."""

    kind: Kind = "network"
    network: Architecture = Architecture()
    augmentation: Augmentation | None = None
    optimisation: Optimisation | None = None


class MeasurementSpec(Frozen):
    """Noises, SNRs and number of noise draws at which a trained contestant is measured, besides clean windows.

    Plans and results call it `asked`.
    """

    noises: tuple[Noise, ...] = tuple(Noise)
    snr_db: tuple[float, ...] = (-10.0, -6.0, -4.0, 0.0, 10.0)
    draws: int = Field(default=20, ge=1, description="of the noise, each with a seed of its own")


class GridGroup(Frozen):
    """Evaluation protocols with the same contestants and measurements; the file format calls protocols `rungs`."""

    rungs: tuple[str, ...] = Field(min_length=1)
    contestants: tuple[str, ...] = Field(default=(), description="default: all")
    seeds: int = Field(default=3, ge=1, description="trainings of each contestant")
    more_seeds: dict[str, int] = Field(default_factory=dict, description="of the contestants that decide")
    asked: MeasurementSpec = MeasurementSpec()


class GridPlan(Frozen):
    """The whole grid; the groups run in the order of the file."""

    augmentation: Augmentation = Augmentation()
    optimisation: Optimisation
    groups: dict[str, GridGroup] = Field(min_length=1)
    contestants: dict[str, Contestant] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> GridPlan:
        for group_name, group in self.groups.items():
            if unknown := [name for name in group.rungs if name not in PROTOCOLS]:
                raise ValueError(f"group {group_name}: protocols {unknown} are none of {', '.join(PROTOCOLS)}")
            if unknown := [c for c in (*group.contestants, *group.more_seeds) if c not in self.contestants]:
                raise ValueError(f"group {group_name}: contestants {unknown} are none of {', '.join(self.contestants)}")
        return self

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of the protocols of all groups, in the order of the file."""
        return tuple(dict.fromkeys(name for group in self.groups.values() for name in group.rungs))


def read_plan(path: Path) -> GridPlan:
    """Read the plan.

    Raises:
        ConfigurationError: missing, too large, no TOML, or with unknown or impossible values.
    """
    try:
        return GridPlan.model_validate(read_toml(path))
    except (TomlError, ValidationError) as error:
        raise ConfigurationError(f"benchmark {path}: {' '.join(str(error).split())}") from error
