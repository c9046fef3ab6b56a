"""An engine file: a plan on disk with its sidecar, and how both are named."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.backends.tensorrt.sidecar import Precision, Sidecar

SHA_DIGITS = 16
"""Digits of the bundle's hash in a file name; the sidecar has all 64."""


@dataclass(frozen=True)
class EngineFile:
    """A plan whose header and sidecar agree; `read` compares all its bytes with the sidecar's hash."""

    path: Path
    sidecar: Sidecar

    def read(self) -> bytes:
        """Return the plan.

        Raises:
            BundleError: it can't be read, or is not what was built.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise BundleError(f"engine {self.path}: {error.strerror or error}; build it again") from None
        if hashlib.sha256(content).hexdigest() != self.sidecar.plan_sha256:
            raise BundleError(f"engine {self.path}: does not match its sidecar file; build it again")
        return content


def default_engine_dir(bundle: Path) -> Path:
    """Return `BUNDLE.engines`, beside the bundle: nothing is written into a bundle."""
    return bundle.with_name(f"{bundle.name}.engines")


def engine_file_name(bundle_sha256: str, gpu: str, tensorrt: str, precision: Precision, flavour: Flavour) -> str:
    """Return `<bundle>-<gpu>-<TensorRT's version>-<precision>.plan`, or `.rtx` for TensorRT-RTX."""
    return f"{bundle_sha256[:SHA_DIGITS]}-{slug(gpu)}-{tensorrt}-{precision}{FLAVOURS[flavour].suffix}"


def slug(text: str) -> str:
    """Convert a GPU's name to a part of a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:64] or "gpu"
