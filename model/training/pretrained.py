"""The pretrained bundle that a fine-tuning begins from; its weights are checked against the manifest's hashes."""

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
"""Name endings of the parameters with a row for each label; an ensemble has them once for each member."""


@dataclass(frozen=True)
class PretrainedModel:
    """Weights with their identity: `sha256` is the hash of the manifest, which holds the hash of every other file."""

    name: str
    version: str
    sha256: str
    contract: ModelContract
    architecture: Architecture
    state: dict[str, torch.Tensor]

    @property
    def reference(self) -> dict[str, str]:
        """Name, version and hash, as a fine-tuned model records them."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the logits."""
        return tuple(label.name for label in self.contract.labels)

    def shared_labels(self, recipe: Recipe) -> tuple[str, ...]:
        """The recipe's labels that the bundle also has, under the same name."""
        return tuple(name for name in recipe.label_names if name in self.label_names)

    def network(self) -> Network:
        """The bundle's network with its weights, in evaluation mode."""
        contract = self.contract
        signal = contract.model_dump(include={"channels", "window", "domain"})
        architecture = self.architecture.model_dump()
        network = network_of(NetworkConfig(labels=len(contract.labels), **signal, **architecture))
        network.load_state_dict(self.state)
        return network.eval()

    def with_architecture(self, recipe: Recipe) -> Recipe:
        """The recipe with the bundle's architecture, whose network is carried: it is what was pretrained.

        Raises:
            ConfigurationError: the recipe names another architecture, or its signal is not the bundle's.
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
        selection = recipe.selection.model_copy(update={"carry": "network"})
        return recipe.model_copy(update={"network": self.architecture, "selection": selection})

    def initial_network(self, recipe: Recipe) -> Network:
        """A network for the recipe's labels: the bundle's weights, with fresh rows for labels that the bundle lacks."""
        network = network_of(recipe.network_config())
        fresh, state = network.state_dict(), dict(self.state)
        for name in (name for name in fresh if name.endswith(CLASSIFIER)):
            rows = fresh[name].clone()
            for label in self.shared_labels(recipe):
                rows[recipe.label_names.index(label)] = self.state[name][self.label_names.index(label)]
            state[name] = rows
        network.load_state_dict(state)
        return network


def read_pretrained(path: Path) -> PretrainedModel:
    """Read a bundle: a directory or a .zip.

    Raises:
        BundleError: not a bundle, altered, or without weights that fit its architecture.
    """
    bundle = open_bundle(path)
    training = bundle.manifest.training
    if WEIGHTS not in bundle.files or training is None or "network" not in training.recipe:
        raise BundleError(f"bundle {path}: has no {WEIGHTS}, or doesn't say of what network; {REMEDY}")
    try:
        pretrained = PretrainedModel(
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            sha256=bundle.sha256,
            contract=bundle.contract,
            architecture=Architecture.model_validate(training.recipe["network"]),
            state={name: torch.from_numpy(array) for name, array in bundle.arrays(WEIGHTS).items()},
        )
        pretrained.network()
    except (TypeError, ValueError, RuntimeError) as error:  # torch's text has a line for each layer
        raise BundleError(f"bundle {path}: {WEIGHTS} doesn't fit this version's network; train it again") from error
    return pretrained
