"""The folder of real data, and the tiny recipe and its model in the forms that tests need."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from drsn.model.checkpoint import Checkpoint


@pytest.fixture
def checkpoint(checkpoint_path: Path) -> Checkpoint:
    """The tiny model, trained."""
    return Checkpoint.load(checkpoint_path)


@pytest.fixture
def cwru_folder() -> Path:
    """The official CWRU files; missing is a skip on a laptop and a failure in CI."""
    folder = Path(os.environ.get("DRSN_DATA_DIR", "missing")) / "cwru"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI must set DRSN_DATA_DIR to the folder that holds cwru/")
        pytest.skip("no CWRU data: set DRSN_DATA_DIR to the folder that holds cwru/")
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
