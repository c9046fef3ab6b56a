"""The checkpoint between training and export: weights, contract, training record and golden windows."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from drsn.model.contract import ModelContract, Training
from drsn.model.deployed_model import DeployedModel
from drsn.model.ensemble import network_of
from drsn.model.errors import BadDataError, StorageError
from drsn.model.network import NetworkConfig
from drsn.model.novelty import NoveltyCoefficients

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

FORMAT = 2
"""Format 2 has `known`; the novelty of format 1 was the energy of the logits."""


@dataclass(frozen=True)
class Checkpoint:
    """One trained model.

    `state` is the state of the network alone. `golden` is float32[n, channels, window]: conditioned validation
    windows, those of the smallest margin and those that abstain among them.
    """

    name: str
    version: str
    network: NetworkConfig
    state: dict[str, torch.Tensor]
    known: NoveltyCoefficients
    temperature: float
    contract: ModelContract
    training: Training
    golden: NDArray[np.float32]

    def build(self) -> DeployedModel:
        """Build the deployed model with these weights, in evaluation mode, on the CPU.

        Raises:
            BadDataError: the weights don't fit the architecture, or the novelty coefficients don't.
        """
        network = network_of(self.network)
        try:
            network.load_state_dict(self.state)
        except (RuntimeError, TypeError) as error:
            raise BadDataError(
                f"checkpoint {self.name}: weights don't fit the network ({error}); train again"
            ) from error
        features = sum(part.classifier.in_features for part in network.member_networks)
        if not self.known.fits(features):
            raise BadDataError(f"checkpoint {self.name}: its novelty coefficients don't fit the network; train again")
        return DeployedModel(network, self.known, self.temperature, self.contract.normalisation.epsilon).eval()

    def save(self, path: Path) -> None:
        """Write the checkpoint to `path`.

        Raises:
            StorageError: the file can't be written.
        """
        document = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "network": self.network.model_dump(mode="json"),
            "state": self.state,
            "known": {name: torch.from_numpy(array) for name, array in vars(self.known).items()},
            "temperature": self.temperature,
            "contract": self.contract.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "golden": torch.from_numpy(self.golden),
        }
        try:
            torch.save(document, path)
        except (OSError, RuntimeError) as error:  # torch reports a missing folder as RuntimeError
            raise StorageError(f"checkpoint {path}: can't write it ({error}); check the folder") from error

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a file that `save` wrote; runs no code from it.

        Raises:
            BadDataError: missing, not a checkpoint, or of another format.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # torch warns about the pickle protocol of foreign bytes
                return _from_document(torch.load(path, map_location="cpu", weights_only=True))
        except OSError as error:
            raise BadDataError(f"checkpoint {path}: can't read it ({error}); give the file drsn-train wrote") from error
        except pickle.UnpicklingError as error:  # torch's text tells people to allow the code, so it isn't passed on
            raise BadDataError(f"checkpoint {path}: damaged or foreign; give the file drsn-train wrote") from error
        except Exception as error:  # torch raises half a dozen unrelated types on foreign bytes
            raise BadDataError(f"checkpoint {path}: not a checkpoint of this version ({error}); train again") from error


def _from_document(document: dict[str, Any]) -> Checkpoint:
    """Convert the loaded document; anything unexpected raises one of many types."""
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, expected {FORMAT}")
    return Checkpoint(
        name=document["name"],
        version=document["version"],
        network=NetworkConfig.model_validate(document["network"]),
        state=document["state"],
        known=NoveltyCoefficients(**{name: tensor.numpy() for name, tensor in document["known"].items()}),
        temperature=float(document["temperature"]),
        contract=ModelContract.model_validate(document["contract"]),
        training=Training.model_validate(document["training"]),
        golden=document["golden"].numpy(),
    )
