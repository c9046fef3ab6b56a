"""The bundle that a fine-tuning begins from: its weights, and only as its manifest vouches for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from drsn.model.bundle import open_bundle
from drsn.model.ensemble import network_of
from drsn.model.errors import BundleError, ConfigurationError
from drsn.model.network import Architecture, NetworkConfig

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.contract import ModelContract
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe

WEIGHTS = "weights.npz"
REMEDY = "give the bundle that drsn-export made"
CLASSIFIER = ("classifier.weight", "classifier.bias")
"""How the names of what has a row for each label end: a network of several members has one of each."""


@dataclass(frozen=True)
class Origin:
    """Weights, and what identifies them: `sha256` is of the manifest, which holds the hash of every other file."""

    name: str
    version: str
    sha256: str
    contract: ModelContract
    architecture: Architecture
    state: dict[str, torch.Tensor]

    @property
    def record(self) -> dict[str, str]:
        """What a model made of it says of it."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    @property
    def label_names(self) -> tuple[str, ...]:
        """In the order of the logits."""
        return tuple(label.name for label in self.contract.labels)

    def shared(self, recipe: Recipe) -> tuple[str, ...]:
        """The recipe's labels that the bundle knows by the same name."""
        return tuple(name for name in recipe.label_names if name in self.label_names)

    def network(self) -> Network:
        """The bundle's own, in evaluation mode."""
        contract = self.contract
        ends = {"labels": len(contract.labels), "channels": contract.channels, "window": contract.window}
        network = network_of(NetworkConfig(**ends, **self.architecture.model_dump()))
        network.load_state_dict(self.state)
        return network.eval()

    def adopted(self, recipe: Recipe) -> Recipe:
        """The recipe with the bundle's architecture.

        Raises:
            ConfigurationError: it names another, or its signal is not the bundle's.
        """
        contract = self.contract.model_dump()
        for name, value in recipe.signal.model_dump().items():
            if value != contract[name]:
                raise ConfigurationError(
                    f"recipe {recipe.name}: signal.{name} is {value}, of bundle {self.name} {self.version} "
                    f"{contract[name]}; set it to that, or train without --from"
                )
        if "network" in recipe.model_fields_set and recipe.network != self.architecture:
            raise ConfigurationError(
                f"recipe {recipe.name}: network is not the one of bundle {self.name} {self.version}; "
                "leave [network] out, or train without --from"
            )
        return recipe.model_copy(update={"network": self.architecture})

    def begun(self, recipe: Recipe) -> Network:
        """A network for the recipe's labels: the bundle's weights, but fresh rows for labels that it does not know."""
        network = network_of(recipe.network_config())
        fresh, state = network.state_dict(), dict(self.state)
        for name in (name for name in fresh if name.endswith(CLASSIFIER)):
            rows = fresh[name].clone()
            for label in self.shared(recipe):
                rows[recipe.label_names.index(label)] = self.state[name][self.label_names.index(label)]
            state[name] = rows
        network.load_state_dict(state)
        return network


def read_origin(path: Path) -> Origin:
    """Read a bundle, a directory or a .zip.

    Raises:
        BundleError: not a bundle, altered, or without weights that fit its architecture.
    """
    bundle = open_bundle(path)
    training = bundle.manifest.training
    if WEIGHTS not in bundle.files or training is None or "network" not in training.recipe:
        raise BundleError(f"bundle {path}: has no {WEIGHTS}, or doesn't say of what network; {REMEDY}")
    try:
        origin = Origin(
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            sha256=bundle.sha256,
            contract=bundle.contract,
            architecture=Architecture.model_validate(training.recipe["network"]),
            state={name: torch.from_numpy(array) for name, array in bundle.arrays(WEIGHTS).items()},
        )
        origin.network()
    except (TypeError, ValueError, RuntimeError) as error:  # torch's text has a line for each layer
        raise BundleError(f"bundle {path}: {WEIGHTS} doesn't fit this version's network; train it again") from error
    return origin
