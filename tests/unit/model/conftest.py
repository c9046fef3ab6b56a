"""The folder of real data, and the tiny recipe and its model in the forms that tests need."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drsn.model.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def checkpoint(checkpoint_path: Path) -> Checkpoint:
    """The tiny model, trained."""
    return Checkpoint.load(checkpoint_path)


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Ctrl-C as a person in front of a terminal has it, even where the tests run in the background."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, checkpoint_path: Path) -> Path:
    """What `drsn-export` makes of the tiny model; only to be read."""
    from drsn.export.bundle_from_checkpoint import bundle_from_checkpoint

    path = tmp_path_factory.mktemp("exported") / "tiny"
    bundle_from_checkpoint(checkpoint_path, path, force=True)  # eight steps of training: it names noise
    return path


@pytest.fixture
def cwru_folder() -> Path:
    """The official CWRU files."""
    return _folder("cwru")


@pytest.fixture
def hit_sm_folder() -> Path:
    """The HIT-SM files."""
    return _folder("hit_sm")


def _folder(name: str) -> Path:
    """Missing is a skip on a laptop and a failure in CI."""
    folder = Path(os.environ.get("DRSN_DATA_DIR", "missing")) / name
    if not folder.is_dir():
        message = f"set DRSN_DATA_DIR to the folder that holds {name}/ (docs/contribute/data.md)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    return folder


def inline(value: object) -> str:
    """A TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value)


@pytest.fixture
def recipe_path(tmp_path: Path, tiny: dict[str, Any]) -> Path:
    """The tiny recipe as a file."""
    path = tmp_path / "tiny.toml"
    path.write_text("".join(f"{key} = {inline(value)}\n" for key, value in tiny.items()))
    return path
