"""The tiny model as a bundle, and copies of it that were tampered with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.export.bundle_from_checkpoint import bundle_from_checkpoint
from drsn.export.bundle_writer import file_entries, write_bundle
from drsn.export.golden import npz_bytes
from drsn.model.bundle import Bundle, Golden, open_bundle
from drsn.model.checkpoint import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkpoint(checkpoint_path: Path) -> Checkpoint:
    """The tiny model, trained."""
    return Checkpoint.load(checkpoint_path)


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, checkpoint_path: Path) -> Path:
    """What `drsn-export` makes of the tiny checkpoint; only to be read."""
    path = tmp_path_factory.mktemp("exported") / "tiny"
    bundle_from_checkpoint(checkpoint_path, path, force=True)  # eight steps of training: it names noise
    return path


@pytest.fixture
def bundle(bundle_path: Path) -> Bundle:
    """The same, open."""
    return open_bundle(bundle_path)


@pytest.fixture
def altered(bundle: Bundle, tmp_path: Path):
    """Write the bundle with other files in it, vouched for by its manifest; returns the new one."""

    def write(changes: dict[str, bytes]) -> Bundle:
        files = {**bundle.files, **changes}
        manifest = bundle.manifest.model_copy(update={"files": file_entries(files)})
        return write_bundle(tmp_path / "altered", manifest, files)

    return write


@pytest.fixture
def with_golden(bundle: Bundle, altered):
    """Write the bundle with other golden outputs."""

    def write(**changes: object) -> Bundle:
        golden: Golden = bundle.golden()
        arrays = {"x": golden.x, "probabilities": golden.probabilities, "novelty": golden.novelty}
        return altered({"golden.npz": npz_bytes({**arrays, **changes})})

    return write
