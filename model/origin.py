"""The bundle that a fine-tuning begins from: its weights, and only as its manifest vouches for them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import ValidationError

from drsn.model.architecture import Architecture, NetworkConfig
from drsn.model.contract import Manifest, ModelContract
from drsn.model.errors import BundleError, ConfigurationError
from drsn.model.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.model.recipe import Recipe

MANIFEST = "manifest.json"
WEIGHTS = "weights.npz"
MAX_BYTES = 256 << 20
"""Of all files, and of the weights unpacked: what the agent allows a bundle too."""

REMEDY = "give the bundle that drsn-export made"
CLASSIFIER = ("classifier.weight", "classifier.bias")


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
        network = Network(NetworkConfig(**ends, **self.architecture.model_dump()))
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
        network = Network(recipe.network_config())
        state = dict(self.state)
        for name in CLASSIFIER:
            rows = network.state_dict()[name].clone()
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
    try:
        with _files(path) as root:
            return _checked(path, root)
    except OSError as error:
        raise BundleError(f"bundle {path}: can't read it ({error.strerror or error}); {REMEDY}") from error
    except BundleError:
        raise
    except Exception as error:  # zipfile, numpy and torch raise a dozen unrelated types on foreign bytes
        raise BundleError(f"bundle {path}: damaged or foreign ({error!r}); {REMEDY}") from error


@contextmanager
def _files(path: Path) -> Iterator[Path | zipfile.Path]:
    if path.is_dir():
        yield path
    else:
        with zipfile.ZipFile(path) as archive:  # read where it is, never extracted
            yield zipfile.Path(archive)


def _checked(path: Path, root: Path | zipfile.Path) -> Origin:
    text = _read(root, MANIFEST, MAX_BYTES)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BundleError(f"bundle {path}: {MANIFEST}: {where}: {first['msg']}; {REMEDY}") from error
    if WEIGHTS not in manifest.files or manifest.training is None or "network" not in manifest.training.recipe:
        raise BundleError(f"bundle {path}: has no {WEIGHTS}, or doesn't say of what network; {REMEDY}")
    if sum(entry.bytes for entry in manifest.files.values()) > MAX_BYTES:
        raise BundleError(f"bundle {path}: its files are larger than {MAX_BYTES} bytes; {REMEDY}")
    for name, entry in manifest.files.items():
        content = _read(root, name, entry.bytes)
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleError(f"bundle {path}: {name} is not what the manifest says; make or copy the bundle again")
    origin = Origin(
        name=manifest.name,
        version=manifest.version,
        sha256=hashlib.sha256(text).hexdigest(),
        contract=manifest.contract,
        architecture=Architecture.model_validate(manifest.training.recipe["network"]),
        state=_state(_read(root, WEIGHTS, manifest.files[WEIGHTS].bytes)),
    )
    try:
        origin.network()
    except RuntimeError as error:  # torch's text has a line for each layer
        raise BundleError(f"bundle {path}: {WEIGHTS} doesn't fit this version's network; train it again") from error
    return origin


def _read(root: Path | zipfile.Path, name: str, limit: int) -> bytes:
    """At most one byte more than `limit`; what is longer than its manifest says has another hash too."""
    with (root / name).open("rb") as stream:
        content: bytes = stream.read(limit + 1)
    return content


def _state(content: bytes) -> dict[str, torch.Tensor]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # zipfile unpacks no more than an entry claims
        if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"{WEIGHTS} unpacks to more than {MAX_BYTES} bytes")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
